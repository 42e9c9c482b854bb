"""SavedModels as tf.saved_model.save writes a tf.Module with one function."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
from support.zoo.plain import SERVING

Outputs = dict[str, tf.Tensor]
NUMBERS = tf.TensorSpec([None, 4], tf.float32, name="x")
WEIGHTS = ((0.3, -0.2), (0.1, 0.5), (-0.4, 0.2), (0.2, 0.1))


class Linear(tf.Module):
    """A linear layer from four numbers to two, and whatever else a model needs."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(WEIGHTS, name="kernel")

    def scores(self, x: tf.Tensor) -> tf.Tensor:
        """float32 [batch, 2]."""
        return x @ self.kernel

    def serve(self, x: tf.Tensor) -> Outputs:
        """What the signature answers."""
        return {"y": self.scores(x)}


def save(folder: Path, module: Linear, spec: tf.TensorSpec = NUMBERS, **options: Any) -> None:
    """Exports `serve` as `serving_default`.

    Args:
      folder: new.
      module: whose method it is.
      spec: of its argument.
      options: of tf.function.
    """
    serve: Callable[..., Any] = tf.function(module.serve, input_signature=[spec], **options)
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": serve})
