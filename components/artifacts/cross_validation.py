"""Cross-validation: what is asked for, the splits of its folds, and what its steps leave for each other."""

import re
import statistics
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from preprocessing.rules import broken_rule
from preprocessing.settings import Settings

MAX_FOLDS = 20
FOLD_FILE = "fold.json"
"""The `FoldReport`, in the folder of a fold's Model artifact where others have their SavedModel, beside the weights of
its best epoch."""
HELD_OUT_FILE = "held_out.npz"
"""There too: the arrays of `HELD_OUT`, of the rows that the fold was not trained on."""
HELD_OUT = ("label", "prediction", "weight")
"""float64 [rows] of class ids, or of the label in its own units; the prediction as served, float32 [rows] or [rows,
classes]; float64 [rows], 1 where rows have no weights."""
FOLDS_FILE = "folds.json"
"""The `FoldReports` of all folds, in the folder `training/` of the Model artifact that CrossValidation gathers."""
SPREAD_FILE = "cross_validation.json"
"""The `Spread`, beside the Evaluator's results."""


def member_file(fold: int) -> str:
    """The weights of a fold, beside `FOLDS_FILE` where an ensemble is exported; Keras wants this ending."""
    return f"fold-{fold}.weights.h5"


def held_out_file(fold: int) -> str:
    """The fold's `HELD_OUT_FILE`, beside `FOLDS_FILE`."""
    return f"fold-{fold}.npz"


class FoldThreshold(Settings):
    """What a metric must reach over the folds, less (or plus, for `max`) some of its standard deviations."""

    metric: Annotated[str, Field(min_length=1)]
    min: float | None = None
    """The mean less `deviations` standard deviations is at least this."""
    max: float | None = None
    """The mean plus `deviations` standard deviations is at most this."""
    deviations: Annotated[float, Field(ge=0)] = 1.0
    """0 asks for the mean alone."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min is None and self.max is None:
            raise broken_rule("give min or max", field=("metric",), received=self.metric)
        return self


class CrossValidationConfig(Settings):
    """Trains on folds of train and eval together; the model that is exported has learned from all of these rows."""

    folds: Annotated[int, Field(ge=2, le=MAX_FOLDS)] = 5
    """Each is held out once. They keep the rule of `data.split`: rows with the same keys stay in one fold, classes are
    spread evenly, and by time each fold is newer than all rows that it is trained on."""
    export: Literal["refit", "ensemble"] = "refit"
    """`refit` trains once more, on all of these rows, for as many epochs as the folds found best (their median).
    `ensemble` exports the models of all folds as one that averages their answers."""
    thresholds: tuple[FoldThreshold, ...] = ()
    """Gates on the folds' metrics; without them the spread is only reported."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        named = [each.metric for each in self.thresholds]
        for position, name in enumerate(named):
            if name in named[:position]:
                field = ("thresholds", position, "metric")
                raise broken_rule(
                    "the metric has two thresholds", field=field, received=name, hint="give min and max in one"
                )
        return self


def fold_node(number: int) -> str:
    """The node that trains a fold, counted from 1."""
    return f"Fold{number}"


def is_fold_node(name: str) -> bool:
    """Whether a node is such a one."""
    return re.fullmatch(r"Fold[0-9]+", name) is not None


def fold_split(number: int) -> str:
    """The split of a fold's held-out rows; of 0 the oldest rows, which only an expanding window has."""
    return f"fold-{number}"


def fold_splits(folds: int, *, by_time: bool) -> tuple[str, ...]:
    """All splits that rows of train and eval are divided into."""
    return tuple(fold_split(number) for number in range(0 if by_time else 1, folds + 1))


def trained_on(number: int, folds: int, *, by_time: bool) -> tuple[str, ...]:
    """The splits that a fold, counted from 1, is trained on: all others, or by time all that are older."""
    held_out = fold_split(number)
    others = [each for each in fold_splits(folds, by_time=by_time) if each != held_out]
    return tuple(others[:number] if by_time else others)


class FoldReport(BaseModel):
    """What the training of one fold came to."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fold: int
    """Its number, from 1."""
    train_rows: int
    held_out_rows: int
    """Those with a label, as of `train_rows`."""
    epochs: int
    best_epoch: int
    """From 1; its weights were kept."""
    monitor: str
    best: FiniteFloat
    """What `monitor` came to in that epoch."""
    mean: FiniteFloat = 0.0
    """The mean of a regression's training labels, on the scale that the model learns on; its outputs are in units of it
    and of `std`. 0 and 1 for classes."""
    std: FiniteFloat = 1.0
    size: dict[str, int] = Field(default_factory=dict)
    """What has to be known beside the configuration to load its weights: of `gbt` how large its forest is."""


class FoldReports(BaseModel):
    """All folds, in order."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    folds: tuple[FoldReport, ...]

    def epochs(self) -> int:
        """How long a model is trained on all rows: the median of the best epochs, the upper one of an even number."""
        return statistics.median_high([each.best_epoch for each in self.folds])


class MetricSpread(BaseModel):
    """One metric over the folds; None where a fold has no such number."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    mean: FiniteFloat | None
    deviation: FiniteFloat | None
    """The sample's standard deviation: of n folds, with n - 1."""
    folds: tuple[FiniteFloat | None, ...]
    """The metric on the held-out rows of each fold."""


class Spread(BaseModel):
    """The Evaluator's metrics over the folds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    export: Literal["refit", "ensemble"]
    folds: tuple[FoldReport, ...]
    epochs: int
    """How many the refit has."""
    metrics: dict[str, MetricSpread]
    failures: tuple[str, ...] = ()
    """One line for each threshold that doesn't hold."""

    def line(self, most: int = 4) -> str:
        """The first metrics in one line: `5 folds: accuracy 0.97 ± 0.01, ...`, and what was exported."""
        shown = [
            f"{name} {each.mean:.4g} ± {each.deviation:.2g}"
            for name, each in self.metrics.items()
            if each.mean is not None and each.deviation is not None
        ]
        exported = (
            f"refit on all of their rows for {self.epochs} epochs"
            if self.export == "refit"
            else "the average of their models is exported"
        )
        return f"{len(self.folds)} folds: {', '.join(shown[:most])}; {exported}"
