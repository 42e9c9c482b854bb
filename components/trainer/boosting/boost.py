"""The training of the family `gbt`: a forest grown in epochs, stopped, kept and gone on with as the other families."""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from components.progress import Progress
from components.trainer.boosting.forest import as_weights
from components.trainer.boosting.growth import Growth
from components.trainer.boosting.table import Columns, Table, in_memory_only
from components.trainer.budget import Budget, report_budget
from components.trainer.build import model_head
from components.trainer.checkpoint import Checkpoint, TrainingState
from components.trainer.config import TrainConfig
from components.trainer.data import TrainingData, class_weights
from components.trainer.fit import Watch, begun, judged_epoch, over_before, say_where_it_goes_on
from components.trainer.measures import measures
from components.trainer.scalars import EpochScalars
from components.trainer.task import TrainingTask
from models.config import GbtModel, GbtParams
from models.gbt import filled_model
from models.heads import Head
from preprocessing.config import Task
from preprocessing.errors import UserError

Array = np.ndarray[Any, Any]

_TREES = "trees.npz"
_RANDOM = "random.json"
_SECONDS_BETWEEN_REPORTS = 0.5


def boost(
    task: TrainingTask, data: TrainingData, *, epochs: int | None = None, watch: Watch | None = None
) -> tuple[keras.Model, TrainingState]:
    """Grows a forest until its last tree, until the eval split gets no better, or until its time is over.

    It is cut off after the best epoch.

    An epoch is one of `train.epochs` equal parts of the trees. After each the state is written; a training that was
    killed goes on with the next epoch and ends with the same forest as one that was not.

    Args:
      task: the training.
      data: what it is trained on.
      epochs, watch: as for `components.trainer.fit.fit`.

    Returns:
      An uncompiled model, and where the training has come to.

    Raises:
      UserError: the rows take more memory than they may, or the loss is no longer a number.
    """
    model = task.job.model
    if not isinstance(model, GbtModel):
        raise TypeError(f"expected the family gbt, received {model.family}")
    config, judged = begun(task.job.train, epochs)
    head = model_head(task.job.features.label, data)
    columns, train, held_out = _tables(task, data, head.units)
    growth = Growth(model.params, _loss(config, head), head.units, columns, train, held_out, task.job.seed)
    checkpoint = Checkpoint(task.checkpoint_dir, task.checkpoint_mirror)
    state = _restored(checkpoint, growth)
    say_where_it_goes_on(state, config, checkpoint)
    answers = _Answers(growth, train, held_out, head.task, judged[0], absolute=config.loss == "mae")
    loop = _Loop(task, config, judged, _Ends(model.params, task.job.train), answers, state, checkpoint)
    over = over_before(state, config, watch)
    while not over:
        loop.epoch()
        over = (watch is not None and watch(state.epoch, state.values[-1])) or state.finished(config)
    kept = growth.trees[: loop.best_iterations() * head.units]
    loop.close(f"with {len(kept):,} trees")
    report_budget(task, config, state, judged[0], len(growth.trees))
    return filled_model(data.schema.inputs, head, as_weights(kept, growth.base, columns)), state


def _loss(config: TrainConfig, head: Head) -> str:
    """The one of `growth.LOSSES` that is trained on."""
    if head.task != "regression":
        return head.task
    return "absolute" if config.loss == "mae" else "squared"


class _Ends:
    """How many iterations there are after each epoch: equal parts of all, and some after the first."""

    def __init__(self, params: GbtParams, train: TrainConfig) -> None:
        # Of a refit the configuration's own too: its epochs are those that the folds found best.
        self._trees, self._epochs = params.trees, train.epochs

    def of(self, epoch: int) -> int:
        return min(self._trees, math.ceil(self._trees * epoch / self._epochs))


@dataclass(frozen=True)
class _Answers:
    """A forest, and the rows that its answers are held against."""

    growth: Growth
    train: Table
    held_out: Table | None
    task: Task
    monitor: str
    absolute: bool

    def logs(self) -> dict[str, float]:
        """What an epoch came to, named as Keras does: `val_` is of the rows that are held out."""
        logs = self._of(self.growth.raw, self.train)
        if self.growth.held_out is not None and self.held_out is not None:
            logs |= {f"val_{name}": value for name, value in self._of(self.growth.held_out, self.held_out).items()}
        return logs

    def _of(self, raw: Array, rows: Table) -> dict[str, float]:
        return measures(self.task, raw, rows.labels, rows.weights, self.monitor, absolute=self.absolute)


class _Loop:
    """Grows, measures, reports and checkpoints, an epoch at a time."""

    def __init__(
        self,
        task: TrainingTask,
        config: TrainConfig,
        judged: tuple[str, bool],
        ends: _Ends,
        answers: _Answers,
        state: TrainingState,
        checkpoint: Checkpoint,
    ) -> None:
        self._config, self._judged, self._ends, self._answers = config, judged, ends, answers
        self._state, self._checkpoint = state, checkpoint
        self._progress = Progress(task.step, "iterations", ends.of(config.epochs), begun=ends.of(state.epoch))
        self._scalars = EpochScalars(task.log_dir, state.logs) if config.tensorboard else None
        self._budget = Budget(config, state)

    def epoch(self) -> None:
        """The next epoch; after it the state is on disk."""
        epoch = self._state.epoch + 1
        if self._ends.of(epoch) == self._ends.of(self._state.epoch):
            # There are more epochs than trees. To wait for a gain here would end the training before its last tree.
            self._state.repeat()
        else:
            self._grow(self._ends.of(epoch), f"epoch {epoch}/{self._config.epochs}")
            measuring = time.monotonic()
            self._measure(epoch)
            self._budget.measured(time.monotonic() - measuring)
        self._budget.note()
        self._checkpoint.write(self._state, lambda folder, _: _store(self._answers.growth, folder))

    def best_iterations(self) -> int:
        """How many iterations the best epoch had."""
        return self._ends.of(self._state.best_epoch)

    def close(self, kept: str) -> None:
        """Ends the files, and says what the training came to and what is `kept` of it."""
        if self._scalars is not None:
            self._scalars.close()
        state = self._state
        self._progress.say(
            f"best epoch {state.best_epoch} of {state.epoch} ({self._judged[0]} {state.best:.5g}), {kept}"
        )

    def _grow(self, until: int, note: str) -> None:
        """Grows until there are so many iterations, or until the time is over."""
        growth = self._answers.growth
        begin, reported = len(growth.trees) // growth.units, time.monotonic()
        for iteration in range(begin, until):
            if time.monotonic() - reported > _SECONDS_BETWEEN_REPORTS:
                reported = time.monotonic()
                self._progress.reach(iteration, f"{note}  step {iteration - begin}/{until - begin}")
            growth.grow()
            if self._budget.over():
                return

    def _measure(self, epoch: int) -> None:
        logs = self._answers.logs()
        if self._scalars is not None:
            self._scalars.write(epoch - 1, logs)
        said = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        self._progress.reach(self._ends.of(epoch), f"epoch {epoch}/{self._config.epochs}  {said}", keep=True)
        _check_finite({name: logs[name] for name in ("loss", self._judged[0])}, epoch, self._checkpoint)
        judged_epoch(self._state, epoch, logs, self._judged, self._config.early_stopping)
        self._state.logs.append(logs)


def _tables(task: TrainingTask, data: TrainingData, units: int) -> tuple[Columns, Table, Table | None]:
    job, summary = task.job, data.train
    name, limit = task.named("train"), job.train.memory_mb
    rows = in_memory_only(data.train_rows, name, limit, units)
    columns = Columns.learned(rows)
    weights = class_weights(job.train, data.schema, summary)
    train = Table.read(rows, columns, name, mean=summary.mean, std=summary.std, class_weights=weights)
    if not task.stops_early:
        return columns, train, None
    name = task.named("eval")
    held_out = in_memory_only(data.eval_rows, name, limit, units)
    return columns, train, Table.read(held_out, columns, name, mean=summary.mean, std=summary.std)


def _check_finite(logs: dict[str, float], epoch: int, checkpoint: Checkpoint) -> None:
    if all(math.isfinite(value) for value in logs.values()):
        return
    checkpoint.remove()
    said = ", ".join(f"{name} {value}" for name, value in logs.items())
    raise UserError(
        f"training: the loss is not a number any more (epoch {epoch}: {said})",
        hint="look for extreme numbers in the label, the weights and train.class_weights",
    )


def _store(growth: Growth, folder: Path) -> None:
    arrays, random = growth.state()
    with (folder / _TREES).open("wb") as file:
        np.savez(file, **arrays)
    (folder / _RANDOM).write_text(json.dumps(random))


def _restored(checkpoint: Checkpoint, growth: Growth) -> TrainingState:
    """The state of an earlier process, whose trees `growth` takes over; a fresh one where there is none."""
    newest = checkpoint.newest()
    if newest is None:
        return TrainingState()
    with np.load(newest / _TREES, allow_pickle=False) as arrays:
        growth.go_on(arrays, json.loads((newest / _RANDOM).read_text()))
    return checkpoint.state_in(newest)
