"""Whether wrong numbers are the right ones, changed in a way that has a name: that names the step that went wrong."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from components.smoke_test.bench.requests import Array
from preprocessing.text import counted

_FEWEST_ROWS = 3
_MOST_COLUMNS = 50
_OTHER_ORDER = "the answers are the expected ones in another order of the columns: of the classes"


def resemblance(expected: Array, received: Array, tolerance: float) -> str:
    """What was done to the expected answers, in words; empty where nothing fits all rows.

    Args:
      expected, received: numbers or texts of the same shape, [batch, ...].
      tolerance: relative to the largest number.

    >>> rows = np.array([0.1, 0.7, 0.4])
    >>> resemblance(rows, 1 - rows, 1e-6)
    'the answers are 1 less the expected ones: the other class'
    """
    if expected.shape != received.shape or expected.ndim < 1 or len(expected) < _FEWEST_ROWS:
        return ""
    if expected.dtype == object:
        # Names that stand in every row, as those of classes.
        same = expected.ndim == 2 and all(sorted(a) == sorted(b) for a, b in zip(expected, received, strict=True))
        return _OTHER_ORDER if same else ""
    if not {expected.dtype.kind, received.dtype.kind} <= set("fiu"):
        return ""
    one, other = (np.asarray(each, np.float64).reshape(len(each), -1) for each in (expected, received))
    if not (np.isfinite(one).all() and np.isfinite(other).all()) or len(np.unique(one, axis=0)) < _FEWEST_ROWS:
        return ""
    with np.errstate(all="ignore"):
        return next((words for words, made in _candidates(one, other) if _equal(made, other, tolerance)), "")


def exchanged(expected: Mapping[str, Array], received: Mapping[str, Array], name: str, tolerance: float) -> str:
    """The output whose numbers came under a name, while that name's came under its own; empty where none did.

    Args:
      expected, received: by the name of the output, [batch, ...].
      name: of one that differs.
      tolerance: relative to the largest number.
    """

    def equal(one: Array, other: Array) -> bool:
        if one.shape != other.shape or one.ndim < 1 or _different_rows(one) < _FEWEST_ROWS:
            return False
        if not {one.dtype.kind, other.dtype.kind} <= set("fiu"):
            return bool(np.array_equal(one, other))
        return _equal(np.asarray(one, np.float64), np.asarray(other, np.float64), tolerance)

    others = sorted(expected.keys() & received.keys() - {name})
    found = (
        other for other in others if equal(expected[other], received[name]) and equal(expected[name], received[other])
    )
    return next(found, "")


def _different_rows(array: Array) -> int:
    """How many of the rows differ, of texts too, which NumPy compares one by one only."""
    return len({tuple(row.reshape(-1).tolist()) for row in array}) if array.ndim > 1 else len(set(array.tolist()))


def _candidates(one: Array, other: Array) -> Iterator[tuple[str, Array]]:
    if 1 < one.shape[1] <= _MOST_COLUMNS:
        order = [int(np.argmin(np.abs(one - column[:, np.newaxis]).sum(axis=0))) for column in other.T]
        if sorted(order) == list(range(one.shape[1])):
            yield _OTHER_ORDER, one[:, order]
    yield "the answers are 1 less the expected ones: the other class", 1.0 - one
    yield "the answers are the expected ones with the sign changed", -one
    for name, function, inverse in _FUNCTIONS:
        yield f"the answers are the {name} of the expected ones: {inverse}", function(one)
    for places in range(5):
        yield f"the answers are the expected ones rounded to {counted(places, 'decimal place')}", np.round(one, places)
    yield "the answers are the expected ones in half precision (float16)", one.astype(np.float16).astype(np.float64)
    slope, shift = _line(one.reshape(-1), other.reshape(-1))
    moved = f" plus {shift:.4g}" if abs(shift) > 1e-6 * np.abs(one).max() else ""
    yield f"the answers are the expected ones times {slope:.4g}{moved}: in another unit or scale", slope * one + shift


def _line(one: Array, other: Array) -> tuple[float, float]:
    """The line through the points with the smallest and the largest expected number."""
    low, high = int(np.argmin(one)), int(np.argmax(one))
    slope = float((other[high] - other[low]) / (one[high] - one[low]))
    return slope, float(other[low] - slope * one[low])


def _equal(made: Array, other: Array, tolerance: float) -> bool:
    limit = tolerance * max(1e-9, float(np.abs(other).max()))
    return bool((np.abs(made - other) <= limit).all()) and len(np.unique(other)) > 1


def _softmax(values: Array) -> Array:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


_FUNCTIONS: tuple[tuple[str, Callable[[Array], Array], str], ...] = (
    ("softmax", _softmax, "it is applied here and not there, or twice"),
    ("sigmoid", lambda values: np.asarray(1.0 / (1.0 + np.exp(-values))), "it is applied here and not there, or twice"),
    ("logit", lambda values: np.asarray(np.log(values / (1.0 - values))), "a sigmoid is left out"),
    ("exponential", lambda values: np.asarray(np.exp(values)), "a logarithm is undone here and not there"),
    ("logarithm", lambda values: np.asarray(np.log(values)), "it is not undone"),
    ("exponential less 1", lambda values: np.asarray(np.expm1(values)), "a logarithm is undone here and not there"),
    ("logarithm of 1 plus", lambda values: np.asarray(np.log1p(values)), "it is not undone"),
    ("square root", lambda values: np.asarray(np.sqrt(values)), "it is not undone"),
)
