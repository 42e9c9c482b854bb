"""Transformed rows as matrices in memory: any row at any time, for a tenth of what its tf.Example takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import tensorflow as tf

from preprocessing.features import ModelInput


@dataclass(frozen=True)
class Matrices:
    """The rows of one split that have a known label, in the order of the files.

    Attributes:
      inputs: the model inputs, in the order in which their columns stand.
      numbers: float32 [rows, width]: all dense inputs side by side.
      ids: int32 [rows, categorical inputs].
      targets: label and weight, each [rows, 1], by name.
      read: rows of the split, those without a known label included.
    """

    inputs: tuple[ModelInput, ...]
    numbers: tf.Tensor
    ids: tf.Tensor
    targets: dict[str, tf.Tensor]
    read: int

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """One after the other, in the machine's own memory; at least one."""
        with tf.device("CPU:0"):
            return cls(
                parts[0].inputs,
                tf.concat([part.numbers for part in parts], axis=0),
                tf.concat([part.ids for part in parts], axis=0),
                {name: tf.concat([part.targets[name] for part in parts], axis=0) for name in parts[0].targets},
                sum(part.read for part in parts),
            )

    def __len__(self) -> int:
        return int(self.numbers.shape[0])

    @property
    def size(self) -> int:
        """A size in bytes."""
        tensors = (self.numbers, self.ids, *self.targets.values())
        return sum(int(tensor.shape[0]) * int(tensor.shape[1]) * tensor.dtype.size for tensor in tensors)

    def batch(self, rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Some rows by their numbers, int64 [batch], as (inputs, targets): see `input_pipeline.dataset`."""
        dense = [each for each in self.inputs if each.kind == "dense"]
        numbers = tf.split(tf.gather(self.numbers, rows), [each.size for each in dense], axis=1) if dense else []
        ids = tf.unstack(tf.cast(tf.gather(self.ids, rows), tf.int64)[:, :, tf.newaxis], self.ids.shape[1], axis=1)
        columns = {"dense": iter(numbers), "categorical": iter(ids)}
        inputs = {each.name: next(columns[each.kind]) for each in self.inputs}
        return inputs, {name: tf.gather(tensor, rows) for name, tensor in self.targets.items()}


def side_by_side(batch: Mapping[str, tf.Tensor], inputs: Sequence[ModelInput]) -> tuple[tf.Tensor, tf.Tensor]:
    """The model inputs of a batch as `Matrices` holds them: numbers and ids."""
    rows = tf.shape(batch[inputs[0].name])[0]
    numbers = [batch[each.name] for each in inputs if each.kind == "dense"]
    ids = [batch[each.name] for each in inputs if each.kind == "categorical"]
    return (
        tf.concat([tf.zeros([rows, 0]), *numbers], axis=1),
        tf.cast(tf.concat([tf.zeros([rows, 0], tf.int64), *ids], axis=1), tf.int32),
    )
