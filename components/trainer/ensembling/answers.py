"""What models answer for whole splits, as arrays: what ensembles are weighed by, and what students learn."""

from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from components.trainer.data import TrainingData
from components.trainer.measures import measures
from components.trainer.task import TrainingTask
from models.gbt import rows_at_once
from preprocessing.config import Task
from preprocessing.errors import UserError
from preprocessing.input_pipeline import Rows, TransformedData, dataset, known_labels

Array = np.ndarray[Any, Any]

_BATCH = 1024
_LEAST = 1e-15
"""The lowest probability that a logarithm is taken of."""


def outputs(model: keras.Model, rows: Rows, schema: TransformedData) -> Array:
    """A model's outputs for the rows with a known label, in the files' order, float64 [rows, units]."""
    traced = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
    batches = dataset(rows, schema, batch_size=rows_at_once(model, _BATCH))
    return np.concatenate([traced(inputs).numpy() for inputs, _ in batches]).astype(np.float64)


def as_averaged(task: Task, raw: Array) -> Array:
    """Outputs of a model as what is averaged, of one shape: probabilities of classes, or the numbers themselves."""
    if task == "regression":
        return raw
    if task == "binary":
        return np.exp(-np.logaddexp(0, -raw))
    return np.exp(raw - np.logaddexp.reduce(raw, axis=1, keepdims=True))


def as_outputs(task: Task, averaged: Array) -> Array:
    """The way back from `as_averaged`."""
    if task == "regression":
        return averaged
    bounded = np.clip(averaged, _LEAST, 1 - _LEAST)
    return np.log(bounded) - np.log1p(-bounded) if task == "binary" else np.log(bounded)


@dataclass(frozen=True)
class Judge:
    """The metrics of answers for the eval split, as the training sees them.

    Attributes:
      task: what the label is.
      labels, weights: as of `components.trainer.measures.measures`.
      absolute: whether the loss of numbers is the absolute error; Huber's is that for large errors.
      monitor: what early stopping looks at, without `val_`.
    """

    task: Task
    labels: Array
    weights: Array
    absolute: bool
    monitor: str

    @classmethod
    def of(cls, task: TrainingTask, data: TrainingData) -> Self:
        """The judge of a training.

        Raises:
          UserError: all rows of the eval split have the weight 0.
        """
        labels, weights = known_labels(data.eval_rows, data.schema)
        if not weights.sum() > 0:
            raise UserError(
                "all rows of split 'eval' have the weight 0, which leaves nothing to weigh the members by",
                field=("features", "weight"),
                hint="correct the column, or remove it from features.weight",
            )
        train = task.job.train
        return cls(
            task=task.job.features.label.task,
            labels=(labels - data.train.mean) / data.train.std,
            weights=weights,
            absolute=train.loss in ("mae", "huber"),
            monitor=train.judged_by()[0].removeprefix("val_"),
        )

    def metrics(self, raw: Array) -> dict[str, float]:
        """All metrics of outputs."""
        return measures(self.task, raw, self.labels, self.weights, f"val_{self.monitor}", absolute=self.absolute)

    def __call__(self, averaged: Array) -> float:
        """The one that counts, of what was averaged."""
        return self.metrics(as_outputs(self.task, averaged))[self.monitor]
