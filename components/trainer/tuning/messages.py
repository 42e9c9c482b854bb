"""What a search and its workers say to each other: a line of JSON each."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from components.trainer.config import TrainerJob
from components.trainer.tuning.report import TrialState


class Order(BaseModel):
    """One training for a worker: a trial of a search, or a member of an ensemble."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    number: int
    job: TrainerJob
    """With the values of the trial, or the family of the member, in it."""
    transform_graph: str
    """The folder of Transform's graph."""
    files: dict[str, tuple[str, ...]]
    """The transformed examples of train and eval."""
    code: str
    """The fingerprint of the training code."""
    folder: str
    """A folder of its own, for the state of its training."""
    until: int | None = None
    medians: tuple[float | None, ...] = ()
    """Both as in `components.trainer.tuning.search.Work`."""
    keep: bool = False
    """Whether the folder stays when it has ended: the state of a member has its best weights."""
    log_dir: str | None = None
    """Where its logs for TensorBoard go; a trial has none."""
    checkpoints: str | None = None
    """As of `TrainingTask`."""


class Epoch(BaseModel):
    """An epoch of a trial has ended."""

    kind: Literal["epoch"] = "epoch"
    epoch: int
    value: float


class Ended(BaseModel):
    """A trial has ended, for now or for good."""

    kind: Literal["ended"] = "ended"
    state: TrialState
    value: float | None = None
    curve: tuple[float, ...] = ()
    seconds: float = 0.0
    reason: str = ""
    machine: bool = False
    """As in `components.trainer.tuning.report.TrialRecord`."""
