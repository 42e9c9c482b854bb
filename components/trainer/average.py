"""Several trained models as one, whose answers are the average of theirs."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from preprocessing.config import Task
from preprocessing.input_pipeline import TransformedData

Scale = tuple[float, float]


def average(
    members: Sequence[keras.Model], scales: Sequence[Scale], scale: Scale, task: Task, schema: TransformedData
) -> keras.Model:
    """One model of several.

    Probabilities are averaged, not logits: a member that is sure and wrong weighs no more than the others (the linear
    opinion pool, Stone 1961). Numbers are averaged on the scale that the models learned on.

    Args:
      members: of one architecture; their outputs are float32 [batch, units], see `serving_outputs`.
      scales: mean and standard deviation of the labels that each member's outputs are in units of.
      scale: the same for the outputs of the average.
      task: what the outputs are.
      schema: the inputs.

    Returns:
      A model with the members' inputs and outputs of their shape: logits of the mean probabilities, or mean numbers.
    """
    inputs = {
        each.name: keras.Input(
            (each.size if each.kind == "dense" else 1,),
            name=each.name,
            dtype="float32" if each.kind == "dense" else "int64",
        )
        for each in schema.inputs
    }
    outputs = [member(inputs) for member in members]
    if task == "regression":
        layer: keras.layers.Layer = _MeanNumber(scales, scale)
    else:
        layer = _MeanProbability(task == "binary")
    return keras.Model(inputs, layer(outputs))


class _MeanProbability(keras.layers.Layer):
    """Logits of each member to those of the mean of their probabilities, without leaving logarithms."""

    def __init__(self, binary: bool) -> None:
        super().__init__(dtype="float32")
        self._binary = binary

    def call(self, logits: list[Any]) -> Any:
        """Float32 [batch, units] of each member; gives the same shape."""
        stacked = ops.stack([ops.cast(each, "float32") for each in logits])
        if self._binary:
            return _log_mean(ops.log_sigmoid(stacked)) - _log_mean(ops.log_sigmoid(-stacked))
        return _log_mean(ops.log_softmax(stacked, axis=-1))


class _MeanNumber(keras.layers.Layer):
    """Each member's output in units of its own labels, to the mean in units of other ones."""

    def __init__(self, scales: Sequence[Scale], scale: Scale) -> None:
        super().__init__(dtype="float32")
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


def _log_mean(logarithms: Any) -> Any:
    """The logarithm of the mean over the first axis, of what these are the logarithms of."""
    return ops.logsumexp(logarithms, axis=0) - ops.log(float(logarithms.shape[0]))
