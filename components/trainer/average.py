"""The models of several folds as one, whose answers are the average of theirs."""

from collections.abc import Sequence

import keras

from models.ensemble import ensemble
from preprocessing.config import Task
from preprocessing.input_pipeline import TransformedData

Scale = tuple[float, float]


def average(
    members: Sequence[keras.Model], scales: Sequence[Scale], scale: Scale, task: Task, schema: TransformedData
) -> keras.Model:
    """One model of several of equal weight; see `models.ensemble.ensemble`.

    Args:
      members: of one architecture; their outputs are float32 [batch, units], see `serving_outputs`.
      scales: mean and standard deviation of the labels that each member's outputs are in units of.
      scale: the same for the outputs of the average.
      task: what the outputs are.
      schema: the inputs.

    Returns:
      A model with the members' inputs and outputs of their shape: logits of the mean probabilities, or mean numbers.
    """
    mean, std = scale
    return ensemble(
        members,
        [1 / len(members)] * len(members),
        task,
        schema.inputs,
        factors=[own_std / std for _, own_std in scales],
        shifts=[(own_mean - mean) / std for own_mean, _ in scales],
    )
