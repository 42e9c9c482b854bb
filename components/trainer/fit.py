"""The training loop: fit, early stopping, best weights, and going on after a kill."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from components.progress import Progress
from components.trainer.budget import Budget, report_budget
from components.trainer.build import steps_per_epoch
from components.trainer.checkpoint import Checkpoint, TrainingState
from components.trainer.config import EarlyStopping, TrainConfig
from components.trainer.data import TrainingData, training_batches
from components.trainer.scalars import EpochScalars
from components.trainer.task import TrainingTask
from preprocessing.errors import UserError

logger = logging.getLogger("lockgate")

_UNJUDGED = "loss"
"""What there is to watch where no rows are held out. It says nothing about which epoch is the best."""

Watch = Callable[[int, float], bool]
"""Told an epoch, counted from 1, and its monitored value; whether the training is to end after it."""


def fit(
    model: keras.Model,
    data: TrainingData,
    task: TrainingTask,
    *,
    epochs: int | None = None,
    watch: Watch | None = None,
) -> TrainingState:
    """Trains until the last epoch, until the eval split gets no better, or until its time is over.

    Leaves the best weights in `model`. After every epoch the state of the training is written; a training that was
    killed goes on with the next epoch and ends with the same weights as one that was not.

    Args:
      model: built and compiled; it is changed.
      data: what it is trained on.
      task: the training.
      epochs: how many there are where no rows are held out: then the last weights stay. The learning rate follows the
        schedule of `train.epochs` all the same, which it followed where this number was found.
      watch: may end the training for now: its state stays, and the next call goes on after that epoch. It is told the
        epochs of an earlier process too.

    Returns:
      Where the training has come to.

    Raises:
      UserError: the loss is no longer a number.
    """
    config, judged = begun(task.job.train, epochs)
    steps = steps_per_epoch(config, data)
    checkpoint = Checkpoint(task.checkpoint_dir, task.checkpoint_mirror)
    state = checkpoint.restore(model)
    say_where_it_goes_on(state, config, checkpoint)
    progress = Progress(task.step, "steps", config.epochs * steps, begun=state.epoch * steps)
    scalars = EpochScalars(task.log_dir, state.logs) if config.tensorboard else None
    if not over_before(state, config, watch):
        progress.begin("making the graph")
        callbacks: list[keras.callbacks.Callback] = [_Loop(config, judged, state, checkpoint, progress, watch)]
        if scalars is not None:
            callbacks.append(_EpochScalars(scalars))
        _run_epochs(model, data, task, config, state, callbacks)
    if scalars is not None:
        scalars.close()
    checkpoint.load_best(model)
    progress.say(f"best epoch {state.best_epoch} of {state.epoch} ({judged[0]} {state.best:.5g})")
    report_budget(task, config, state, judged[0])
    return state


def _run_epochs(
    model: keras.Model,
    data: TrainingData,
    task: TrainingTask,
    config: TrainConfig,
    state: TrainingState,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Trains from the epoch that `state` has reached until the last, or until a callback ends it."""
    steps = steps_per_epoch(config, data)
    model.fit(
        training_batches(task, data, first_batch=state.epoch * steps),
        epochs=config.epochs,
        initial_epoch=state.epoch,
        steps_per_epoch=steps,
        validation_data=data.eval_batches,
        shuffle=False,  # the dataset shuffles itself
        callbacks=callbacks,
        verbose=0,
    )


def begun(config: TrainConfig, epochs: int | None) -> tuple[TrainConfig, tuple[str, bool]]:
    """The settings of a training, and what its epochs are judged by, as `TrainConfig.judged_by` says.

    Args:
      config: the configuration's.
      epochs: as for `fit`.
    """
    if epochs is None:
        return config, config.judged_by()
    return config.model_copy(update={"epochs": epochs, "early_stopping": None}), (_UNJUDGED, False)


def say_where_it_goes_on(state: TrainingState, config: TrainConfig, checkpoint: Checkpoint) -> None:
    """Tells the user that an earlier process has begun this training, unless there is nothing left to train."""
    if state.epoch and not state.finished(config):  # a finished member of an ensemble is only loaded
        logger.warning("training goes on after epoch %d, from %s", state.epoch, checkpoint.folder)


def over_before(state: TrainingState, config: TrainConfig, watch: Watch | None) -> bool:
    """Whether a training that an earlier process began is over: `watch`, told its epochs in turn, may end it too."""
    ended = watch is not None and any(watch(epoch, value) for epoch, value in enumerate(state.values, 1))
    return ended or state.finished(config)


def judged_epoch(
    state: TrainingState,
    epoch: int,
    logs: Mapping[str, float],
    judged: tuple[str, bool],
    stopping: EarlyStopping | None,
) -> bool:
    """Takes note of a finished epoch.

    Args:
      state: of the training; it is changed.
      epoch: counted from 1.
      logs: its numbers.
      judged: the one that counts, and whether more of it is better.
      stopping: when to stop.

    Returns:
      Whether it is the best so far.
    """
    monitor, higher_is_better = judged
    value, margin = logs[monitor], stopping.min_delta if stopping else 0.0
    gain = (value - state.best) if higher_is_better else (state.best - value)
    improved = state.best_epoch == 0 or gain > margin or monitor == _UNJUDGED
    state.record(epoch, value, improved)
    if stopping is not None and state.waited >= stopping.patience:
        state.stopped = True
    return improved


class _Loop(keras.callbacks.Callback):
    """Reports, keeps the best weights, stops early, and checkpoints after every epoch."""

    _SECONDS_BETWEEN_REPORTS = 0.5

    def __init__(
        self,
        config: TrainConfig,
        judged: tuple[str, bool],
        state: TrainingState,
        checkpoint: Checkpoint,
        progress: Progress,
        watch: Watch | None,
    ) -> None:
        super().__init__()
        self._watch = watch
        self._config, self._state, self._checkpoint, self._progress = config, state, checkpoint, progress
        self._judged = judged
        self._budget = Budget(config, state)
        self._epoch, self._trained = state.epoch, time.monotonic()
        self._reported = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._trained = time.monotonic()
        if self._budget.over():
            # Keras ends the epoch here, and measures what there is of it as it does a whole one.
            self.model.stop_training = True
        if time.monotonic() - self._reported < self._SECONDS_BETWEEN_REPORTS:
            return
        self._reported = time.monotonic()
        self._report(batch + 1, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {name: float(value) for name, value in (logs or {}).items()}
        self._report(None, logs)
        monitor, _ = self._judged
        value = logs[monitor]
        if not (tf.math.is_finite(logs["loss"]) and tf.math.is_finite(value)):
            # A restart must not go on from these weights.
            self._checkpoint.remove()
            raise UserError(
                f"training: the loss is not a number any more (epoch {epoch + 1}: loss {logs['loss']}, "
                f"{monitor} {value})",
                hint="lower train.learning_rate, set train.clip_norm: 1.0, or look for extreme numbers in the data",
            )
        improved = judged_epoch(self._state, epoch + 1, logs, self._judged, self._config.early_stopping)
        self._state.logs.append(_with_rate(self.model, logs))
        self._budget.note()
        if self._state.stopped:
            self.model.stop_training = True
        self._checkpoint.save(self.model, self._state, improved)
        self._budget.measured(time.monotonic() - self._trained)
        if self._watch is not None and self._watch(epoch + 1, value):
            self.model.stop_training = True

    def _report(self, step: int | None, logs: dict[str, Any]) -> None:
        """Says what a step came to, or None for a whole epoch."""
        numbers = "  ".join(f"{name} {float(value):.4f}" for name, value in logs.items())
        steps = self.params["steps"]
        within = "" if step is None else f"step {step}/{steps}"
        self._progress.reach(
            self._epoch * steps + (steps if step is None else step),
            f"epoch {self._epoch + 1}/{self._config.epochs}  {within}  {numbers}",
            keep=step is None,
        )


class _EpochScalars(keras.callbacks.Callback):
    """Writes what each epoch came to for TensorBoard, with its learning rate."""

    def __init__(self, scalars: EpochScalars) -> None:
        super().__init__()
        self._scalars = scalars

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._scalars.write(epoch, _with_rate(self.model, logs or {}))


def _with_rate(model: keras.Model, logs: Mapping[str, float]) -> dict[str, float]:
    return {**logs, "learning_rate": float(model.optimizer.learning_rate)}
