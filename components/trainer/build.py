"""The compiled model: architecture from `models/`, loss, metrics and optimizer from `train:`."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.trainer import warm_start
from components.trainer.config import TrainConfig
from components.trainer.data import TrainingData
from components.trainer.optimizer import make_optimizer
from components.trainer.task import TrainingTask
from models.heads import Head
from models.registry import build_model
from preprocessing.config import Label

logger = logging.getLogger("lockgate")

_MOST_STEPS_AT_ONCE = 50
"""More saves nothing, and nothing is reported meanwhile."""
_REGRESSION_LOSSES: dict[str, type[keras.losses.Loss]] = {
    "auto": keras.losses.MeanSquaredError,
    "mse": keras.losses.MeanSquaredError,
    "mae": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
}


class _Accuracy(keras.metrics.BinaryAccuracy):
    """The share of rows in which a model sides with the label; the likelier side of what a student learns."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(keras.ops.round(y_true), y_pred, sample_weight)


class _Auc(keras.metrics.AUC):
    """The area under a curve, likewise: any probability above 0 would count as the second class."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(keras.ops.round(y_true), y_pred, sample_weight)


class _MacroF1(keras.metrics.F1Score):
    """Keras' own takes weights of shape [rows], and every loss and other metric those of shape [rows, 1]."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        weights = None if sample_weight is None else keras.ops.reshape(sample_weight, (-1,))
        super().update_state(y_true, y_pred, weights)


_MORE_METRICS: dict[str, Callable[[], list[keras.metrics.Metric]]] = {
    "binary": lambda: [
        keras.metrics.BinaryCrossentropy("log_loss", from_logits=True),
        _Auc(name="auc_pr", curve="PR", from_logits=True),
    ],
    "multiclass": lambda: [
        keras.metrics.CategoricalCrossentropy("log_loss", from_logits=True),
        _MacroF1(average="macro", name="macro_f1"),
    ],
}
"""Those that `early_stopping.monitor` may ask for beside the ones that are always there."""


def build(task: TrainingTask, data: TrainingData) -> keras.Model:
    """Builds and compiles the model, seeded, under the configured precision and distribution.

    Raises:
      UserError: the model family can't be built.
    """
    job = task.job
    keras.utils.set_random_seed(job.seed)
    if job.deterministic:
        tf.config.experimental.enable_op_determinism()
    label = job.features.label
    with _precision(job.train), _distribution(job.train):
        model = build_model(job.model, data.schema.inputs, model_head(label, data))
        if task.champion_dir is not None:
            # Before there is an optimizer: it starts again, at this run's step 0.
            warm_start.load(model, task.champion_dir, warm_start.architecture(job.model, data.schema))
        model.compile(
            optimizer=make_optimizer(job.train, steps_per_epoch(job.train, data), model.trainable_variables),
            loss=_loss(job.train, label),
            weighted_metrics=_metrics(label, job.train.judged_by()[0]),
            jit_compile=False,
            steps_per_execution=steps_per_execution(steps_per_epoch(job.train, data)),
        )
        # Now, under the distribution: a checkpoint is loaded into variables that are there.
        model.optimizer.build(model.trainable_variables)
    return model


def steps_per_epoch(config: TrainConfig, data: TrainingData) -> int:
    """Batches in one epoch: one pass over the training split, unless the configuration says otherwise."""
    return config.steps_per_epoch or data.batches_per_pass


def steps_per_execution(steps: int) -> int:
    """How many steps TensorFlow runs at a time without coming back to Python, for an epoch of so many steps.

    A divisor: what is left over at the end of an epoch would be filled up with steps of the next one.
    """
    return next(each for each in range(min(steps, _MOST_STEPS_AT_ONCE), 0, -1) if steps % each == 0)


@contextlib.contextmanager
def _precision(config: TrainConfig) -> Iterator[None]:
    """Layers take the process-wide policy when they are made, and keep it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if config.mixed_precision == "none" else f"mixed_{config.mixed_precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _distribution(config: TrainConfig) -> contextlib.AbstractContextManager[object]:
    if config.distribution != "mirrored":
        # Workers that train together are in the scope of theirs already.
        return contextlib.nullcontext()
    strategy = tf.distribute.MirroredStrategy()
    if strategy.num_replicas_in_sync == 1:
        logger.warning("train.distribution: mirrored found one device only; it trains as `none` would")
    return strategy.scope()


def model_head(label: Label, data: TrainingData) -> Head:
    """What a model of this label predicts; it starts with the classes' shares in the training split."""
    if label.task == "regression":
        summary = data.train
        low, high = ((bound - summary.mean) / summary.std for bound in (summary.low, summary.high))
        return Head("regression", 0, bounds=(low, high))
    # Half a row for each class keeps the logarithm finite for a class that is not there.
    prior = (np.asarray(data.train.counts, dtype=float) + 0.5) / (data.train.labelled + 0.5 * len(data.train.counts))
    log_prior = np.log(prior)
    bias = (log_prior[1] - log_prior[0],) if label.task == "binary" else tuple(log_prior)
    return Head(label.task, len(prior), tuple(float(b) for b in bias))


def _loss(config: TrainConfig, label: Label) -> keras.losses.Loss:
    if label.task == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    if label.task == "multiclass":
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    return _REGRESSION_LOSSES[config.loss]()


def _metrics(label: Label, monitor: str) -> list[keras.metrics.Metric]:
    """The metrics that every training reports, and the one that it is judged by.

    The Evaluator computes those that gate.

    Args:
      label: what is predicted.
      monitor: as `TrainConfig.judged_by` names it.
    """
    if label.task == "regression":
        return [keras.metrics.RootMeanSquaredError("rmse"), keras.metrics.MeanAbsoluteError("mae")]
    # Each is computed in every step of the training: what nobody asks for is not.
    more = {f"val_{metric.name}": metric for metric in _MORE_METRICS[label.task]()}
    asked = [more[monitor]] if monitor in more else []
    if label.task == "binary":
        # Logits: 0 is a probability of one half.
        return [
            _Accuracy("accuracy", threshold=0.0),
            _Auc(name="auc", from_logits=True),
            *asked,
        ]
    return [keras.metrics.CategoricalAccuracy("accuracy"), *asked]
