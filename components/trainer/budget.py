"""The time that a training may take: `train.budget_minutes`."""

import logging
import time

from components.artifacts.budget import BUDGET_FILE, BudgetReport
from components.artifacts.model import TRAINING_FOLDER
from components.trainer.checkpoint import TrainingState
from components.trainer.config import TrainConfig
from components.trainer.distribution.agreement import agreed
from components.trainer.task import TrainingTask

logger = logging.getLogger("lockgate")


class Budget:
    """Counts the seconds of a training over all of its processes, without an epoch that a kill has lost."""

    def __init__(self, config: TrainConfig, state: TrainingState) -> None:
        """Starts to count.

        Args:
          config: with the minutes, or none for a training that ends by itself.
          state: where the training stands; its seconds were spent before.
        """
        self._minutes = config.budget_minutes
        self._config, self._state = config, state
        self._before, self._began = state.seconds, time.monotonic()
        self._measuring = 0.0

    @property
    def seconds(self) -> float:
        """What is spent."""
        return self._before + time.monotonic() - self._began

    def over(self) -> bool:
        """Whether the training has to end its epoch now: to measure it takes as long as it took so far."""
        return self._minutes is not None and agreed(self.seconds + self._measuring >= 60 * self._minutes)

    def measured(self, seconds: float) -> None:
        """Takes note of how long the end of an epoch took: eval, and what is stored."""
        self._measuring = max(self._measuring, seconds)

    def note(self) -> None:
        """Writes into the state what is spent, before it is stored, and whether that was all there is."""
        self._state.seconds = self.seconds
        if self.over() and not self._state.finished(self._config):
            self._state.stopped = self._state.out_of_time = True


def report_budget(
    task: TrainingTask, config: TrainConfig, state: TrainingState, monitor: str, trees: int | None = None
) -> None:
    """Leaves beside the weights what a budget cost, and tells the user where it has ended the training.

    Args:
      task: the training.
      config: its settings, as `components.trainer.fit.begun` gives them.
      state: where it has come to.
      monitor: what its epochs are judged by.
      trees: how many there are in all, of a forest.

    Raises:
      OSError: the folder can't be written.
    """
    if config.budget_minutes is None:
        return
    report = BudgetReport(
        minutes=config.budget_minutes,
        seconds=round(state.seconds, 1),
        out_of_time=state.out_of_time,
        epochs=state.epoch,
        most_epochs=config.epochs,
        trees=trees,
        monitor=monitor,
        value=state.values[-1],
        best=state.best,
        best_epoch=state.best_epoch,
    )
    folder = task.artifact_dir / TRAINING_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BUDGET_FILE).write_text(report.model_dump_json(indent=1), encoding="utf-8")
    if report.out_of_time:
        logger.warning("%s", report.in_words())
