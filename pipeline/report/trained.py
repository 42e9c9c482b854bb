"""What the page says of a training: curves, layers, and what a cross-validation, a search or an ensemble came to."""

from typing import Literal

from pydantic import Field

from pipeline.report.quality import Fact


class Curve(Fact):
    """One number by epoch."""

    name: str
    split: Literal["train", "eval"]
    epochs: tuple[int, ...]
    values: tuple[float, ...]


class LayerFact(Fact):
    """One layer of the model."""

    name: str
    shapes: str
    """The shapes of its variables."""


class FoldFact(Fact):
    """One fold of a cross-validation."""

    number: int
    train_rows: int
    held_out_rows: int
    epochs: int
    best_epoch: int
    metrics: dict[str, float | None]
    """On the held-out rows."""


class FoldsFacts(Fact):
    """A cross-validation on train and eval together."""

    folds: tuple[FoldFact, ...]
    mean: dict[str, float | None]
    """By metric, over the folds."""
    deviation: dict[str, float | None]
    """The sample's standard deviation."""
    line: str
    """All of it in one line, with what was exported."""
    failures: tuple[str, ...] = ()
    """The thresholds on the folds that don't hold."""


class TrialFact(Fact):
    """One trial of a search."""

    number: int
    """Trial 0 has the configuration's own values."""
    values: str
    """What differs from the configuration, as `field: value`."""
    state: str
    value: float | None
    """The value of its best epoch, on the eval split."""
    epochs: int
    seconds: float
    reason: str = ""
    """Why it failed, or which trial had the same values."""


class TuningFacts(Fact):
    """What a search before the training did."""

    line: str
    """What it gained and cost."""
    monitor: str
    best: int
    """The number of the best trial."""
    trials: tuple[TrialFact, ...]
    """The best first; at most 200."""


class MemberFact(Fact):
    """One model of an ensemble, all of them together, or a student."""

    name: str
    family: str = ""
    weight: float | None = None
    """Its share of the answers; 0 where it was left out."""
    epochs: int | None = None
    best_epoch: int | None = None
    metrics: dict[str, float | None]
    """On the eval split."""


class EnsembleFacts(Fact):
    """What an ensemble is made of."""

    line: str
    """All of it in one line, with what a student lost."""
    rows: tuple[MemberFact, ...]
    """Members in their order, then all together, then the student where there is one."""


class TrainingFacts(Fact):
    """What the training did."""

    curves: tuple[Curve, ...] = ()
    monitor: str
    """What early stopping looks at."""
    best_epoch: int | None = None
    epoch_seconds: float | None = None
    """The median; None of a single epoch."""
    budget: str = ""
    """What `train.budget_minutes` cost, in a sentence."""
    family: str
    parameters: int | None = None
    """Numbers in the model's variables."""
    layers: tuple[LayerFact, ...] = ()
    settings: dict[str, str] = Field(default_factory=dict)
    """The `train:` and `model:` sections, with the best values of a search in them."""
    folds: FoldsFacts | None = None
    tuning: TuningFacts | None = None
    ensemble: EnsembleFacts | None = None
