"""`ensemble`: whole models beside each other whose answers are averaged. A subclassed Keras model, because its members
are models of any API: a functional one would need all of their layers under names of their own.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
from keras import ops

from models.inputs import PACKAGE, zero_batch
from models.mean import mean_probability
from preprocessing.config import Task
from preprocessing.features import ModelInput


def ensemble(
    members: Sequence[keras.Model],
    shares: Sequence[float],
    task: Task,
    inputs: Sequence[ModelInput],
    *,
    factors: Sequence[float] | None = None,
    shifts: Sequence[float] | None = None,
) -> keras.Model:
    """One model of several, which is asked as each of them is.

    Probabilities are averaged (see `mean_probability`), numbers on the scale that models learn on.

    Args:
      members: built; their outputs are float32 [batch, units].
      shares: of each, above 0; they add up to 1.
      task: what the outputs are.
      inputs: what all of them take.
      factors, shifts: of numbers: what makes each member's output one on the scale of the average; by default 1 and 0.

    Returns:
      An uncompiled, built model with outputs of the members' shape: logits of the mean probabilities, or mean numbers.

    Raises:
      ValueError: the shares don't add up to 1, or there is not one for each member.
    """
    if len(shares) != len(members) or min(shares) <= 0 or not math.isclose(sum(shares), 1):
        raise ValueError(f"{len(members)} members, expected a share above 0 for each, received {list(shares)}")
    if task == "regression":
        mean: keras.layers.Layer = MeanNumber(shares, factors or [1.0] * len(members), shifts or [0.0] * len(members))
    else:
        mean = MeanProbability(shares, binary=task == "binary")
    model = Ensemble(members, mean, name="ensemble")
    # Called once: only then its weights can be saved.
    model(zero_batch(inputs, 1))
    return model


@keras.saving.register_keras_serializable(package=PACKAGE)
class Ensemble(keras.Model):
    """Members, and a layer that makes one answer of theirs. It answers as slowly as all of them together."""

    def __init__(self, members: Sequence[keras.Model], mean: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members, self.mean = list(members), mean

    def call(self, batch: Mapping[str, Any], training: bool = False) -> Any:
        """The batch as the members take it; gives what each of them would, float32 [batch, units]."""
        return self.mean([member(batch, training=training) for member in self.members])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        members = [keras.saving.serialize_keras_object(each) for each in self.members]
        return {**super().get_config(), "members": members, "mean": keras.saving.serialize_keras_object(self.mean)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The model back from `get_config`, with new weights."""
        members = [keras.saving.deserialize_keras_object(each) for each in config["members"]]
        mean = keras.saving.deserialize_keras_object(config["mean"])
        return cls(**{**config, "members": members, "mean": mean})


@keras.saving.register_keras_serializable(package=PACKAGE)
class MeanProbability(keras.layers.Layer):
    """Logits of each member to those of the weighted mean of their probabilities."""

    def __init__(self, shares: Sequence[float], binary: bool, *, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.shares, self.binary = [float(each) for each in shares], binary

    def call(self, logits: Sequence[Any]) -> Any:
        """Float32 [batch, units] of each member; gives the same shape."""
        stacked = ops.stack([ops.cast(each, "float32") for each in logits])
        return mean_probability(stacked, binary=self.binary, axis=0, shares=self.shares)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {**super().get_config(), "shares": self.shares, "binary": self.binary}


@keras.saving.register_keras_serializable(package=PACKAGE)
class MeanNumber(keras.layers.Layer):
    """Each member's number, in units of its own, to the mean in units of the average."""

    def __init__(
        self,
        shares: Sequence[float],
        factors: Sequence[float],
        shifts: Sequence[float],
        *,
        dtype: Any = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.shares, self.factors, self.shifts = ([float(each) for each in all_] for all_ in (shares, factors, shifts))

    def call(self, outputs: Sequence[Any]) -> Any:
        """Float32 [batch, 1] of each member; gives the same shape."""
        # As one factor and one shift: numbers in the labels' own units would lose digits that float32 does not have.
        parts = [
            ops.cast(each, "float32") * (share * factor) + share * shift
            for each, share, factor, shift in zip(outputs, self.shares, self.factors, self.shifts, strict=True)
        ]
        return ops.sum(ops.stack(parts), axis=0)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {**super().get_config(), "shares": self.shares, "factors": self.factors, "shifts": self.shifts}
