"""The training of the family `gbt`: a forest grown in epochs, stopped, kept and gone on with as the other families."""

import json
import logging
import math
import time
from pathlib import Path

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
from components.trainer.fit import Watch, begun, judged_epoch
from components.trainer.measures import measures
from components.trainer.scalars import EpochScalars
from components.trainer.task import TrainingTask
from models.config import GbtModel, GbtParams
from models.gbt import filled_model
from preprocessing.errors import UserError

logger = logging.getLogger("lockgate")

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
    absolute = config.loss == "mae"
    loss = head.task if head.task != "regression" else ("absolute" if absolute else "squared")
    growth = Growth(model.params, loss, head.units, columns, train, held_out, task.job.seed)
    checkpoint = Checkpoint(task.checkpoint_dir, task.checkpoint_mirror)
    state = _restored(checkpoint, growth)
    if state.epoch and not state.finished(config):  # a finished member of an ensemble is only loaded
        logger.warning("training goes on after epoch %d, from %s", state.epoch, checkpoint.folder)
    ends = _Ends(model.params, task.job.train)
    progress = Progress(task.step, "iterations", ends.of(config.epochs), begun=ends.of(state.epoch))
    scalars = EpochScalars(task.log_dir, state.logs) if config.tensorboard else None
    budget = Budget(config, state)
    over = watch is not None and any(watch(epoch, value) for epoch, value in enumerate(state.values, 1))
    while not over and not state.finished(config):
        epoch = state.epoch + 1
        if ends.of(epoch) == ends.of(state.epoch):
            # There are more epochs than trees. To wait for a gain here would end the training before its last tree.
            state.repeat()
        else:
            _grow(growth, progress, ends.of(epoch), f"epoch {epoch}/{config.epochs}", budget)
            measuring = time.monotonic()
            logs = measures(head.task, growth.raw, train.labels, train.weights, judged[0], absolute=absolute)
            if growth.held_out is not None and held_out is not None:
                on_eval = measures(
                    head.task, growth.held_out, held_out.labels, held_out.weights, judged[0], absolute=absolute
                )
                logs |= {f"val_{name}": value for name, value in on_eval.items()}
            if scalars is not None:
                scalars.write(epoch - 1, logs)
            said = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
            progress.reach(ends.of(epoch), f"epoch {epoch}/{config.epochs}  {said}", keep=True)
            _check_finite({name: logs[name] for name in ("loss", judged[0])}, epoch, checkpoint)
            judged_epoch(state, epoch, logs, judged, config.early_stopping)
            state.logs.append(logs)
            budget.measured(time.monotonic() - measuring)
        budget.note()
        checkpoint.write(state, lambda folder, _: _store(growth, folder))
        over = watch is not None and watch(epoch, state.values[-1])
    if scalars is not None:
        scalars.close()
    kept = growth.trees[: ends.of(state.best_epoch) * head.units]
    progress.say(
        f"best epoch {state.best_epoch} of {state.epoch} ({judged[0]} {state.best:.5g}), with {len(kept):,} trees"
    )
    report_budget(task, config, state, judged[0], len(growth.trees))
    return filled_model(data.schema.inputs, head, as_weights(kept, growth.base, columns)), state


class _Ends:
    """How many iterations there are after each epoch: equal parts of all, and some after the first."""

    def __init__(self, params: GbtParams, train: TrainConfig) -> None:
        # Of a refit the configuration's own too: its epochs are those that the folds found best.
        self._trees, self._epochs = params.trees, train.epochs

    def of(self, epoch: int) -> int:
        return min(self._trees, math.ceil(self._trees * epoch / self._epochs))


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


def _grow(growth: Growth, progress: Progress, until: int, note: str, budget: Budget) -> None:
    """Grows until there are so many iterations, or until the time is over."""
    begin, reported = len(growth.trees) // growth.units, time.monotonic()
    for iteration in range(begin, until):
        if time.monotonic() - reported > _SECONDS_BETWEEN_REPORTS:
            reported = time.monotonic()
            progress.reach(iteration, f"{note}  step {iteration - begin}/{until - begin}")
        growth.grow()
        if budget.over():
            return


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
