"""Numbers spread over several before the first layer: piecewise linear and periodic embeddings of continuous columns.

Both are of Gorishniy et al. 2022, arXiv:2203.05556. Each number has weights of its own; no operation is done column by
column, as on a small batch every operation costs the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from preprocessing.features import ModelInput


class NumberLayer(keras.layers.Layer):
    """Embeds numbers of one kind.

    Attributes:
      numbers: the names of the inputs with the numbers.
      width: how many numbers each of them becomes.
    """

    def __init__(self, numbers: Sequence[str], width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.numbers, self.width = tuple(numbers), width

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of all inputs that it reads."""
        return self.numbers

    def _joined(self, embedded: Any) -> Any:
        """From [batch, numbers, width] to [batch, numbers * width]."""
        return ops.reshape(embedded, (-1, len(self.numbers) * self.width))


class PiecewiseLinear(NumberLayer):
    """A piecewise linear function of each number, whose slope may change where the bins meet.

        e = slope * number + bias + sum over bins of kernel[bin] * (how much of the bin lies below the number)

    The kernel starts at zero, so that training begins with a linear function (as version B in TabM, Gorishniy et al.
    2025, arXiv:2410.24210). A number outside of all bins changes the linear part alone.
    """

    def __init__(self, numbers: Sequence[str], positions: Sequence[str], bins: int, width: int, **kwargs: Any) -> None:
        super().__init__(numbers, width, **kwargs)
        self.positions, self.bins = tuple(positions), bins

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of all inputs that it reads."""
        return (*self.numbers, *self.positions)

    def build(self, input_shape: Mapping[str, Any]) -> None:  # noqa: ARG002  sizes are known
        """Makes the weights of every number."""
        shape = (len(self.numbers), self.width)
        # One number comes in: what Dense of PyTorch, which the papers use, begins with is uniform up to 1.
        uniform = keras.initializers.RandomUniform(-1.0, 1.0)
        self.slope = self.add_weight(name="slope", shape=shape, initializer=uniform)
        self.bias = self.add_weight(name="bias", shape=shape, initializer=keras.initializers.RandomUniform(-1.0, 1.0))
        self.kernel = self.add_weight(
            name="kernel", shape=(len(self.numbers), self.bins, self.width), initializer="zeros"
        )

    def call(self, batch: Mapping[str, Any]) -> Any:
        """Maps a batch to float32 [batch, numbers * width]."""
        positions = _beside(batch, self.positions)
        parts = ops.expand_dims(positions, -1) * float(self.bins) - np.arange(self.bins, dtype="float32")
        curved = _each(ops.clip(parts, 0.0, 1.0), self.kernel)
        return self._joined(curved + ops.expand_dims(_beside(batch, self.numbers), -1) * self.slope + self.bias)


class Periodic(NumberLayer):
    """Sine and cosine of each number at learned frequencies, a linear layer for each number, and a ReLU ("PLR")."""

    def __init__(self, numbers: Sequence[str], waves: int, deviation: float, width: int, **kwargs: Any) -> None:
        super().__init__(numbers, width, **kwargs)
        self.waves, self.deviation = waves, deviation

    def build(self, input_shape: Mapping[str, Any]) -> None:  # noqa: ARG002  sizes are known
        """Makes the weights of every number."""
        count, bound = len(self.numbers), (2 * self.waves) ** -0.5
        normal = keras.initializers.RandomNormal(stddev=self.deviation)
        uniform = keras.initializers.RandomUniform(-bound, bound)
        self.frequencies = self.add_weight(name="frequencies", shape=(count, self.waves), initializer=normal)
        self.kernel = self.add_weight(name="kernel", shape=(count, 2 * self.waves, self.width), initializer=uniform)
        self.bias = self.add_weight(name="bias", shape=(count, self.width), initializer="zeros")

    def call(self, batch: Mapping[str, Any]) -> Any:
        """Maps a batch to float32 [batch, numbers * width]."""
        angles = 2 * np.pi * ops.expand_dims(_beside(batch, self.numbers), -1) * self.frequencies
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return self._joined(ops.relu(_each(waves, self.kernel) + self.bias))


def number_layers(inputs: Sequence[ModelInput], width: int, dtype: Any) -> list[NumberLayer]:
    """A layer for each kind of embedding that the inputs ask for; none where they ask for none."""
    layers: list[NumberLayer] = []
    for bins in dict.fromkeys(each.bins for each in inputs if each.position_of):
        places = [each for each in inputs if each.position_of and each.bins == bins]
        numbers = [each.position_of for each in places]
        positions = [each.name for each in places]
        layers.append(PiecewiseLinear(numbers, positions, bins, width, name=f"piecewise_{bins}", dtype=dtype))
    kinds = dict.fromkeys((each.waves, each.deviation) for each in inputs if each.waves)
    for place, (waves, deviation) in enumerate(kinds):
        numbers = [each.name for each in inputs if (each.waves, each.deviation) == (waves, deviation)]
        layers.append(Periodic(numbers, waves, deviation, width, name=f"periodic_{place}", dtype=dtype))
    return layers


def _beside(batch: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The inputs side by side, float32 [batch, len(names)]."""
    return ops.concatenate([ops.cast(batch[name], "float32") for name in names], axis=-1)


def _each(parts: Any, kernel: Any) -> Any:
    """A matrix product for each number: [batch, numbers, n] by [numbers, n, width] to [batch, numbers, width]."""
    return ops.transpose(ops.matmul(ops.transpose(parts, (1, 0, 2)), kernel), (1, 0, 2))
