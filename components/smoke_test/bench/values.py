"""The numbers at which a model may break: zero, signs, and what lies around the constants of its graph."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.smoke_test.bench.altered import Taken
from components.smoke_test.bench.requests import MISSING, Array, Row
from components.smoke_test.export.constants import Constants

_CONSTANTS = 16
_ROUND = 12
_EVERY_INTEGER = 48
_LARGE = 1000
"""A feature of more values is an image or the like: only a few numbers are tried in it."""
_FEW = 8
_NEAR_ZERO, _VERY_NEAR_ZERO = 2.0, 0.03
"""Zero is near a column when it lies within so many of the widths of the column's range."""


@dataclass(frozen=True)
class Column:
    """A numeric column of the rows.

    Attributes:
      taken: as the signature takes it.
      low, high: the smallest and the largest value in the rows.
      made: whether the rows are made up, so that the range says nothing.
    """

    taken: Taken
    low: float
    high: float
    made: bool

    @property
    def name(self) -> str:
        """Its name in a row."""
        return self.taken.column

    def has_been(self, value: float) -> bool:
        """Whether the rows have smaller and larger values, or this one itself."""
        return self.low <= value <= self.high

    def may_be_zero(self, *, with_another: bool = False) -> bool:
        """Whether zero is a value that production will send: inside the range, or near it.

        Args:
          with_another: whether another column is to be zero in the same row, which is less likely.
        """
        if self.made or self.has_been(0.0):
            return True
        near = _VERY_NEAR_ZERO if with_another else _NEAR_ZERO
        return min(abs(self.low), abs(self.high)) < near * (self.high - self.low)


def numeric_columns(taken: Sequence[Taken], rows: Sequence[Row], *, made: bool) -> list[Column]:
    """The columns of numbers that any row has a value of."""
    found = []
    for each in taken:
        if each.dtype in ("string", "bool"):
            continue
        present = [values for row in rows if (values := row.get(each.column)) is not None and values.dtype != object]
        numbers = np.concatenate(present).astype(np.float64) if present else np.empty(0)
        numbers = numbers[np.isfinite(numbers) & (numbers != float(MISSING["int64"]))]
        if numbers.size:
            found.append(Column(each, float(numbers.min()), float(numbers.max()), made))
    return found


def suspicious_values(column: Column, constants: Constants) -> list[float]:
    """The values to try, the most suspicious first; as floats, of an integer column whole ones."""
    dtype = np.dtype(column.taken.dtype)
    whole = dtype.kind in "iu"
    values = [*_plain(column, whole), *_around(column, constants, whole), *_round(column, whole)]
    limits: Any = np.iinfo(dtype) if whole else np.finfo(dtype)
    kept: dict[tuple[float, bool], float] = {}
    for value in values:
        if float(limits.min) <= value <= float(limits.max) and (not whole or value == int(value)):
            kept.setdefault((value, not whole and bool(np.signbit(value))), value)
    return list(kept.values())[: _FEW if column.taken.size > _LARGE else None]


def _plain(column: Column, whole: bool) -> Iterator[float]:
    low, high = column.low, column.high
    width = high - low
    yield from (0.0, low, high, 1.0, -1.0, -0.0 if not whole else 0.0)
    if whole and width <= _EVERY_INTEGER:
        yield from np.arange(low, high + 1).tolist()
    yield from (-high, -low, low - max(1.0, width), high + max(1.0, width), 2.0, 0.5, -0.5)
    yield from (
        float(np.finfo(np.float32).tiny),
        -float(np.finfo(np.float32).tiny),
        1e-6,
        -1e-6,
        1e6,
        -1e6,
        1e10,
        -1e10,
    )


def _around(column: Column, constants: Constants, whole: bool) -> Iterator[float]:
    known = [float(each) for each in (*constants.floats, *constants.integers)]
    width = column.high - column.low
    near = [each for each in known if column.low - width <= each <= column.high + width]
    chosen = list(dict.fromkeys([*near, *known]))[:_CONSTANTS]
    for each in chosen:
        if whole:
            yield from (
                float(np.floor(each)),
                float(np.ceil(each)),
                float(np.floor(each)) - 1,
                float(np.ceil(each)) + 1,
            )
            continue
        number = np.float32(each)
        if np.isfinite(number):
            yield from (float(number), float(np.nextafter(number, np.float32(np.inf))))
            yield from (float(np.nextafter(number, np.float32(-np.inf))), -float(number))


def _round(column: Column, whole: bool) -> Iterator[float]:
    """Round numbers inside the range, and numbers evenly spread over it."""
    width = column.high - column.low
    if width <= 0:
        return
    step = 10.0 ** np.floor(np.log10(width))
    for unit in (step, step / 2):
        numbers = np.arange(np.ceil(column.low / unit), np.floor(column.high / unit) + 1)[:_ROUND] * unit
        yield from numbers.tolist()
    spread = np.linspace(column.low, column.high, _ROUND)
    yield from (np.round(spread) if whole else spread).tolist()


def with_value(row: Row, column: Column, value: float, *, everywhere: bool = False) -> Row:
    """The row with a value in the column: in the first place of several, or in all of them."""
    before = row.get(column.name)
    size = max(1, column.taken.size if before is None else len(before))
    kind: Any = np.int64 if before is None and np.dtype(column.taken.dtype).kind in "iu" else np.float32
    values: Array = np.zeros(size, kind) if before is None else before.copy()
    values[: None if everywhere else 1] = np.asarray(value).astype(values.dtype)
    return {**row, column.name: values}
