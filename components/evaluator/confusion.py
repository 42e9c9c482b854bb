"""The confusion matrix of several classes, and the metrics that are made of it."""

import math

import numpy as np

from components.evaluator.columns import Columns, Floats
from components.evaluator.scoring import known_classes
from components.evaluator.tally import Cells, Table, Whole

_CLASSES = 2**14
"""More than a label can have."""


def matrix(columns: Columns) -> Cells:
    """The weights of rows by label and answered class; -1 is an unknown class, and an answer with a NaN."""
    label, prediction, weight = columns
    known, actual = known_classes(label, prediction)
    answered = np.where(np.isnan(prediction).any(axis=1), -1, np.argmax(prediction, axis=1))
    group = (np.where(known, actual, -1) + 1) * _CLASSES + answered + 1
    values = weight[:, np.newaxis, np.newaxis]
    return Cells(_CLASSES**2, group[:, np.newaxis], None, values, weight != 0)


def cells(table: Table) -> tuple[Whole, Whole, Floats]:
    """The matrix without its empty cells.

    Returns:
      Label, int64 [cells], answered class, int64 [cells], and the rows' weight, float64 [cells].
    """
    return table.group // _CLASSES - 1, table.group % _CLASSES - 1, table.sums[:, 0]


def macro_f1(table: Table) -> float:
    """The mean of the classes' F1, over those that occur as label or as answer; NaN with an answer of NaN."""
    f1, _ = _f1(table)
    return float(f1.mean()) if len(f1) else math.nan


def weighted_f1(table: Table) -> float:
    """The mean of the classes' F1, by the weight of their rows; NaN with an answer of NaN, or without a known label."""
    f1, weight = _f1(table)
    return float((f1 * weight).sum() / weight.sum()) if weight.sum() else math.nan


def precision(of_class: int, table: Table) -> float:
    """The share of the rows answered as a class that is; NaN without such rows, or with an answer of NaN."""
    label, answered, weight = cells(table)
    chosen = answered == of_class
    return _share(table, weight[chosen & (label == of_class)].sum(), weight[chosen].sum())


def recall(of_class: int, table: Table) -> float:
    """The share of a class's rows that is answered so; NaN without such rows, or with an answer of NaN."""
    label, answered, weight = cells(table)
    chosen = label == of_class
    return _share(table, weight[chosen & (answered == of_class)].sum(), weight[chosen].sum())


def _share(table: Table, part: float, whole: float) -> float:
    _, answered, _ = cells(table)
    return float(part / whole) if whole and not (answered < 0).any() else math.nan


def _f1(table: Table) -> tuple[Floats, Floats]:
    """F1 and weight of each class that occurs; both empty with an answer of NaN."""
    label, answered, weight = cells(table)
    if not len(label) or (answered < 0).any():
        return np.zeros(0), np.zeros(0)
    classes, at = np.unique(np.concatenate([label, answered]), return_inverse=True)
    rows, columns = at[: len(label)], at[len(label) :]
    actual = np.bincount(rows, weight, len(classes))
    predicted = np.bincount(columns, weight, len(classes))
    right = np.bincount(rows, np.where(rows == columns, weight, 0.0), len(classes))
    # An unknown class counts in the answers that are wrong for it, and is not a class of its own.
    known = classes >= 0
    return (2 * right / (actual + predicted))[known], actual[known]


def mistaken(table: Table) -> list[int]:
    """The groups, in the sense of `matrix`, in which each class that occurs is taken for the next one."""
    label, answered, _ = cells(table)
    classes = np.unique(np.concatenate([label, answered])).tolist()
    others = [*classes[1:], classes[0] if len(classes) > 1 else classes[0] + 1]
    return [(one + 1) * _CLASSES + other + 1 for one, other in zip(classes, others, strict=True)]
