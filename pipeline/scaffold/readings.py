"""What `data.columns` has to say of a table, so that numbers and classes are read as what they are meant to be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from components.example_gen.columns.use import is_text
from components.example_gen.config import ColumnOptions, DataConfig
from pipeline.scaffold.separators import separator_of
from pipeline.scaffold.words import AMONG_NUMBERS
from pipeline.scaffold.written import CORRECT, Unclear, Written, how_written
from preprocessing.config import Task
from preprocessing.missing import USUAL_WORDS
from preprocessing.nearest import alike
from preprocessing.text import counted, listed, quoted

if TYPE_CHECKING:
    from pipeline.preflight.table_profile import ColumnProfile
    from pipeline.scaffold.survey import Column

FEW_CLASSES = 20
ROWS_PER_CLASS = 10
"""Whole numbers are classes where there are few of them, with so many rows each on average."""
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_LOOKED_AT = 50
_KNOWN_WORDS = frozenset(word.lower() for word in (*USUAL_WORDS, *AMONG_NUMBERS))
_SHOWN = 4


@dataclass(frozen=True)
class Reading:
    """How one column is read.

    Attributes:
      options: fields of `data.columns.COLUMN`.
      reason: what was seen, for a comment.
      note: what the user should look at.
    """

    options: Mapping[str, Any]
    reason: str
    note: str


@dataclass(frozen=True)
class Readings:
    """What was found out about the texts of all columns.

    Attributes:
      read: the columns that need options.
      unclear: those that look like numbers and can't be read as such, with the reason.
      doubts: plain numbers that could be meant otherwise, with the reason.
    """

    read: Mapping[str, Reading] = field(default_factory=dict)
    unclear: Mapping[str, Unclear] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)

    def configured(self, data: DataConfig) -> DataConfig:
        """The `data:` section with what the columns need, beside what it says of them already."""
        columns = dict(data.columns)
        for name, reading in self.read.items():
            before = columns.get(name, ColumnOptions()).model_dump(mode="json", exclude_defaults=True)
            columns[name] = ColumnOptions.from_json(json.dumps({**before, **reading.options}))
        return data.model_copy(update={"columns": columns})

    def holds(self, column: Column) -> bool:
        """Whether a column, read with its options, has nothing but numbers where it should."""
        options = self.read[column.name].options
        return not options.keys().isdisjoint(("replace", "separator")) or column.profile.cells.first_text is None

    def without(self, texts: Mapping[str, str]) -> Readings:
        """These, without the columns that turned out to have other texts."""
        slips = {name: Unclear(f"numbers, but also {quoted(text)}", CORRECT) for name, text in texts.items()}
        read = {name: reading for name, reading in self.read.items() if name not in texts}
        return Readings(read, {**self.unclear, **slips}, self.doubts)


def find_readings(
    columns: Mapping[str, Column],
    label: str,
    task: Task | None,
    null_words: Mapping[str, tuple[str, ...]],
    decimal: str | None = None,
    partial: Collection[str] = (),
) -> Readings:
    """Looks at every column of texts.

    Args:
      columns: as they were read without any options.
      label: which of them is to be predicted.
      task: the task that the user wants; None takes it from the values.
      null_words: by column, the words that mean missing in it.
      decimal: the decimal mark of numbers, where the user says it.
      partial: the columns that some files lack, which are left out.
    """
    read: dict[str, Reading] = {}
    unclear: dict[str, Unclear] = {}
    doubts: dict[str, str] = {}
    for name, column in columns.items():
        classes = _classes(column, task) if name == label and task != "regression" else None
        if classes is not None:
            read[name] = classes
        if classes is not None or (name == label and task in _CLASSES):
            continue
        if name != label and name not in partial and (separator := separator_of(column)) is not None:
            read[name] = _lists(column, separator)
            continue
        written = _written(column, decimal)
        if name == label and task is None and _few(column):
            # Whole numbers in words are classes as they stand, as whole numbers are.
            written = written if isinstance(written, Written) and written.fractions else None
        if isinstance(written, Unclear):
            unclear[name] = written
        elif written is not None and column.is_number and not (decimal and written.options):
            doubts[name] = written.doubt
        elif written is not None:
            read[name] = _numbers(column, written, null_words[name])
    return Readings(read, unclear, doubts)


def _lists(column: Column, separator: str) -> Reading:
    first = next(value for value in column.counts if separator in value)
    return Reading(
        {"separator": separator},
        f"lists in single cells, such as {quoted(first)}",
        f"{column.name!r} is read as lists, divided by {separator!r}, such as {quoted(first)}",
    )


def _written(column: Column, decimal: str | None) -> Written | Unclear | None:
    if column.is_boolean or column.is_temporal or (column.profile.cells.kind == "number" and not _has_groups(column)):
        return None
    return how_written(column.counts, _KNOWN_WORDS, decimal)


def _few(column: Column) -> bool:
    return few_classes(column.profile.counts, column.profile.present)


def decimal_points(name: str, doubt: str) -> str:
    """What to say of a column whose points may stand for thousands."""
    other = f'data.columns.{name}: {{decimal: ",", thousands: "."}} reads thousands'
    return f"{name!r}: the points are taken for decimal points, though {doubt}; {other}"


def few_classes(counts: Counter[str], present: int) -> bool:
    """Whether a label has so few values that whole numbers are classes."""
    return len(counts) <= FEW_CLASSES and len(counts) * ROWS_PER_CLASS <= present


def _has_groups(column: Column) -> bool:
    """Whether the first plain numbers look as if points stood for thousands; more than a look would cost too much."""
    first = column.first(_LOOKED_AT)
    return any("." in value for value in first) and all("." not in value or value[-4:-3] == "." for value in first)


def _numbers(column: Column, written: Written, null_words: tuple[str, ...]) -> Reading:
    options = dict(written.options)
    reasons, notes = [], []
    if options:
        reasons.append(f"{written.seen} in {counted(column.profile.present, 'row')}")
        notes.append(f"{reasons[0]} are read with {_in_words(options)}")
    if written.words:
        options["null_values"] = [*dict.fromkeys(("", *null_words, *written.words))]
        shown = listed([f"{quoted(word)} ({counted(n, 'row')})" for word, n in written.words.items()], _SHOWN)
        reasons.append(f"{shown} among the numbers taken for missing")
        notes.append(reasons[-1])
    if written.doubt:
        reasons.append(written.doubt)
        notes.append(f"{written.doubt}: check it")
    return Reading(options, "; ".join(reasons), f"{column.name!r}: {'; '.join(notes)}")


def _in_words(options: Mapping[str, Any]) -> str:
    """The options of a column of numbers for a sentence."""
    words = [f"{key} {options[key]!r}" for key in ("decimal", "thousands") if key in options]
    words += [f"units {', '.join(map(repr, options['units']))} taken away"] if "units" in options else []
    words += [f"{mark!r} as times {factor:,.0f}" for mark, factor in options.get("multipliers", {}).items()]
    return ", ".join(words)


def _classes(column: Column, task: Task | None) -> Reading | None:
    """Which texts of a label's classes stand for others."""
    profile = column.profile
    if profile.types and not is_text(profile):
        return None
    if column.is_number:
        return _whole_classes(profile, column.name) if _few(column) or task is not None else None
    return _alike_classes(profile, column.name)


def _whole_classes(profile: ColumnProfile, name: str) -> Reading | None:
    if not profile.cells.whole or profile.cells.leading_zeros:
        return None
    texts = {value: str(int(float(value))) for value in sorted(profile.counts, key=float)}
    texts = {value: text for value, text in texts.items() if value != text}
    if not texts or any(abs(float(value)) >= 2**53 for value in texts):
        return None
    first = next(iter(texts))
    seen = f"{quoted(first)} and the like are whole numbers: classes, as in formats that store numbers"
    return Reading({"replace": texts}, seen, f"{name!r}: {seen}")


def _alike_classes(profile: ColumnProfile, name: str) -> Reading | None:
    groups = alike(profile.counts)
    if not groups or len(profile.counts) - sum(len(others) for others in groups.values()) < 2:
        return None
    texts = {other: value for value, others in groups.items() for other in others}
    shown = listed(
        [
            f"{quoted(other)} ({counted(profile.counts[other], 'row')}) as {quoted(value)}"
            for other, value in texts.items()
        ],
        _SHOWN,
    )
    seen = f"classes that differ only in blanks, case or a final point are joined: {shown}"
    return Reading(
        {"replace": texts},
        seen,
        f"{name!r}: {seen}; take out of data.columns what is a class of its own",
    )
