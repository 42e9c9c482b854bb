"""Bags of tokens as short vectors: an embedding bag, whose vectors are learned with the model."""

from typing import Any

import keras
from keras import ops


class TokenVectors(keras.layers.Layer):
    """A learned vector for each token of a bag; a row is the weighted sum of those of its tokens.

        e = sum over tokens of weight * vector / sqrt(sum over tokens of weight^2)

    That is TensorFlow's combiner `sqrtn`: however many tokens a row has, the vector is about as long. A row without
    tokens is the zero vector. Computed as one matrix product, because a bag has a number for each token.

    Args:
      size: how many different tokens there are.
      width: how many numbers a vector has.
      initializer: what the vectors begin with.
    """

    def __init__(
        self, size: int, width: int, initializer: str | keras.initializers.Initializer = "uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.width, self.initializer = size, width, initializer

    def build(self, input_shape: Any) -> None:  # noqa: ARG002  sizes are known
        """Makes the vectors."""
        self.vectors = self.add_weight(name="embeddings", shape=(self.size, self.width), initializer=self.initializer)

    def call(self, bag: Any) -> Any:
        """Maps float32 [batch, size] to float32 [batch, width]."""
        length = ops.sqrt(ops.sum(ops.square(bag), axis=-1, keepdims=True))
        return ops.matmul(bag, self.vectors) / ops.where(length > 0, length, ops.ones_like(length))
