"""One trial, or one member of an ensemble: a training as the Trainer's own, without an export."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import keras

from components.trainer.data import load_data
from components.trainer.task import TrainingTask
from components.trainer.training import train
from components.trainer.tuning.messages import Ended, Epoch, Order
from components.trainer.tuning.report import TrialState, better
from preprocessing.errors import UserError


def run_trial(order: Order, tell: Callable[[Epoch], None]) -> Ended:
    """Trains a trial until its end, until Hyperband's next rung, or until the median rule ends it.

    The state of its training lies in the order's folder after every epoch: the same order goes on from there. The
    folder goes with a trial that has ended for good, unless it is to be kept.

    Args:
      order: the trial.
      tell: told each epoch; of a training that goes on, those of before too.
    """
    keras.backend.clear_session()
    began = time.monotonic()
    watch = _Watch(order, tell)
    try:
        state, value = _trained(order, watch)
        reason = ""
    except UserError as error:
        state, value, reason = "failed", None, error.message or str(error)
    if state != "paused" and not order.keep:
        shutil.rmtree(order.folder, ignore_errors=True)
    seconds = time.monotonic() - began
    return Ended(state=state, value=value, curve=tuple(watch.curve), seconds=seconds, reason=reason)


def task_of(order: Order) -> TrainingTask:
    """The training that an order asks for."""
    # The Trainer's state lies two folders above its Model artifact.
    serving = Path(order.folder) / "Trainer" / "model" / "serving"
    return TrainingTask(
        job=order.job,
        transform_graph=order.transform_graph,
        files={"test": (), **order.files},
        # The job's golden split, which no export of a trial stores.
        golden=order.files["eval"],
        serving_dir=serving,
        log_dir=serving.parent if order.log_dir is None else Path(order.log_dir),
        remote=None,
        champion_dir=None,
        folds_dir=None,
        code=order.code,
        checkpoints=order.checkpoints,
    )


def _trained(order: Order, watch: "_Watch") -> tuple[TrialState, float | None]:
    task = task_of(order)
    _, reached = train(task, load_data(task), watch=watch)
    if reached.finished(order.job.train):
        return "complete", reached.best
    return ("pruned" if watch.worse else "paused"), reached.best


class _Watch:
    """Keeps the values of the epochs, and ends the training where it has to."""

    def __init__(self, order: Order, tell: Callable[[Epoch], None]) -> None:
        self.curve: list[float] = []
        self.worse = False
        self._order, self._tell = order, tell
        self._higher = order.job.train.judged_by()[1]

    def __call__(self, epoch: int, value: float) -> bool:
        self.curve.append(value)
        self._tell(Epoch(epoch=epoch, value=value))
        medians = self._order.medians
        best = max(self.curve) if self._higher else min(self.curve)
        if epoch <= len(medians) and (median := medians[epoch - 1]) is not None:
            self.worse = better(median, best, higher=self._higher)
        return self.worse or epoch == self._order.until
