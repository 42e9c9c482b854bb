"""Several trained models as one, whose answers are the average of theirs."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models.mean import mean_probability
from preprocessing.config import Task
from preprocessing.input_pipeline import TransformedData

Scale = tuple[float, float]
_DTYPES = {"dense": "float32", "categorical": "int64"}


def average(
    members: Sequence[keras.Model], scales: Sequence[Scale], scale: Scale, task: Task, schema: TransformedData
) -> keras.Model:
    """One model of several.

    Probabilities are averaged (see `mean_probability`), numbers on the scale that the models learned on.

    Args:
      members: of one architecture; their outputs are float32 [batch, units], see `serving_outputs`.
      scales: mean and standard deviation of the labels that each member's outputs are in units of.
      scale: the same for the outputs of the average.
      task: what the outputs are.
      schema: the inputs.

    Returns:
      A model with the members' inputs and outputs of their shape: logits of the mean probabilities, or mean numbers.
    """
    mean = _MeanNumber(scales, scale) if task == "regression" else _MeanProbability(task == "binary")
    model = _Average(members, mean)
    # Called once: only then its weights can be saved.
    model(
        {
            each.name: ops.zeros((1, each.size if each.kind == "dense" else 1), _DTYPES[each.kind])
            for each in schema.inputs
        }
    )
    return model


class _Average(keras.Model):
    """Not a functional model: in such a one the members, which have one name, could not stand side by side."""

    def __init__(self, members: Sequence[keras.Model], mean: keras.layers.Layer) -> None:
        super().__init__(name="average")
        self.members, self.mean = list(members), mean

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """The batch as the members take it; gives what each of them would, float32 [batch, units]."""
        return self.mean([member(inputs, training=training) for member in self.members])


class _MeanProbability(keras.layers.Layer):
    """Logits of each member to those of the mean of their probabilities."""

    def __init__(self, binary: bool) -> None:
        super().__init__(name="mean_probability", dtype="float32")
        self._binary = binary

    def call(self, logits: list[Any]) -> Any:
        """Float32 [batch, units] of each member; gives the same shape."""
        stacked = ops.stack([ops.cast(each, "float32") for each in logits])
        return mean_probability(stacked, binary=self._binary, axis=0)


class _MeanNumber(keras.layers.Layer):
    """Each member's output in units of its own labels, to the mean in units of other ones."""

    def __init__(self, scales: Sequence[Scale], scale: Scale) -> None:
        super().__init__(name="mean_number", dtype="float32")
        self._scales, self._scale = list(scales), scale

    def call(self, outputs: list[Any]) -> Any:
        """Float32 [batch, 1] of each member; gives the same shape."""
        mean, std = self._scale
        # As one factor and one shift: numbers in the labels' own units would lose digits that float32 does not have.
        parts = [
            ops.cast(each, "float32") * (own_std / std) + (own_mean - mean) / std
            for each, (own_mean, own_std) in zip(outputs, self._scales, strict=True)
        ]
        return ops.mean(ops.stack(parts), axis=0)
