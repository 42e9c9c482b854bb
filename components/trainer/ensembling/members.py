"""The trainings inside an ensemble's: each as if it were alone, one after the other or side by side in processes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from components.artifacts.budget import BUDGET_FILE, budget_in_words
from components.artifacts.ensemble import STUDENT
from components.artifacts.model import TRAINING_FOLDER
from components.progress import Progress
from components.trainer.checkpoint import Checkpoint, TrainingState
from components.trainer.data import TrainingData, batched
from components.trainer.task import TrainingTask
from components.trainer.training import train
from components.trainer.tuning.messages import Epoch, Order
from components.trainer.tuning.trial import task_of
from components.trainer.tuning.workers import Workers
from models.config import EnsembleParams, SingleModel
from preprocessing.errors import FieldPath, UserError

logger = logging.getLogger("lockgate")

_SEEDS = 2**31
MEMBERS: FieldPath = ("model", "params", "members")


@dataclass(frozen=True)
class Inner:
    """One training inside.

    Attributes:
      name: its folder's, among the logs too.
      order: the training, for a process of its own or for this one.
    """

    name: str
    order: Order

    @property
    def task(self) -> TrainingTask:
        """The training, for this process."""
        return task_of(self.order)

    def finished(self) -> bool:
        """Whether an earlier process, or another one of this run, has trained it to its end."""
        checkpoint = Checkpoint(self.task.checkpoint_dir, self.task.checkpoint_mirror)
        newest = checkpoint.newest()
        return newest is not None and checkpoint.state_in(newest).finished(self.order.job.train)


@dataclass(frozen=True)
class Trained:
    """What became of one.

    Attributes:
      name: as of `Inner`.
      family: what it is.
      model: with the weights of its best epoch.
      state: how its training went.
      budget: what `train.budget_minutes` cost it, in a sentence; empty where there is none.
    """

    name: str
    family: str
    model: keras.Model
    state: TrainingState
    budget: str


def members_of(task: TrainingTask, params: EnsembleParams) -> tuple[Inner, ...]:
    """The trainings of the members, in their order; each has a seed of its own, which is counted on from the job's."""
    models, names = params.models(), params.names()
    return tuple(_inner(task, name, model, at) for at, (name, model) in enumerate(zip(names, models, strict=True)))


def student_of(task: TrainingTask, params: EnsembleParams) -> Inner:
    """The training of the student."""
    return _inner(task, STUDENT, params.student, len(params.members))


def _inner(task: TrainingTask, name: str, model: SingleModel, number: int) -> Inner:
    seed = (task.job.seed + number) % _SEEDS
    order = Order(
        number=number,
        job=task.job.model_copy(update={"model": model, "train": task.job.train.of_member(name), "seed": seed}),
        transform_graph=task.transform_graph,
        files={split: task.files[split] for split in ("train", "eval")},
        code=task.code,
        # All of it goes with the ensemble's own state, when that is exported.
        folder=str(task.checkpoint_dir / name),
        keep=True,
        log_dir=str(task.log_dir / name),
        checkpoints=task.checkpoint_mirror,
    )
    return Inner(name, order)


def train_here(inner: Inner, data: TrainingData) -> Trained:
    """Trains in this process, or goes on; one that has finished is only loaded.

    Raises:
      UserError: it can't be trained; the message names it.
    """
    task = inner.task
    try:
        model, state = train(task, batched(data, task))
    except UserError as error:
        raise UserError(
            f"the training of {inner.name}: {error.message}",
            field=error.field,
            expected=error.expected,
            received=error.received,
            hint=error.hint,
        ) from error
    budget = budget_in_words(task.artifact_dir / TRAINING_FOLDER / BUDGET_FILE)
    return Trained(inner.name, inner.order.job.model.family, model, state, budget)


def train_beside(inners: Sequence[Inner], parallel: int, step: str) -> None:
    """Trains in processes until all have finished; `train_here` loads them.

    Args:
      inners: all members; those that have finished before are left alone.
      parallel: how many at the same time.
      step: the name of the node that this runs in.

    Raises:
      UserError: one can't be trained, or its process has ended.
    """
    waiting = {each.order.number: each for each in inners if not each.finished()}
    if len(waiting) < 2:
        return  # nothing to be had from a second process
    progress = Progress(step, "members", len(inners), begun=len(inners) - len(waiting))
    done, running = len(inners) - len(waiting), dict[int, str]()
    progress.reach(done, f"{min(parallel, len(waiting))} processes start")

    def told(number: int, epoch: Epoch) -> None:
        running[number] = f"{waiting[number].name} (epoch {epoch.epoch}, {epoch.value:.4g})"
        progress.reach(done, ", ".join(running.values()))

    with Workers(min(parallel, len(waiting)), "model.params.parallel members") as workers:
        for number, ended in workers.run([each.order for each in waiting.values()], told, None):
            name = waiting[number].name
            if ended.state != "complete":
                more = "set model.params.parallel: 1, or give it more memory; a new run goes on with what is there"
                alone = f"train the family alone (model.family: {waiting[number].order.job.model.family}) to see why"
                raise UserError(
                    f"the member {name} could not be trained: {ended.reason}",
                    field=(*MEMBERS, number),
                    hint=more if ended.machine else alone,
                )
            done += 1
            running.pop(number, None)
            progress.reach(done, f"{name} has been trained, in {ended.seconds:.0f} s", keep=True)
