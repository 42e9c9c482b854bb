"""Whether two answers that should be equal are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preprocessing.config import DECISION_THRESHOLD, Task
from preprocessing.text import quoted

Array = NDArray[Any]
Answers = Mapping[str, Array]

ROUNDING = 1e-6
"""What float32 may make of a number around one."""
_SMALLEST_SCALE = 1e-2
_AT_ONCE = 2**22
"""So many numbers are compared at a time: an answer may be larger than what memory holds several times."""


@dataclass(frozen=True)
class Difference:
    """The first row in which two answers differ by more than is allowed.

    Attributes:
      output: the output's name.
      row: the row's place in the batch.
      expected, received: as texts.
      rows: how many rows differ.
      size: the largest difference of numbers in that output, in the measure of the tolerance; NaN for texts.
      whole: whether it is in no single row: the names or the shapes differ.
    """

    output: str
    row: int
    expected: str
    received: str
    rows: int
    size: float
    whole: bool = False

    @property
    def expected_in_words(self) -> str:
        """What was expected, with the output's name."""
        return f"{self.output} {self.expected}".strip()

    @property
    def received_in_words(self) -> str:
        """What came back, how far off, and in how many rows more."""
        off = "" if np.isnan(self.size) else f", off by up to {self.size:.3g}"
        more = f" (and in {self.rows - 1} more rows)" if self.rows > 1 else ""
        return f"{self.received}{off}{more}"


def difference(
    expected: Answers,
    received: Answers,
    *,
    tolerance: float,
    task: Task | None,
    threshold: float = DECISION_THRESHOLD,
    like: Answers | None = None,
) -> Difference | None:
    """The first difference between two answers to the same rows, or None.

    Args:
      expected, received: the outputs by name, [batch, ...].
      tolerance: see `compare_output`.
      task: of the model, if that is known.
      threshold: above this probability the second of two classes is the answer.
      like: an answer of the same model to more rows, which says better than a few rows what size is usual.
    """
    if set(expected) != set(received):
        names = [", ".join(sorted(each)) or "no output" for each in (expected, received)]
        return Difference("", 0, f"the outputs {names[0]}", names[1], 1, float("nan"), whole=True)
    undecided = undecided_rows(expected, tolerance, threshold)
    # Numbers first: they say more than the label that follows from them.
    for name in sorted(expected, key=lambda each: (expected[each].dtype == object, each)):
        found = compare_output(
            name,
            expected[name],
            received[name],
            tolerance=tolerance,
            task=task,
            like=(like or expected).get(name),
            ignored_rows=undecided,
        )
        if found is not None:
            return found
    return None


def compare_output(
    name: str,
    expected: Array,
    received: Array,
    *,
    tolerance: float,
    task: Task | None,
    like: Array | None = None,
    ignored_rows: NDArray[np.bool_] | None = None,
) -> Difference | None:
    """Does what `difference` does, for one output.

    Args:
      name: of the output.
      expected, received: [batch, ...], or a scalar.
      tolerance: relative to the row's largest number, or to what is usual in this output where that is more; absolute
        for the probabilities of a classification. Texts and whole numbers must be equal.
      task: as for `difference`.
      like: the same output for more rows.
      ignored_rows: rows in which texts and whole numbers may differ, bool [batch].
    """
    if expected.shape != received.shape:
        shapes = [f"shape {list(each.shape)}" for each in (expected, received)]
        return Difference(name, 0, shapes[0], shapes[1], 1, float("nan"), whole=True)
    if np.array_equal(expected, received):
        return None
    if _inexact(expected, received):
        usual = usual_size(expected if like is None else like, task)
        sizes = _sizes(expected, received, usual)
        # Half precision can't keep to less than its own rounding, which comes out differently in another batch.
        failing = ~(sizes <= max(tolerance, *(4 * _half_rounding(each) for each in (expected, received))))
    else:
        sizes = np.full(len(_by_row(expected)), np.nan)
        failing = np.asarray(_by_row(expected) != _by_row(received)).any(axis=1)
        if ignored_rows is not None and len(ignored_rows) == len(failing):
            failing &= ~ignored_rows
    if not failing.any():
        return None
    row = int(np.argmax(failing))
    shown = [text(_by_row(each)[row]) for each in (expected, received)]
    size = float("nan") if np.isnan(sizes).all() else float(np.nanmax(sizes))
    return Difference(name, row, shown[0], shown[1], int(failing.sum()), size)


def without_padding(expected: Array, received: Array, declared: tuple[int | None, ...] | None) -> tuple[Array, Array]:
    """Two answers to the same rows, cut to the same width where only padding is cut off.

    Lists of different lengths are filled up to the longest one of a batch, so that the same row comes back wider in one
    batch than in another.

    Args:
      expected, received: one output, [batch, ...].
      declared: its shape in the signature; only a size that is left open may differ.

    Returns:
      Both as they are where what one has more is not one value again and again.
    """
    if expected.ndim != received.ndim or (declared is not None and len(declared) != expected.ndim):
        return expected, received
    one, other = expected, received
    for axis in range(1, expected.ndim):
        if declared is not None and declared[axis] is not None:
            continue
        size = min(one.shape[axis], other.shape[axis])
        parts = [np.split(each, [size], axis) for each in (one, other)]
        if any(rest.size and not _is_one_value(rest) for _, rest in parts):
            return expected, received
        one, other = (kept for kept, _ in parts)
    return one, other


def _is_one_value(array: Array) -> bool:
    """Whether it holds one value again and again; NaN is one too."""
    first = array.reshape(-1)[0]
    return bool(((array == first) | ((array != array) & (first != first))).all())


def largest(expected: Array, received: Array, *, task: Task | None) -> float:
    """The largest difference of two numeric outputs of the same shape, in the measure of the tolerance."""
    return float(_sizes(expected, received, usual_size(expected, task)).max(initial=0.0))


def usual_size(values: Array, task: Task | None) -> float:
    """What a difference in a row of small numbers is measured by: the usual size of a row's largest number.

    A value that happens to be near zero carries the rounding of the larger ones that it is made of.
    """
    if task in ("binary", "multiclass"):
        return 1.0
    rows = np.abs(_by_row(values)).max(axis=1, initial=0.0) if values.dtype.kind in "fiubc" else np.empty(0)
    # Many a model answers zero to most rows.
    rows = rows[np.isfinite(rows) & (rows > 0)]
    usual = float(np.median(rows)) if rows.size else 0.0
    # Values in the label's own units may all be small. What is known of nothing may be the rest of a difference
    # between numbers around one.
    return usual if usual and task == "regression" else max(usual, _SMALLEST_SCALE)


def undecided_rows(
    outputs: Answers, tolerance: float, threshold: float = DECISION_THRESHOLD
) -> NDArray[np.bool_] | None:
    """Rows in which two classes are equally probable within the tolerance, or the second of two has the decision
    threshold's probability: either may be called the answer.

    Returns:
      bool [batch]; None when no output looks like probabilities.
    """
    found: NDArray[np.bool_] | None = None
    for values in outputs.values():
        if values.dtype.kind != "f" or values.ndim not in (1, 2) or not values.size:
            continue
        if not ((values >= 0) & (values <= 1 + tolerance)).all():
            continue
        columns = values[:, np.newaxis] if values.ndim == 1 else values
        if columns.shape[1] == 1:
            columns = np.concatenate([columns, 1 - columns], axis=1)
        elif (np.abs(columns.sum(axis=1, dtype=np.float64) - 1) > tolerance).any():
            continue
        highest = np.partition(columns, -2, axis=1)[:, -2:]
        close = np.abs(highest[:, 1] - highest[:, 0]) <= 2 * tolerance
        if columns.shape[1] == 2:
            close |= np.abs(columns[:, 1] - threshold) <= tolerance
        if found is None or len(found) != len(close):
            found = close
        else:
            found |= close
    return found


def _inexact(expected: Array, received: Array) -> bool:
    kinds = {expected.dtype.kind, received.dtype.kind}
    return kinds <= set("fciub") and bool(kinds & set("fc"))


def _half_rounding(values: Array) -> float:
    return float(np.finfo(values.dtype).eps) if values.dtype == np.float16 else 0.0


def _sizes(expected: Array, received: Array, usual: float) -> Array:
    """The largest difference in each row; infinite where only one of the two is a number."""
    expected, received = _by_row(expected), _by_row(received)
    sizes = np.zeros(len(expected))
    step = max(1, _AT_ONCE // max(1, expected.shape[1]))
    for start in range(0, len(expected), step):
        rows = slice(start, start + step)
        sizes[rows] = _sizes_of(expected[rows], received[rows], usual)
    return sizes


def _sizes_of(expected: Array, received: Array, usual: float) -> Array:
    wide = np.complex128 if "c" in (expected.dtype.kind, received.dtype.kind) else np.float64
    expected, received = expected.astype(wide), received.astype(wide)
    with np.errstate(invalid="ignore", over="ignore"):
        sizes = np.abs(expected - received)
        same = (expected == received) | (np.isnan(expected) & np.isnan(received))
        sizes = np.where(same, 0.0, np.where(np.isnan(sizes), np.inf, sizes))
        largest = np.where(np.isfinite(expected), np.abs(expected), 0.0).max(axis=1, initial=0.0)
    worst: Array = sizes.max(axis=1, initial=0.0) / np.maximum(largest, usual)
    return worst


def _by_row(array: Array) -> Array:
    """[batch, numbers]; a scalar is one row."""
    if not array.ndim:
        return array.reshape(1, 1)
    return array.reshape(len(array), int(np.prod(array.shape[1:], dtype=int)))


def text(values: Any, most: int = 8) -> str:
    """Numbers or strings for the eye: seven digits, and the first few of many."""
    flat = np.atleast_1d(values).reshape(-1)
    more = f", ... ({flat.size} values)" if flat.size > most else ""
    return "[" + ", ".join(_shown(value) for value in flat[:most]) + more + "]"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return quoted(value.decode("utf-8", errors="replace"))
    return f"{value:.7g}" if isinstance(value, (float, np.floating, complex, np.complexfloating)) else str(value)
