"""Inputs that predict the label suspiciously well, each on its own.

Every column gets the simplest model there is, learnt on one half of a sample and judged on the other: the mean of the
label, or the share of each class, for each value or interval (target encoding; Micci-Barreca, A preprocessing scheme
for high-cardinality categorical attributes, 2001). The score is the share of the label's variance (R squared) or
entropy (Theil's U) that it explains in rows that it has not seen, so that an id, whose values don't come back, scores
nothing. Why such columns are dangerous: Kaufman et al., Leakage in Data Mining, 2012.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.data_gate.columns import Columns
from components.data_gate.config import Leakage
from components.data_gate.report import DataFinding

_BIN_ROWS = 20
"""An interval has so many rows at least: fewer say little about the mean of a label."""
_PRIOR_ROWS = 0.1
"""The share of a class in all rows counts as so many rows of every value (additive smoothing): enough that no class
has the probability 0, and too little to hide a perfect predictor."""
_MOST_CLASSES = 1000
_MOST_CELLS = 20_000_000
"""Rows times classes: 160 MB for each array of that shape; with 1000 classes still ten rows of each to learn from."""


@dataclass(frozen=True)
class Values:
    """A column of the sample.

    Attributes:
      values: float64 (numbers) or object (text), one for each row; whatever where it is missing.
      missing: bool of the same shape.
    """

    values: NDArray[Any]
    missing: NDArray[np.bool_]


def leaking(sample: Mapping[str, Values], columns: Columns, config: Leakage) -> Iterator[DataFinding]:
    """The inputs whose score reaches the threshold.

    Args:
      sample: rows of the training split, the label among them; rows without a label are left out.
      columns: names the label and the inputs.
      config: threshold and severity.
    """
    if config.severity == "off" or columns.label not in sample:
        return
    label = sample[columns.label]
    labelled = np.flatnonzero(~label.missing)
    if columns.task != "regression":
        classes = min(len(np.unique(label.values[labelled])), _MOST_CLASSES)
        labelled = labelled[:: -(-len(labelled) * max(classes, 1) // _MOST_CELLS) or 1]
    target = _target(label.values[labelled], columns)
    if target is None:
        return
    for name in columns.inputs:
        if name not in sample:
            continue
        column = Values(sample[name].values[labelled], sample[name].missing[labelled])
        as_numbers = column.values.dtype != object and columns.inputs[name] in ("number", "own", "datetime")
        score = explained(column, target, as_numbers=as_numbers)
        if score < config.threshold:
            continue
        gone = explained(Values(np.zeros(len(column.missing)), column.missing), target, as_numbers=False)
        how = "whether it is missing" if gone >= config.threshold else "its value"
        yield DataFinding(
            check="leakage",
            split="train",
            feature=name,
            expected=f"no single input to explain {100 * config.threshold:g} % of the label {columns.label!r}",
            received=f"{how} alone explains {100 * score:.4g} %",
            severity=config.severity,
            hint="is it known when the model is asked? If not, take it out of features:; if so, raise "
            "data_gate.leakage.threshold",
        )


def explained(column: Values, target: NDArray[np.float64], *, as_numbers: bool) -> float:
    """The share of the label that one column explains in held-out rows, 0 or less to 1.

    Args:
      column: n rows.
      target: float64 of shape [n, 1] (a regression's label) or [n, classes] (one-hot).
      as_numbers: neighbouring values are alike; otherwise each value stands for itself.
    """
    learn = np.arange(len(target)) % 2 == 0
    judge = ~learn
    known, missing = ~column.missing, column.missing
    default = target[learn].mean(axis=0)
    predicted = np.tile(default, (len(target), 1))
    if (missing & learn).any():
        predicted[missing] = _smoothed(target[missing & learn].sum(axis=0), (missing & learn).sum(), default)
    if (known & learn).any():
        values = column.values
        method = _by_interval if as_numbers else _by_value
        predicted[known] = method(values[known & learn], target[known & learn], values[known], default)
    if target.shape[1] == 1:
        spread = float(np.square(target[judge] - default).sum())
        guesses = [predicted]
        if as_numbers and (known & learn).any():
            guesses.append(np.where(known[:, np.newaxis], _by_line(column, target, learn & known), predicted))
        errors = [float(np.square(target[judge] - guess[judge]).sum()) for guess in guesses]
        return 1 - min(errors) / spread if spread else 0.0
    loss, entropy = (-np.log(np.sum(p * target[judge], axis=1).clip(1e-12)).sum() for p in (predicted[judge], default))
    return 1 - float(loss / entropy) if entropy > 0 else 0.0


def _target(values: NDArray[Any], columns: Columns) -> NDArray[np.float64] | None:
    """The label as [n, 1] numbers or [n, classes] one-hot; None when there is nothing to predict."""
    if columns.task == "regression":
        if values.dtype == object or len(values) < 2 * _BIN_ROWS:
            return None
        return values.astype(np.float64)[:, np.newaxis]
    classes, codes = np.unique(values, return_inverse=True)
    if not 2 <= len(classes) <= _MOST_CLASSES or len(values) < 2 * _BIN_ROWS:
        return None
    return np.eye(len(classes), dtype=np.float64)[codes]


def _smoothed(sums: NDArray[Any], rows: Any, default: NDArray[np.float64]) -> NDArray[np.float64]:
    smoothed: NDArray[np.float64] = (sums + _PRIOR_ROWS * default) / (rows + _PRIOR_ROWS)
    return smoothed


def _by_value(
    learnt: NDArray[Any], target: NDArray[np.float64], asked: NDArray[Any], default: NDArray[np.float64]
) -> NDArray[np.float64]:
    values, codes = np.unique(learnt, return_inverse=True)
    sums = np.stack([np.bincount(codes, target[:, i], len(values)) for i in range(target.shape[1])], axis=1)
    means = _smoothed(sums, np.bincount(codes)[:, np.newaxis], default)
    places = np.searchsorted(values, asked).clip(max=len(values) - 1)
    return np.where((values[places] == asked)[:, np.newaxis], means[places], default)


def _by_line(column: Values, target: NDArray[np.float64], learn: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The straight line of least squares: exact for the label in another unit, up to its rarest values."""
    x, y = column.values[learn], target[learn, 0]
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread if spread else 0.0
    line: NDArray[np.float64] = (y.mean() + slope * (column.values - x.mean()))[:, np.newaxis]
    return line


def _by_interval(
    learnt: NDArray[Any], target: NDArray[np.float64], asked: NDArray[Any], default: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Means over equally filled intervals; for a regression linear between their centres, so that a line is exact."""
    count = max(len(learnt) // _BIN_ROWS, 1)
    cuts = np.unique(np.quantile(learnt, np.arange(1, count) / count, method="inverted_cdf"))
    codes = np.searchsorted(cuts, learnt, side="left")
    rows = np.bincount(codes, minlength=len(cuts) + 1)
    filled = rows > 0
    sums = np.stack([np.bincount(codes, target[:, i], len(rows)) for i in range(target.shape[1])], axis=1)
    if target.shape[1] == 1:
        centres = np.bincount(codes, learnt, len(rows))[filled] / rows[filled]
        return np.interp(asked, centres, sums[filled, 0] / rows[filled])[:, np.newaxis]
    means = _smoothed(sums, rows[:, np.newaxis], default)
    return means[np.searchsorted(cuts, asked, side="left")]
