"""Decides what the label asks for: the task, its classes or its scale, and a threshold that a sound model meets."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.data_gate.seen import MAX_CLASSES
from components.example_gen.split_config import HashSplit
from pipeline.scaffold.readings import ROWS_PER_CLASS, decimal_points, few_classes
from pipeline.scaffold.relations import skewness
from pipeline.scaffold.survey import Column, Survey
from preprocessing.config import Task
from preprocessing.errors import UserError
from preprocessing.text import listed

_NEGATIVE = frozenset({"no", "n", "false", "f", "0", "negative", "neg", "absent", "benign", "healthy", "normal", "-1"})
_POSITIVE = frozenset({"yes", "y", "true", "t", "1", "positive", "pos", "present", "malignant", "sick", "abnormal"})
_SKEWED = 1.0
_RARE = 0.2
"""A smaller share makes one of two classes rare; with more classes, a smaller part of twice an even share."""
_SLACK = 1.15
"""How much worse than the best constant answer a model may be and still pass, beside chance."""
_LEAST_DEVIATION = 0.3
"""Standard deviation of the log loss per row, at least. With even classes that of the constant answer is 0; that of a
trained model is not."""
_SIGMAS = 4.0
"""How many standard deviations of chance in the test split are allowed for."""


@dataclass(frozen=True)
class ProposedThreshold:
    """The metric that gates, its upper bound, and the largest loss against the champion."""

    metric: str
    bound: float
    max_regression: float
    reason: str


@dataclass(frozen=True)
class SuggestedThreshold:
    """A metric that is worth a threshold too, once it is known what a good model reaches."""

    metric: str
    bound: float
    reason: str


@dataclass(frozen=True)
class LabelProposal:
    """What the label asks for.

    Attributes:
      task: what is predicted.
      classes: in output order; None for regression.
      transform: the scale that a regression learns on.
      reasons: why, for comments.
      threshold: a starting point that a sound model meets.
      notes: what the user should look at.
      suggested: another threshold, for the user to choose; None where there is none.
    """

    task: Task
    classes: tuple[str, ...] | None
    transform: str
    reasons: tuple[str, ...]
    threshold: ProposedThreshold
    notes: tuple[str, ...]
    suggested: SuggestedThreshold | None = None


def propose_label(survey: Survey, name: str, task: Task | None) -> LabelProposal:
    """Decides from all rows what kind of label this is.

    Args:
      survey: the table.
      name: the label's column.
      task: the task that the user wants; None takes it from the values.

    Raises:
      UserError: the column can't be the label of that task, or of any.
    """
    if not survey.rows:
        raise UserError("the table has a header but no rows", hint="write the table again, with its rows")
    column = survey.columns[name]
    if column.profile.present == 0:
        raise UserError(f"the label {name!r} is empty in every row", hint="choose another column as the label")
    if column.distinct == 1 and len(survey.label_counts) == 1:
        value = next(iter(column.counts))
        raise UserError(f"the label {name!r} is {value!r} in every row", hint="choose a label that varies")
    if column.is_temporal:
        raise UserError(f"the label {name!r} holds dates", hint="choose a column of classes or numbers as the label")
    unclear = survey.readings.unclear.get(name)
    if unclear is not None:
        raise UserError(
            f"the label {name!r} holds {unclear.reason}",
            hint=unclear.hint.replace("COLUMN", name) + "; for classes use --task multiclass",
        )
    if task is None:
        task = _task(column, survey.label_counts)
    notes = []
    if task == "regression" and name in survey.readings.doubts:
        notes.append(decimal_points(name, survey.readings.doubts[name]))
    if column.profile.missing:
        notes.append(f"{column.profile.missing} of {survey.rows} rows have no label ({name!r}): a run leaves them out")
    return _regression(column, notes) if task == "regression" else _classes(column, survey, task, notes)


def _task(column: Column, counts: Counter[str]) -> Task:
    if len(counts) == 2:
        return "binary"
    few = few_classes(counts, column.profile.present)
    if not column.is_number:
        return "multiclass"
    return "multiclass" if column.profile.cells.integers and few else "regression"


def _classes(column: Column, survey: Survey, task: Task, notes: list[str]) -> LabelProposal:
    counts = survey.label_counts
    if task == "binary" and len(counts) != 2:
        raise UserError(
            f"the label {column.name!r} has {len(counts)} different values, a binary label has two",
            hint="leave out --task, or use --task multiclass",
        )
    if len(counts) > min(MAX_CLASSES, column.profile.present // 2):
        raise UserError(
            f"the label {column.name!r} has {len(counts)} or more different values in {column.profile.present} rows, "
            "too many for classes",
            hint="choose another label" + (", or use --task regression" if column.is_number else ""),
        )
    classes = _ordered(counts, task, column.is_number)
    rare = [value for value in classes if counts[value] < ROWS_PER_CLASS]
    if rare:
        notes.append(
            f"classes with fewer than {ROWS_PER_CLASS} rows may be absent from a split: {listed(rare, 5, repr)}"
        )
    reasons = [f"{len(counts)} different values"]
    if column.is_number:
        reasons.append("whole numbers, and so few, are classes; `lockgate init --task regression` predicts a number")
    if task == "binary":
        share = counts[classes[1]] / sum(counts.values())
        reasons = [f"negative, then positive; {share:.1%} of the rows are positive"]
        if share < _RARE or share > 1 - _RARE:
            reasons.append(
                "no class weights: they would distort the probabilities; choose a decision_threshold instead"
            )
    threshold, suggested = _log_loss_threshold(counts), _suggested(task, counts)
    if task == "multiclass" and suggested is not None:
        rarest, rows = min(counts.items(), key=lambda each: (each[1], each[0]))
        reasons.append(
            f"some are rare ({rarest[:40]!r}: {rows / sum(counts.values()):.1%}); no class weights: they would distort "
            "the probabilities. Where each class counts as much as the others: train.class_weights: balanced"
        )
    return LabelProposal(task, classes, "none", tuple(reasons), threshold, tuple(notes), suggested)


def _suggested(task: Task, counts: Counter[str]) -> SuggestedThreshold | None:
    """A metric that does not forget a rare class."""
    if min(counts.values()) >= _RARE * 2 / len(counts) * sum(counts.values()):
        return None
    if task == "binary":
        return SuggestedThreshold(
            "mcc", 0.3, "one class is rare: mcc is 0 for a constant answer, and sees both classes"
        )
    return SuggestedThreshold("macro_f1", 0.5, "some classes are rare: macro_f1 counts each as much as the others")


def _ordered(counts: Counter[str], task: Task, is_number: bool) -> tuple[str, ...]:
    """Orders the classes, for binary the negative first: by its word, by its number, else the more frequent one."""
    if task == "binary":
        first, second = sorted(counts, key=lambda value: (-counts[value], value))
        words = first.lower(), second.lower()
        if is_number:
            return tuple(sorted(counts, key=float))
        if words[0] in _POSITIVE or words[1] in _NEGATIVE:
            return second, first
        return first, second
    return tuple(sorted(counts, key=float if is_number else str))


def _log_loss_threshold(counts: Counter[str]) -> ProposedThreshold:
    rows = np.array(list(counts.values()), dtype=float)
    shares = rows / rows.sum()
    entropy = float(-(shares * np.log(shares)).sum())
    # The log loss of always answering with the shares; over a test split of n rows it varies by this much.
    deviation = math.sqrt(max(float((shares * np.log(shares) ** 2).sum()) - entropy**2, 0.0))
    chance = _SIGMAS * max(deviation, _LEAST_DEVIATION) / math.sqrt(_test_rows(rows.sum()))
    reason = f"always answering with the shares of the classes gives {entropy:.3g}"
    return ProposedThreshold("log_loss", _up(_SLACK * entropy + chance + 0.02), _up(0.1 * entropy + chance), reason)


def _regression(column: Column, notes: list[str]) -> LabelProposal:
    if not column.is_number:
        text = column.profile.cells.first_text or next(iter(column.counts))
        raise UserError(
            f"the label {column.name!r} holds {text!r}; regression needs numbers", hint="leave out --task regression"
        )
    values, lowest = column.numbers, column.profile.minimum or 0.0
    transform = "none"
    reasons = ["numbers"]
    if lowest > 0 and skewness(values) > _SKEWED > abs(skewness(np.log(values))):
        transform, reasons = "log", ["positive with a long tail: the model learns on the logarithm"]
    elif lowest >= 0 and skewness(values) > _SKEWED > abs(skewness(np.log1p(values))):
        transform, reasons = "log1p", ["not negative, with a long tail: the model learns on log(1 + value)"]
    threshold = _error_threshold(values, transform, column.profile.present)
    explained = "r2 is the share of the variance that is explained: 0 for always answering with the mean"
    suggested = SuggestedThreshold("r2", 0.3, explained)
    return LabelProposal("regression", None, transform, tuple(reasons), threshold, tuple(notes), suggested)


def _error_threshold(values: NDArray[np.float64], transform: str, rows: int) -> ProposedThreshold:
    """The error of the best constant, on the scale that the model learns on."""
    metric, what = "rmse", "always answering with the mean"
    errors = (values - values.mean()) ** 2
    if transform != "none":
        # On the label's own scale a few large values decide the error; the error of the logarithm is steadier.
        metric, what = "rmsle", "always answering with the typical value"
        logs = np.log(values) if transform == "log" else np.log1p(values)
        constant = math.exp(logs.mean()) if transform == "log" else math.expm1(logs.mean())
        errors = (np.log1p(values) - math.log1p(constant)) ** 2
    error = math.sqrt(errors.mean())
    chance = _SIGMAS * float(errors.std()) / math.sqrt(_test_rows(rows))
    bound = _SLACK * math.sqrt(errors.mean() + chance)
    return ProposedThreshold(metric, _up(bound), _up(bound - error), f"{what} gives {error:.3g}")


def _test_rows(rows: float) -> float:
    split = HashSplit()
    return max(1.0, rows * split.test / (split.train + split.eval + split.test))


def _up(value: float) -> float:
    """Rounded up to two significant digits."""
    if value <= 0:
        return 0.01
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.6g}")
