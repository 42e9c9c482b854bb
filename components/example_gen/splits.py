"""Which row goes to which split. Pure: the same rows give the same answer in any order, block and process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from components.artifacts.splits import SPLITS
from components.example_gen.block import BadRow
from components.example_gen.split_config import ColumnSplit, HashSplit, Split, TimeSplit
from components.example_gen.tally import Tally, tally
from components.example_gen.times import seconds
from preprocessing.errors import UserError
from preprocessing.row_hash import Hashes, row_hash

if TYPE_CHECKING:
    import pyarrow as pa

SplitIndex = npt.NDArray[np.int8]
"""An array of shape [rows]: a position in `SPLITS`, -1 for a row that belongs to none."""

TIME_STEPS = (1, 60, 3600, 86_400)
"""Seconds, minutes, hours, days: how exactly shares in time order are cut."""
MAX_TIMES = 100_000
HASH_STEPS = (1, 1 << 44, 1 << 48, 1 << 52)
"""All 64 bits of a row's hash, or the first 20, 16 or 12."""
MAX_HASHES = 4096
"""Most hashes of one class that are kept. The cut is at most one 4096th of the class away from its share."""
MAX_CLASSES = 10_000


class Assigner(Protocol):
    """Divides rows. Travels to Beam workers."""

    def assign(
        self, batch: pa.RecordBatch, hashes: Hashes, file: str, places: npt.NDArray[np.int64]
    ) -> tuple[SplitIndex, list[BadRow]]:
        """The split of each row.

        Args:
          batch: typed columns, those that the split needs among them.
          hashes: `row_hash` of the rows, shape [rows].
          file: where they stand, for the bad rows.
          places: the line or row of each, shape [rows].

        Returns:
          The splits, and the bad rows: those that have -1.
        """
        ...


@dataclass(frozen=True)
class Counts:
    """What must be known of the whole table before its rows can be divided. Merging is `SplitRule.merged`.

    Attributes:
      tallies: of times, under 0; or of row hashes, by the hash of the row's class.
      too_many: there are more classes than `MAX_CLASSES`; they are not kept.
    """

    tallies: Mapping[int, Tally] = field(default_factory=dict)
    too_many: bool = False


@dataclass(frozen=True)
class SplitRule:
    """The configured split, from counting to the finished assigner.

    Attributes:
      split: the configuration.
      label: the label's column, for a stratified split.
    """

    split: Split
    label: str | None

    @property
    def needs_counts(self) -> bool:
        """Whether the table has to be counted first."""
        if isinstance(self.split, TimeSplit):
            return self.split.cut_offs() is None
        return isinstance(self.split, HashSplit) and self.split.stratify

    def count(self, batch: pa.RecordBatch, hashes: Hashes) -> Counts:
        """The counts of some rows. Rows that `assign` will refuse are left out.

        Args:
          batch: as for `Assigner.assign`.
          hashes: as for `Assigner.assign`.
        """
        if isinstance(self.split, TimeSplit):
            times = seconds(batch.column(self.split.column), self.split.format).drop_null()
            return Counts({0: tally(times.to_numpy(), TIME_STEPS, MAX_TIMES)})
        classes = row_hash(batch, [str(self.label)])
        found, starts = np.unique(np.sort(classes), return_index=True)
        if len(found) > MAX_CLASSES:
            return Counts(too_many=True)
        groups = np.split(hashes[np.argsort(classes)], starts[1:]) if len(found) else []
        return Counts({int(c): tally(group, HASH_STEPS, MAX_HASHES) for c, group in zip(found, groups, strict=True)})

    def merged(self, parts: Iterable[Counts]) -> Counts:
        """The counts of all parts together; the same in whatever order and groups they are merged."""
        return reduce(_plus, parts, Counts())

    def resolve(self, counts: Counts | None) -> Assigner:
        """Makes the assigner of this rule.

        Args:
          counts: of the whole table; None where `needs_counts` is false.

        Raises:
          UserError: there are not enough different times for three splits, or too many classes.
        """
        split = self.split
        if isinstance(split, TimeSplit):
            return TimeAssigner(split.column, split.format, split.cut_offs() or _time_cuts(split, counts or Counts()))
        if isinstance(split, ColumnSplit):
            return ColumnAssigner(split)
        if not split.stratify:
            return HashAssigner(_cuts(split), split.keys)
        label = str(self.label)
        if counts is None or counts.too_many:
            raise UserError(
                f"the label {label!r} has more than {MAX_CLASSES:,} classes",
                field=("data", "split", "stratify"),
                hint="set it to false, or check that the label is the right column",
            )
        cuts = {each: _class_cuts(split, tallied) for each, tallied in counts.tallies.items()}
        return StratifiedAssigner(label, cuts)


def split_rule(split: Split, required: Sequence[str]) -> SplitRule:
    """The rule that a configuration describes.

    Args:
      split: the `data.split` section.
      required: the label, as the first of the columns that no example may lack; empty without one.
    """
    return SplitRule(split, required[0] if required else None)


@dataclass(frozen=True)
class HashAssigner:
    """Assigns by the hash of the row, or of its key columns.

    Attributes:
      cuts: the first hashes of eval and of test.
      keys: these columns decide; empty: all of the row.
    """

    cuts: tuple[int, int]
    keys: tuple[str, ...]

    def assign(
        self, batch: pa.RecordBatch, hashes: Hashes, file: str, places: npt.NDArray[np.int64]
    ) -> tuple[SplitIndex, list[BadRow]]:
        """See `Assigner.assign`. A row that misses a key is bad."""
        splits = _cut(_key_hash(batch, self.keys) if self.keys else hashes, self.cuts)
        bad: dict[int, str] = {}
        for key in self.keys:
            for row in np.flatnonzero(~_present(batch.column(key))):
                bad.setdefault(int(row), f"the split key {key!r} is missing (data.split.keys)")
        return _refused(splits, bad, batch, file, places)


@dataclass(frozen=True)
class StratifiedAssigner:
    """Assigns by the hash of the row, each class of the label with cuts of its own.

    Attributes:
      label: the label's column.
      cuts: by the class's hash, the first row hashes of eval and of test.
    """

    label: str
    cuts: Mapping[int, tuple[int, int]]

    def assign(
        self, batch: pa.RecordBatch, hashes: Hashes, file: str, places: npt.NDArray[np.int64]
    ) -> tuple[SplitIndex, list[BadRow]]:
        """See `Assigner.assign`. No row is bad."""
        classes, which = np.unique(row_hash(batch, [self.label]), return_inverse=True)
        cuts = np.array([self.cuts[int(each)] for each in classes], np.uint64).reshape(-1, 2)[which]
        splits = (hashes >= cuts[:, 0]).astype(np.int8) + (hashes >= cuts[:, 1]).astype(np.int8)
        return _refused(splits, {}, batch, file, places)


@dataclass(frozen=True)
class TimeAssigner:
    """Assigns by the row's time.

    Attributes:
      column: the times.
      time_format: of text; None for ISO.
      cuts: the first second of eval and of test.
    """

    column: str
    time_format: str | None
    cuts: tuple[int, int]

    def assign(
        self, batch: pa.RecordBatch, hashes: Hashes, file: str, places: npt.NDArray[np.int64]
    ) -> tuple[SplitIndex, list[BadRow]]:
        """See `Assigner.assign`. A row whose time is missing or unreadable is bad."""
        del hashes
        column = batch.column(self.column)
        times = seconds(column, self.time_format)
        wrong = np.asarray(times.is_null())
        splits = _cut(times.fill_null(0).to_numpy(), self.cuts)
        expected = "an ISO date or time" if self.time_format is None else f"a time as {self.time_format}"
        bad = {int(row): _reason(self.column, expected, column[row].as_py()) for row in np.flatnonzero(wrong)}
        return _refused(splits, bad, batch, file, places)


@dataclass(frozen=True)
class ColumnAssigner:
    """Assigns by a column's values.

    Attributes:
      split: the configuration.
    """

    split: ColumnSplit

    def assign(
        self, batch: pa.RecordBatch, hashes: Hashes, file: str, places: npt.NDArray[np.int64]
    ) -> tuple[SplitIndex, list[BadRow]]:
        """See `Assigner.assign`. A row whose value no split lists is bad."""
        del hashes
        codes = batch.column(self.split.column).dictionary_encode()
        owner = {str(value): SPLITS.index(name) for name in SPLITS for value in getattr(self.split, name)}
        distinct = codes.dictionary.to_pylist()
        # One more for missing values, which have no code.
        of_code = np.array([*(owner.get(_text(value), -1) for value in distinct), -1], np.int8)
        splits = of_code[codes.indices.fill_null(len(distinct)).to_numpy()]
        expected = f"one of {', '.join(owner)} (data.split)"
        column = batch.column(self.split.column)
        bad = {
            int(row): _reason(self.split.column, expected, column[row].as_py()) for row in np.flatnonzero(splits < 0)
        }
        return _refused(splits, bad, batch, file, places)


def _key_hash(batch: pa.RecordBatch, keys: Sequence[str]) -> Hashes:
    """The hash of the keys as text: a customer stays in its split when a new one's number has a letter."""
    import pyarrow as pa

    columns = [batch.column(key) for key in keys]
    texts = [column.cast(pa.string()) if pa.types.is_integer(column.type) else column for column in columns]
    return row_hash(pa.RecordBatch.from_arrays(texts, names=list(keys)))


def _cuts(split: HashSplit) -> tuple[int, int]:
    """The hashes are spread evenly over 64 bits."""
    total = split.train + split.eval + split.test
    return (split.train << 64) // total, ((split.train + split.eval) << 64) // total


def _class_cuts(split: HashSplit, tallied: Tally) -> tuple[int, int]:
    total = split.train + split.eval + split.test
    first, second = tallied.boundaries([split.train / total, split.eval / total])
    # The last hash is never cut off: where no row is left for a split, any cut above it will do.
    ends = [*map(int, tallied.values), (1 << 64) - 1]
    return ends[first], ends[second]


def _time_cuts(split: TimeSplit, counts: Counts) -> tuple[int, int]:
    """Cuts between different times, so that each split gets rows and those of one time stay together."""
    tallied = counts.tallies.get(0)
    distinct = 0 if tallied is None else len(tallied.values)
    if tallied is None or distinct < len(SPLITS):
        raise UserError(
            f"{split.column!r} has {distinct} different times; three splits need at least three",
            field=("data", "split"),
            hint="check the column, or split by hash",
        )
    parts = [split.train or 0, split.eval or 0, split.test or 0]
    first, second = tallied.boundaries([part / sum(parts) for part in parts[:2]])
    first = min(max(first, 1), distinct - 2)
    second = min(max(second, first + 1), distinct - 1)
    return int(tallied.values[first]), int(tallied.values[second])


def _plus(one: Counts, other: Counts) -> Counts:
    """Adds two counts. What is too much for one part is too much for the whole."""
    keys = one.tallies.keys() | other.tallies.keys()
    if one.too_many or other.too_many or len(keys) > MAX_CLASSES:
        return Counts(too_many=True)
    found = {key: [counts.tallies[key] for counts in (one, other) if key in counts.tallies] for key in sorted(keys)}
    return Counts({key: first.plus(rest) if rest else first for key, (first, *rest) in found.items()})


def _cut(values: npt.NDArray[np.int64] | Hashes, cuts: tuple[int, int]) -> SplitIndex:
    """0 below the first cut, 1 from there, 2 from the second one."""
    return np.searchsorted(np.array(cuts, values.dtype), values, side="right").astype(np.int8)


def _present(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_valid())


def _text(value: object) -> str:
    """A value as YAML would name it: a whole number that came as a float has no point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _reason(column: str, expected: str, received: object) -> str:
    shown = "nothing (a missing value)" if received is None else repr(received)
    return f"{column!r}: expected {expected}, received {shown}"


def _refused(
    splits: SplitIndex, bad: Mapping[int, str], batch: pa.RecordBatch, file: str, places: npt.NDArray[np.int64]
) -> tuple[SplitIndex, list[BadRow]]:
    """The splits with -1 for the bad rows, and these."""
    rows = sorted(bad)
    splits[rows] = -1
    texts = batch.take(rows).to_pylist() if rows else []
    return splits, [
        BadRow(file, int(places[row]), bad[row], json.dumps(text, ensure_ascii=False, default=repr).encode())
        for row, text in zip(rows, texts, strict=True)
    ]
