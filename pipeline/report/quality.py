"""The facts about a model's quality beyond its metrics: curves, confusion, errors, and a small tree beside it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """Frozen data; attributes are documented by docstrings below them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Model = Literal["candidate", "champion", "this run", "other run"]
"""The last two are the candidates of two runs that stand side by side."""


class ThresholdPoint(Fact):
    """What a decision threshold gives: rows by weight."""

    threshold: float
    """A probability above it is an answer of yes."""
    tp: float
    fp: float
    tn: float
    fn: float

    @property
    def recall(self) -> float | None:
        """The share of the class's rows that are above; None without rows."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def false_alarms(self) -> float | None:
        """The share of the other rows that are above; None without rows."""
        return _share(self.fp, self.fp + self.tn)

    @property
    def precision(self) -> float | None:
        """The share of the rows above that are of the class; None without rows."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


class ScoreBin(Fact):
    """A range of probabilities: rows by weight."""

    low: float
    high: float
    positive: float
    """Rows that are of the class."""
    negative: float
    mean: float | None
    """The mean probability; None without rows."""


class ScoreFacts(Fact):
    """What one model's probabilities of one class are worth."""

    model: Model
    of: str
    """The class's name."""
    points: tuple[ThresholdPoint, ...]
    """At most 200, by threshold."""
    bins: tuple[ScoreBin, ...]
    """Ranges of equal width."""


class ConfusionCell(Fact):
    """Rows of a class that got an answer, by weight."""

    actual: str
    predicted: str
    rows: float
    share: float | None
    """The share of the class's rows."""


class ClassFact(Fact):
    """How well one class is answered."""

    name: str
    rows: float
    """Counted by weight."""
    precision: float | None
    recall: float | None
    f1: float | None


class GridCell(Fact):
    """A range of labels and one of predictions, with the share of the rows in both."""

    actual: tuple[float, float]
    predicted: tuple[float, float]
    share: float


class ErrorBin(Fact):
    """A range of errors, prediction minus label, with the share of the rows."""

    low: float
    high: float
    share: float


class ErrorFacts(Fact):
    """How far one model's numbers are off."""

    model: Model
    grid: tuple[GridCell, ...]
    """The ranges that have rows; the outermost ones also hold what lies beyond."""
    bins: tuple[ErrorBin, ...]
    """Between the quantiles of 0.01 and 0.99."""
    outside: tuple[float, float]
    """The shares of the rows below and above the bins."""
    quantiles: dict[str, float]
    """By the share of the rows that are at or below."""


class TreeFact(Fact):
    """The candidate beside a small decision tree on the raw columns."""

    measure: str
    loss: float | None
    tree_loss: float | None
    trivial_loss: float | None
    """That of the best answer without features; None where it was not looked at."""
    skill: float | None
    bound: float | None
    confidence: float
    tree: str
    """What it is, in words."""
    rows: int
    """The training rows that it was made from."""
    finding: str
    """What is wrong with the model, or why nothing was compared; "" for nothing."""
    next_step: str = ""
    blocks: bool
    columns: dict[str, float]
    """The share of the tree's gain that each column has."""
