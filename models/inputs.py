"""Turns the batch's dictionary into tensors that layers can multiply: the entrance of every family.

A batch is `dict[str, tensor]` with one entry for each `preprocessing.features.ModelInput`: `dense` inputs are
float32 of shape [batch, size], `categorical` inputs are int64 ids of shape [batch, 1], each in [0, size).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.bags import TokenVectors
from models.config import EncoderParams
from models.numbers import number_layers
from preprocessing.features import ModelInput

PACKAGE = "lockgate"
"""The name under which Keras registers our layers for serialisation."""


def default_embedding_dim(size: int) -> int:
    """The width of an embedding of `size` ids: min(50, 1.6 * size ** 0.56), rounded up.

    fastai's `emb_sz_rule` (Howard and Gugger, 2020, arXiv:2002.04688) with a lower cap; theirs is 600.
    """
    return min(50, math.ceil(1.6 * math.pow(size, 0.56)))


def symbolic_inputs(inputs: Sequence[ModelInput]) -> dict[str, keras.KerasTensor]:
    """The batch as `keras.Input`s, for the Functional API.

    Such a model accepts exactly these keys: Keras pairs the sorted keys of the batch with the sorted names.
    """
    return {
        item.name: keras.Input(
            shape=(_columns(item),), dtype="float32" if item.kind == "dense" else "int64", name=item.name
        )
        for item in inputs
    }


def zero_batch(inputs: Sequence[ModelInput], rows: int) -> dict[str, Any]:
    """A batch of `rows` rows in which every number and every id is 0."""
    return {
        item.name: ops.zeros((rows, _columns(item)), dtype="float32" if item.kind == "dense" else "int64")
        for item in inputs
    }


def clipped_ids(batch: Mapping[str, Any], inputs: Sequence[ModelInput]) -> dict[str, Any]:
    """The ids of each categorical input as [batch], each in [0, size).

    A lookup with an id outside the table aborts the step on CPU and reads zeros on GPU. A serving process
    must do neither because of one strange row, so such an id counts as the nearest valid one.
    """
    categorical = [item for item in inputs if item.kind == "categorical"]
    if not categorical:
        return {}
    # All at once: on a small batch every operation costs the same, however little it does.
    # (Keras' own export of a Sequential model hands over ids as floats.)
    ids = ops.cast(ops.concatenate([batch[item.name] for item in categorical], axis=-1), "int64")
    last = np.array([item.size - 1 for item in categorical], np.int64)
    columns = ops.unstack(ops.minimum(ops.maximum(ids, 0), last), axis=-1)
    return dict(zip((item.name for item in categorical), columns, strict=True))


def looked_up(table: Any, ids: Any) -> Any:
    """Rows of a table of shape [size, width] by ids of shape [batch] that are in [0, size): [batch, width].

    `ops.take` does the same in seven operations, because it takes negative ids too.
    """
    return tf.gather(ops.convert_to_tensor(table), ids)


class BatchLayer(keras.layers.Layer):
    """A layer that is called on the whole batch, and remembers which inputs it reads.

    It computes in float32 under mixed precision too: raw inputs may exceed what float16 can hold.
    """

    def __init__(self, inputs: Sequence[ModelInput], *, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.model_inputs = tuple(inputs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {**super().get_config(), "inputs": [asdict(item) for item in self.model_inputs]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The layer back from `get_config`, with new weights."""
        return cls(**{**config, "inputs": [ModelInput(**item) for item in config["inputs"]]})


@keras.saving.register_keras_serializable(package=PACKAGE)
class FeatureEncoder(BatchLayer):
    """Concatenates all inputs into one float32 tensor of shape [batch, width].

    In the order of `inputs`: dense inputs stay as they are; a categorical input becomes a one-hot vector when it has at
    most `one_hot_max` ids, else a learned embedding. Ids out of range count as the nearest valid one. After them come
    the numbers that are embedded, `number_width` for each.

    Attributes:
      widths: how many numbers of the output each input takes, in the order of the output.
      width: the last dimension of the output.
    """

    def __init__(
        self,
        inputs: Sequence[ModelInput],
        one_hot_max: int = EncoderParams().one_hot_max,
        embedding_dim: int | None = None,
        number_width: int = EncoderParams().number_width,
        embedding_deviation: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(inputs, **kwargs)
        self.one_hot_max = one_hot_max
        self.embedding_dim = embedding_dim
        self.number_width = number_width
        self.embedding_deviation = embedding_deviation
        self.embeddings = {
            item.name: keras.layers.Embedding(
                item.size,
                embedding_dim or default_embedding_dim(item.size),
                embeddings_initializer=self._initializer(),
                dtype=self.dtype_policy,
            )
            for item in self.model_inputs
            if item.kind == "categorical" and item.size > one_hot_max
        }
        self.bags = {
            item.name: TokenVectors(item.size, item.embed, self._initializer(), dtype=self.dtype_policy)
            for item in self.model_inputs
            if item.embed
        }
        self.numbers = number_layers(self.model_inputs, number_width, self.dtype_policy)
        read = {name for layer in self.numbers for name in layer.reads}
        self._others = [item for item in self.model_inputs if item.name not in read]
        self.widths = (
            *(
                self.embeddings[item.name].output_dim if item.name in self.embeddings else item.embed or item.size
                for item in self._others
            ),
            *(number_width for layer in self.numbers for _ in layer.numbers),
        )
        self.width = sum(self.widths)

    def _initializer(self) -> str | keras.initializers.Initializer:
        if self.embedding_deviation is None:
            return "uniform"
        return keras.initializers.RandomNormal(stddev=self.embedding_deviation)

    @classmethod
    def from_params(
        cls, inputs: Sequence[ModelInput], params: EncoderParams, embedding_deviation: float | None = None
    ) -> Self:
        """The encoder that a family's options ask for.

        Args:
          inputs: what preprocessing delivers.
          params: the options.
          embedding_deviation: the standard deviation of embeddings at the beginning; None takes Keras' own.
        """
        return cls(
            inputs,
            params.one_hot_max,
            params.embedding_dim,
            params.number_width,
            embedding_deviation,
            name="encoder",
        )

    def build(self, input_shape: Mapping[str, Any]) -> None:
        """Makes the embedding tables."""
        for name, embedding in self.embeddings.items():
            embedding.build(input_shape[name])
        for name, bag in self.bags.items():
            bag.build(input_shape[name])
        for layer in self.numbers:
            layer.build(input_shape)

    def call(self, batch: Mapping[str, Any]) -> Any:
        """Maps a batch to float32 of shape [batch, width]."""
        values = {**batch, **clipped_ids(batch, self.model_inputs)}
        encoded = [self._encode(item, values[item.name]) for item in self._others]
        return ops.concatenate([*encoded, *(layer(batch) for layer in self.numbers)], axis=-1)

    def _encode(self, item: ModelInput, values: Any) -> Any:
        if item.kind == "dense":
            numbers = ops.cast(values, self.compute_dtype)
            return self.bags[item.name](numbers) if item.embed else numbers
        if item.name in self.embeddings:
            return looked_up(self.embeddings[item.name].embeddings, values)
        return ops.one_hot(values, item.size, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: Mapping[str, Any]) -> tuple[int | None, int]:
        """The output's shape, [batch, width]."""
        return (input_shape[self.model_inputs[0].name][0], self.width)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {
            **super().get_config(),
            "one_hot_max": self.one_hot_max,
            "embedding_dim": self.embedding_dim,
            "number_width": self.number_width,
            "embedding_deviation": self.embedding_deviation,
        }


def _columns(item: ModelInput) -> int:
    """The second dimension of the input's tensor."""
    return item.size if item.kind == "dense" else 1
