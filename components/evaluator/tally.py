"""Sums by score: what metrics need that are made of an order of rows (AUC, a median) or of many cells.

Every score stands for itself as float32 until a slice has `MOST` of them; then the last bits of its scores go, one by
one, so that memory is bounded. With so many a bucket is about a millionth of its score wide.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST = 2**20
"""Different scores that a slice keeps."""
MOST_TOGETHER = 2**22
"""Different scores that all slices keep: about 170 MB. The largest slices are the first to give some up."""
_LEAST = 2**14
"""A slice may keep as many, however many slices there are."""
_WAITING = 2**18
"""Rows that wait, at least, until they are added up: sorting a few at a time would take a day."""
_BITS = 32
_LOWEST, _INFINITE = 0x007FFFFF, 0xFF800000
_MOST_FOLDED = 22
"""As many of the last bits may go: infinity and what is not a number are still told apart then."""


class Cells(NamedTuple):
    """What some rows add to sums by group and score.

    Attributes:
      groups: there are so many.
      group: int64 [rows, m], below `groups`: each row adds to m cells.
      score: float [rows, m]; None where sums are by group alone.
      values: float64 [rows, m, v], what is added.
      counts: bool [rows]: other rows add nothing.
    """

    groups: int
    group: Whole
    score: Floats | None
    values: Floats
    counts: NDArray[np.bool_]


class Table(NamedTuple):
    """The sums of one slice, sorted by group and score.

    Attributes:
      group: int64 [cells].
      score: float64 [cells]; 0 where sums are by group alone. Those that are not numbers come last.
      sums: float64 [cells, v].
      squares: float64 [cells, v], the sums of the squares of what was added: how many rows of which weight there are.
    """

    group: Whole
    score: Floats
    sums: Floats
    squares: Floats


EMPTY = Table(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 1)), np.zeros((0, 1)))
"""The sums of no rows."""


class Tally:
    """Sums by slice, group and score. Rows may come in any order, and tallies be merged in any order."""

    def __init__(self, groups: int, values: int, scored: bool) -> None:
        """Starts with no row.

        Args:
          groups: how many groups a slice has.
          values: how many sums a cell has.
          scored: whether sums are by score too.
        """
        self.groups, self._values, self._scored = groups, values, scored
        self._keys: Whole = np.zeros(0, np.int64)
        """Sorted: (slice * groups + group) * 2^32 + score, the latter as bits that sort as it does."""
        self._sums: Floats = np.zeros((0, 2 * values))
        """The sums, then those of squares."""
        self._waiting: list[tuple[Whole, Floats]] = []
        self._folded: Whole = np.zeros(1, np.int64)
        """By slice, how many of the last bits of its scores are gone; those behind the last have all."""
        self._most = MOST

    @classmethod
    def of(cls, cells: Cells) -> Self:
        """A tally for such cells, with no row."""
        return cls(cells.groups, cells.values.shape[2], cells.score is not None)

    def copy(self) -> Self:
        """A tally that goes on by itself."""
        other = type(self)(self.groups, self._values, self._scored)
        other._keys, other._sums, other._waiting = self._keys, self._sums, list(self._waiting)
        other._folded, other._most = self._folded, self._most
        return other

    def add(self, cells: Cells, rows: Whole, slices: Whole) -> None:
        """Adds rows to the slices that they are in.

        Args:
          cells: of some rows.
          rows, slices: int64 [pairs], pairs of a row and a slice that it is in.

        Raises:
          OverflowError: there are more slices than a key has room for.
        """
        kept = cells.counts[rows]
        rows, slices = rows[kept], slices[kept]
        if not len(rows):
            return
        width = _BITS if self._scored else 0
        if (int(slices.max()) + 1) * self.groups >= 2 ** (63 - width):
            raise OverflowError("there are too many slices, of too many classes, for sums by score")
        # Not all at once: a row of many classes has many cells.
        step = max(1, _WAITING // cells.group.shape[1])
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            keys = slices[start : start + step, np.newaxis] * self.groups + cells.group[some]
            if cells.score is not None:
                keys = keys << _BITS | _bits(cells.score[some])
            values = cells.values[some].reshape(-1, self._values)
            self._wait(keys.reshape(-1), np.concatenate([values, values * values], axis=1))

    def merge(self, other: "Tally") -> None:
        """Adds what another one of the same groups, values and kind has added up."""
        size = max(len(self._folded), len(other._folded))
        folded = np.zeros((2, size), np.int64)
        for place, each in zip(folded, (self, other), strict=True):
            place[: len(each._folded)] = each._folded
        self._folded, self._most = folded.max(axis=0), min(self._most, other._most)
        for keys, sums in [(other._keys, other._sums), *other._waiting]:
            self._wait(keys, sums)

    def table(self, position: int) -> Table:
        """The sums of the slice at a position."""
        self._add_up()
        width = _BITS if self._scored else 0
        bounds = [(position * self.groups) << width, ((position + 1) * self.groups) << width]
        start, end = np.searchsorted(self._keys, bounds)
        keys = self._keys[start:end]
        sums, squares = np.hsplit(self._sums[start:end], 2)
        group = (keys >> width) - position * self.groups
        if not self._scored:
            return Table(group, np.zeros(len(keys)), sums, squares)
        folded = int(self._folded[position]) if position < len(self._folded) else 0
        return Table(group, _score(keys & (2**_BITS - 1), folded), sums, squares)

    def _wait(self, keys: Whole, values: Floats) -> None:
        self._waiting.append((keys, values))
        if sum(len(each) for each, _ in self._waiting) > max(_WAITING, len(self._keys)):
            self._add_up()

    def _add_up(self) -> None:
        if not self._waiting:
            return
        keys = np.concatenate([self._keys, *(keys for keys, _ in self._waiting)])
        sums = np.concatenate([self._sums, *(values for _, values in self._waiting)])
        self._waiting = []
        if not self._scored:
            self._keys, self._sums = _grouped(keys, sums)
            return
        self._keys, self._sums = _grouped(self._without_last_bits(keys), sums)
        while True:
            slices = (self._keys >> _BITS) // self.groups
            several = np.bincount(slices, minlength=len(self._folded))
            self._folded = np.concatenate([self._folded, np.zeros(len(several) - len(self._folded), np.int64)])
            many = (several > self._most) & (self._folded < _MOST_FOLDED)
            if many.any():
                self._folded = self._folded + many
                self._keys, self._sums = _grouped(self._without_last_bits(self._keys), self._sums)
            elif len(self._keys) > MOST_TOGETHER and self._most > _LEAST:
                self._most //= 2
            else:
                return

    def _without_last_bits(self, keys: Whole) -> Whole:
        if not self._folded.any():
            return keys
        slices = (keys >> _BITS) // self.groups
        folded = self._folded[np.minimum(slices, len(self._folded) - 1)]
        folded[slices >= len(self._folded)] = 0
        return keys >> folded << folded


def _grouped(keys: Whole, values: Floats) -> tuple[Whole, Floats]:
    """The different keys, sorted, with the sums of their values."""
    different, at = np.unique(keys, return_inverse=True)
    sums = [np.bincount(at, column, len(different)) for column in values.T]
    return different, np.stack(sums, axis=1)


def _bits(score: Floats) -> Whole:
    """Scores as 32 bits that sort as they do, rounded to float32; what is not a number above all others."""
    with np.errstate(over="ignore"):  # too large for float32 is infinite
        single = np.where(np.isnan(score), np.float32(np.nan), score).astype(np.float32) + np.float32(0)
    bits = single.view(np.uint32).astype(np.int64)
    bits = np.where(np.isnan(single), 0x7FC00000, bits)
    return np.where(bits >> 31, bits ^ 0xFFFFFFFF, bits | 0x80000000)


def _score(bits: Whole, folded: int) -> Floats:
    """The scores of bits: the middle of what shares them."""
    middle = np.where(bits < _INFINITE, np.maximum(bits | (1 << folded >> 1), _LOWEST), bits)
    plain = np.where(middle >> 31, middle ^ 0x80000000, middle ^ 0xFFFFFFFF)
    return plain.astype(np.uint32).view(np.float32).astype(np.float64)
