"""The best answer without features: what a model has to beat to be worth anything."""

import numpy as np
import tensorflow as tf

from components.artifacts.golden import TrivialAnswer
from components.trainer.data import FloatArray, TrainingData, class_weights
from components.trainer.signatures import inverse
from components.trainer.task import TrainingTask
from preprocessing.input_pipeline import known_labels


def trivial_answer(task: TrainingTask, data: TrainingData) -> TrivialAnswer | None:
    """The answer that minimises the training's own loss over the training split, weights and class weights included.

    Of classes that is their shares. Of numbers it is the mean on the scale that the model learns on, as a value in the
    label's own units; the median where the loss is an absolute one or Huber's, which for large errors is that.

    Returns:
      None when no row has a weight.
    """
    labels, weights = known_labels(data.train_rows, data.schema)
    if not weights.sum() > 0:
        return None
    label, train = task.job.features.label, task.job.train
    if label.task != "regression":
        per_class = class_weights(train, data.schema, data.train)
        by_class = np.bincount(labels.astype(np.int64), weights, minlength=len(data.schema.classes))
        totals = by_class if per_class is None else by_class * per_class
        shares = totals / totals.sum()
        return TrivialAnswer(
            answer=tuple(shares.tolist()),
            class_weights=None if per_class is None else tuple(per_class.tolist()),
            error="log_loss",
        )
    absolute = train.loss in ("mae", "huber")
    best = weighted_median(labels, weights) if absolute else float(np.average(labels, weights=weights))
    value = float(inverse(label)(tf.constant(best, tf.float64)).numpy())
    return TrivialAnswer(answer=(value,), transform=label.transform, error="absolute" if absolute else "squared")


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """The smallest value at or below which half of the weight lies."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
