"""What a column that training depends on holds in one split, in counts: what the rules on labels, weights, dates and
booleans judge.

Counted from the examples (`components.data_gate.counting`), or from the files of a table before the run, so that both
judge alike. No TensorFlow here.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preprocessing.readable import Reading

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CLASSES = 1000
"""A label's values are counted up to this many different ones; one with more is not a class."""
LARGEST = 3.4028234663852886e38
"""Preprocessing works with float32: larger numbers are infinite there."""


@dataclass(frozen=True)
class Floor:
    """The smallest number that a column may hold."""

    limit: float
    allowed: bool
    """Whether it may hold the limit itself."""

    def broken(self, number: float) -> bool:
        """Whether a number is too small."""
        return number < self.limit or (number == self.limit and not self.allowed)


@dataclass
class Seen:
    """What one column holds in some rows, or in all rows of a split.

    Attributes:
      rows: all of them.
      missing: those without a value.
      low, high: the smallest and the largest finite number; None without one.
      infinite: rows whose number is infinite, as it stands or in float32.
      below: rows whose finite number is below the column's floor.
      counts: rows by class, as text; of more than `MAX_CLASSES` some are not there.
      unreadable: rows whose text preprocessing can't read, and the first of these texts.
    """

    rows: int = 0
    missing: int = 0
    low: float | None = None
    high: float | None = None
    infinite: int = 0
    below: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    first_unreadable: str | None = None

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    def add_numbers(self, numbers: pa.Array, counts: pa.Array | None, floor: Floor | None) -> None:
        """Adds numbers, none of them null; NaN is passed over.

        Args:
          numbers: of any type of number.
          counts: the rows of each; None for one.
          floor: the smallest that the column may hold.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = numbers.cast(pa.float64(), safe=False)

        def rows(which: pa.BooleanArray) -> int:
            return int((pc.sum(which) if counts is None else pc.sum(counts.filter(which))).as_py() or 0)

        finite = pc.less_equal(pc.abs(numbers), LARGEST)
        self.infinite += rows(pc.greater(pc.abs(numbers), LARGEST))
        if floor is not None:
            few = pc.less(numbers, floor.limit) if floor.allowed else pc.less_equal(numbers, floor.limit)
            self.below += rows(pc.and_(few, finite))
        found = pc.min_max(numbers.filter(finite))
        self._widen(found["min"].as_py(), found["max"].as_py())

    def add_classes(self, values: pa.StringArray, counts: pa.Array) -> None:
        """Adds distinct classes with the rows of each."""
        if len(self.counts) <= MAX_CLASSES:
            shown = slice(0, MAX_CLASSES + 1)
            self.counts.update(dict(zip(values[shown].to_pylist(), counts[shown].to_pylist(), strict=True)))

    def add_readings(self, values: pa.StringArray, counts: pa.Array, reading: Reading, *, text: bool) -> None:
        """Adds distinct texts of a date or boolean column with the rows of each.

        Args:
          values: the texts.
          counts: the rows of each.
          reading: tells those that can be read.
          text: the column is stored as text, where an integer does not count days or seconds.
        """
        import pyarrow.compute as pc

        if not len(values):
            return
        wrong = pc.invert(reading.texts_only(values) if text else reading.readable(values))
        if pc.any(wrong).as_py():
            self.unreadable += pc.sum(counts.filter(wrong)).as_py()
            if self.first_unreadable is None:
                self.first_unreadable = values.filter(wrong)[0].as_py()

    def join(self, other: Seen) -> None:
        """Adds what the column holds in other rows."""
        self.rows += other.rows
        self.missing += other.missing
        self._widen(other.low, other.high)
        self.infinite += other.infinite
        self.below += other.below
        self.counts.update(other.counts)
        self.unreadable += other.unreadable
        self.first_unreadable = self.first_unreadable if self.first_unreadable is not None else other.first_unreadable

    def _widen(self, low: float | None, high: float | None) -> None:
        if low is not None and (self.low is None or low < self.low):
            self.low = low
        if high is not None and (self.high is None or high > self.high):
            self.high = high


def number_of(cell: str) -> float:
    """The number that the text of a cell is; NaN for any other text."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def is_infinite(cell: str) -> bool:
    """Whether the text of a cell is a number that is infinite, as it stands or in float32."""
    return abs(number_of(cell)) > LARGEST
