"""A split by time for `init`: tried on all rows, with the splitter that a run uses.

It is proposed where the table is a record that grows, its rows in the order of the column, and the label moves with it:
there a split by hash would flatter the model. Elsewhere it is only suggested.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.artifacts.splits import SPLITS
from components.example_gen.block import FeatureType
from components.example_gen.columns.typed import typed
from components.example_gen.columns.use import ColumnUse
from components.example_gen.split_config import TimeSplit
from components.example_gen.splits import split_rule
from pipeline.preflight.table_profile import TableProfile
from pipeline.scaffold.render import comment, mapping
from preprocessing.errors import UserError
from preprocessing.text import listed, quoted

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


_STEPS_BACK = 0.02
"""The share of rows that may stand before an older one in a table that is in the order of a column."""
_SIGMAS = 4.0
"""How far beyond chance the label has to move."""
_LEAST_SHARE = 0.05
"""The least share of rows whose class would have to change, for a drift that matters."""
_LEAST_SHIFT = 0.1
"""The least shift of the mean of numbers, in standard deviations."""
_MOST_CLASSES = 30
"""Labels with more different values are numbers."""


@dataclass(frozen=True)
class FoundSplit:
    """A split by time that works.

    Attributes:
      split: as the configuration has it.
      drift: what moves, in words, where the rows are in the order of time and the label moves; else "".
      empty: the features that have no value in one of its splits, such as those that began late: the data gate refuses
        them.
    """

    split: TimeSplit
    drift: str
    empty: tuple[str, ...] = ()

    def note(self) -> str:
        """What the user should know where it is proposed."""
        return (
            f"the rows are in the order of {self.split.column!r}, and {self.drift}: the split is by time, so that the "
            "model is judged on the newest rows"
        )


def split_lines(found: FoundSplit | None) -> Iterator[str]:
    """The split as lines of YAML: the one that is proposed, and the other one to be taken as it stands."""
    by_hash = "split: {train: 6, eval: 2, test: 2}"
    if found is None:
        yield f"  {by_hash}"
        return
    stated = found.split.model_dump(exclude_defaults=True).items()
    by_time = f"split: {mapping({key: int(value) if isinstance(value, float) else value for key, value in stated})}"
    if found.drift:
        note = found.note()
        yield comment(f"{note[0].upper()}{note[1:]}. If it is not to predict the future, split by hash:", 2)
        yield f"  # {by_hash}"
        yield f"  {by_time}"
        return
    first = ""
    if found.empty:
        what = "it has" if len(found.empty) == 1 else "they have"
        first = f" (take {listed(found.empty, 10, quoted)} out of features then: {what} no value in some of its splits)"
    yield comment(f"Rows go to a split by hash. If the model is to predict the future, split by time{first}:", 2)
    yield f"  # {by_time}"
    yield f"  {by_hash}"


def time_split(
    dates: Iterable[tuple[str, str | None]],
    table: TableProfile,
    types: Mapping[str, FeatureType],
    label: str,
    features: Sequence[str],
) -> FoundSplit | None:
    """The first split by time that works.

    Args:
      dates: columns of dates, each with the format of its texts; None for integers that count seconds.
      table: reads the rows; what it knows of them.
      types: the type that each column gets.
      label: the label's column; rows without it are left out.
      features: the columns that are used.

    Returns:
      None where no column has a readable time in every row, or a split would be empty or have one label only.
    """
    for column, date_format in dates:
        # An ISO time, or seconds, need no format, and may have a zone.
        for each in dict.fromkeys((None, date_format)):
            if table.column(column).missing == 0 and (each is None or "%Y" in each):
                split = TimeSplit(by="time", column=column, format=each, train=6, eval=2, test=2)
                found = _tried(split, table, types, label, date_format, features)
                if found is not None and all(len(each.classes) > 1 for each in found.labels):
                    return FoundSplit(split, found.drift() if found.in_order else "", found.empty(features))
    return None


class _Labels:
    """The labels of one split: how many of each, or how they are spread."""

    def __init__(self) -> None:
        self.classes: Counter[str] = Counter()
        self.rows, self.sum, self.squares = 0, 0.0, 0.0

    def add(self, labels: pa.Array) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        self.rows += len(labels)
        if pa.types.is_floating(labels.type) or pa.types.is_integer(labels.type):
            numbers = pc.cast(labels, pa.float64()).to_numpy(zero_copy_only=False)
            numbers = numbers[np.isfinite(numbers)]
            self.sum += float(numbers.sum())
            self.squares += float((numbers**2).sum())
        if len(self.classes) <= _MOST_CLASSES:
            values, counts = pc.value_counts(pc.cast(labels, pa.string())).flatten()
            self.classes.update(dict(zip(values.to_pylist(), counts.to_pylist(), strict=True)))

    @property
    def mean(self) -> float:
        return self.sum / max(self.rows, 1)

    @property
    def variance(self) -> float:
        return max(self.squares / max(self.rows, 1) - self.mean**2, 0.0)


class _Tried:
    """What a split does with all rows."""

    def __init__(self) -> None:
        self.labels = [_Labels() for _ in SPLITS]
        self._filled: list[set[str]] = [set() for _ in SPLITS]
        self._last: int | None = None
        self._rows = self._forward = self._back = 0

    def add(self, splits: NDArray[np.int8], batch: pa.RecordBatch, label: str) -> None:
        present = {name: column.is_valid() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        for position, each in enumerate(self.labels):
            each.add(batch.column(label).filter(splits == position))
            filled = self._filled[position]
            filled |= {
                name for name in present if name not in filled and present[name].filter(splits == position).true_count
            }
        before = splits[:1] if self._last is None else np.array([self._last], splits.dtype)
        steps = np.diff(np.concatenate([before, splits]))
        self._rows += len(splits)
        self._forward += int((steps > 0).sum())
        self._back += int((steps < 0).sum())
        self._last = int(splits[-1]) if len(splits) else self._last

    def empty(self, features: Sequence[str]) -> tuple[str, ...]:
        """The features that were looked at and have no value in some split."""
        seen = set().union(*self._filled)
        return tuple(name for name in features if name in seen and not all(name in each for each in self._filled))

    @property
    def in_order(self) -> bool:
        """Whether the rows of the table go from the oldest split to the newest one, or the other way round."""
        return min(self._forward, self._back) <= _STEPS_BACK * self._rows / len(SPLITS) and self._forward != self._back

    def drift(self) -> str:
        """How the labels of the newest rows differ from those of the oldest ones, where they do beyond chance."""
        old, new = self.labels[0], self.labels[-1]
        if max(len(old.classes), len(new.classes)) > _MOST_CLASSES:
            return self._of_numbers(old, new)
        moved = {
            name: new.classes[name] / new.rows - old.classes[name] / old.rows for name in old.classes | new.classes
        }
        name = max(moved, key=lambda each: abs(moved[each]))
        share = (old.classes[name] + new.classes[name]) / (old.rows + new.rows)
        chance = math.sqrt(share * (1 - share) * (1 / old.rows + 1 / new.rows))
        if sum(map(abs, moved.values())) / 2 < _LEAST_SHARE or abs(moved[name]) <= _SIGMAS * chance:
            return ""
        return (
            f"the label moves: {name[:40]!r} in {old.classes[name] / old.rows:.1%} of the oldest rows and in "
            f"{new.classes[name] / new.rows:.1%} of the newest"
        )

    def _of_numbers(self, old: _Labels, new: _Labels) -> str:
        chance = math.sqrt(old.variance / old.rows + new.variance / new.rows)
        shift = abs(new.mean - old.mean)
        if shift < _LEAST_SHIFT * math.sqrt(old.variance) or shift <= _SIGMAS * chance:
            return ""
        return f"the label moves: {old.mean:.4g} on average in the oldest rows and {new.mean:.4g} in the newest"


def _tried(
    split: TimeSplit,
    table: TableProfile,
    types: Mapping[str, FeatureType],
    label: str,
    date_format: str | None,
    features: Sequence[str],
) -> _Tried | None:
    """What a split does with the table; None where some rows would have no split."""
    rule = split_rule(split, (label,))
    gaps = [name for name in features if table.column(name).missing]
    counted = {name: types[name] for name in (split.column, label)}
    uses = {split.column: ColumnUse("date", date_format=date_format)}

    def batches(wanted: Mapping[str, FeatureType]) -> Iterator[pa.RecordBatch]:
        for profile in table.files:
            for rows in table.reader.rows(profile.file, wanted):
                batch = typed(rows, wanted, uses, str(profile.file)).batch
                yield batch.filter(batch.column(label).is_valid())

    nothing = np.zeros(0, np.uint64)
    try:
        assigner = rule.resolve(rule.merged(rule.count(batch, nothing) for batch in batches(counted)))
    except UserError:
        return None
    found = _Tried()
    for batch in batches(counted | {name: types[name] for name in gaps}):
        splits, bad = assigner.assign(batch, nothing, "", np.zeros(batch.num_rows, np.int64))
        if bad:
            return None
        found.add(splits, batch, label)
    return found
