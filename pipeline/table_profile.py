"""One streaming pass over a file: what every column holds, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.config import CsvOptions
from pipeline.table import Format, batches, header
from pipeline.table_cells import CellFacts, CellType
from pipeline.table_convert import EXACT_INTEGERS, cells_as_text, is_boolean_or_time, is_plain_number
from pipeline.table_text import TextFacts, check_rows, records, scan_text

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CLASSES = 1000
"""Values of a watched column are counted up to this many different ones."""


@dataclass(frozen=True)
class Watch:
    """What a profile looks at more closely.

    Attributes:
      counted: columns whose values are counted, for labels with classes.
      ranged: columns whose smallest and largest numbers are wanted.
      patterns: by column, the RE2 pattern that its texts are expected to match in full.
    """

    counted: frozenset[str] = frozenset()
    ranged: frozenset[str] = frozenset()
    patterns: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ColumnProfile:
    """What one column of one file (or of several, merged) holds.

    Attributes:
      types: the Arrow types in the files; none for CSV.
      rows: rows read.
      missing: rows whose cell is null, empty, NaN or one of `csv.null_values`.
      null_words: cells such as "NA" that mean missing and that the stock TFX reader takes for text.
      zeros: a Parquet column holds 0, which the stock TFX reader takes for missing.
      cells: what is known of the other cells.
      unsupported: the type of a Parquet column that can't become numbers or text.
      minimum, maximum: of the numbers, where wanted; NaN and text left out.
      counts: rows by value as text, where wanted; incomplete beyond `MAX_CLASSES` values.
      unmatched: present rows that do not match the expected pattern, and the first of those texts.
    """

    types: tuple[pa.DataType, ...] = ()
    rows: int = 0
    missing: int = 0
    null_words: bool = False
    zeros: bool = False
    cells: CellFacts = field(default_factory=CellFacts)
    unsupported: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    counts: Counter[str] = field(default_factory=Counter)
    unmatched: int = 0
    first_unmatched: str | None = None

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    def merge(self, other: ColumnProfile) -> None:
        """Adds what the same column holds in another file."""
        self.types = (*self.types, *(kind for kind in other.types if kind not in self.types))
        self.rows += other.rows
        self.missing += other.missing
        self.null_words = self.null_words or other.null_words
        self.zeros = self.zeros or other.zeros
        self.cells.merge(other.cells)
        self.unsupported = self.unsupported or other.unsupported
        self.widen(other.minimum, other.maximum)
        self.counts.update(other.counts)
        self.unmatched += other.unmatched
        self.first_unmatched = self.first_unmatched if self.first_unmatched is not None else other.first_unmatched

    def widen(self, low: float | None, high: float | None) -> None:
        """Adds numbers to the range."""
        if low is not None and (self.minimum is None or low < self.minimum):
            self.minimum = low
        if high is not None and (self.maximum is None or high > self.maximum):
            self.maximum = high


@dataclass(frozen=True)
class FileProfile:
    """What one file holds.

    Attributes:
      file: its path.
      names: its columns in order; the nameless ones are "".
      rows: data rows.
      columns: by name, the nameless ones left out.
      text: for CSV, what it looks like as text.
      irregular: for CSV, whether the stock TFX reader would split it into other rows than we do.
    """

    file: Path
    names: tuple[str, ...]
    rows: int
    columns: Mapping[str, ColumnProfile]
    text: TextFacts | None = None
    irregular: bool = False


def profile_file(file: Path, fmt: Format, csv: CsvOptions, watch: Watch) -> FileProfile:
    """Reads one file from its first to its last byte.

    Raises:
      UserError: it can't be read, a row is ragged, a quotation mark is not closed, it is in another encoding.
    """
    text = scan_text(file, csv) if fmt == "csv" else None
    names = header(file, fmt, csv)
    columns = {name: ColumnProfile() for name in names if name}
    null_words = frozenset(csv.null_values) if fmt == "csv" else frozenset()
    rows = 0
    for batch in batches([file], fmt, csv, None):
        rows += batch.num_rows
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if name:
                _Reader(columns[name], name, watch, null_words).add(array, from_text=fmt == "csv")
    irregular = text is not None and (text.records != rows or not text.balanced)
    if irregular:
        check_rows(file, csv)
    return FileProfile(file, tuple(names), rows, columns, text, irregular)


def place_of(
    profile: FileProfile, fmt: Format, csv: CsvOptions, column: str, wrong: Callable[[str], bool]
) -> tuple[str, str] | None:
    """Where the first wrong cell stands, and the cell: `FILE, line 7`, or for Parquet `FILE, row 6`.

    Only called when something is wrong: it reads the file again, slowly.

    Args:
      profile: the file.
      fmt: its format.
      csv: how CSV text is read.
      column: the column to look in.
      wrong: tells from a cell's text, "" for a missing one, whether it is wrong.
    """
    if fmt == "csv":
        position = profile.names.index(column)
        for line, row in records(profile.file, csv):
            cell = row[position]
            if wrong("" if cell in csv.null_values else cell):
                return f"{profile.file}, line {line}", cell
        return None
    number = 0
    for batch in batches([profile.file], fmt, csv, {column: None}):
        for cell in cells_as_text(batch.column(0)).to_pylist():
            number += 1
            if wrong(cell):
                return f"{profile.file}, row {number}", cell
    return None


@dataclass(frozen=True)
class _Reader:
    """Adds arrays to one column's profile."""

    profile: ColumnProfile
    name: str
    watch: Watch
    null_words: frozenset[str]

    def add(self, array: pa.Array, from_text: bool) -> None:
        import pyarrow as pa

        profile = self.profile
        profile.rows += len(array)
        if not from_text and array.type not in profile.types:
            profile.types = (*profile.types, array.type)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_null(array.type):
            profile.missing += len(array)
        elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            self._add_text(array, from_text)
        elif is_plain_number(array.type):
            self._add_numbers(array)
        elif is_boolean_or_time(array.type):
            self._add_text(cells_as_text(array), from_text)
        else:
            profile.unsupported = str(array.type)
            profile.missing += array.null_count

    def _add_text(self, array: pa.Array, from_text: bool) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        profile = self.profile
        values, counts = pc.value_counts(array).flatten()
        absent = pc.is_in(values, value_set=pa.array(["", None, *self.null_words], values.type))
        profile.missing += pc.sum(counts.filter(absent)).as_py() or 0
        words = values.filter(absent).drop_null()
        profile.null_words = profile.null_words or pc.any(pc.not_equal(words, "")).as_py() is True
        values, counts = values.filter(pc.invert(absent)), counts.filter(pc.invert(absent))
        profile.cells.update(values)
        if not from_text and len(values):
            profile.cells.stock = CellType.STRING
        self._count(values, counts)
        if self.name in self.watch.ranged and profile.cells.first_text is None and len(values):
            numbers = pc.cast(pc.utf8_trim_whitespace(values), pa.float64())
            profile.widen(*_range(numbers))

    def _add_numbers(self, array: pa.Array) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        profile = self.profile
        is_integer = pa.types.is_integer(array.type)
        if pa.types.is_uint64(array.type) or not is_integer:
            array = array.cast(pa.float64(), safe=False)
            # NaN is a missing number to us; Arrow counts it among the values.
            array = pc.if_else(pc.is_nan(array), None, array)
        profile.missing += array.null_count
        array = array.drop_null()
        if len(array) == 0:
            return
        cells = profile.cells
        cells.any_number = True
        cells.stock = max(cells.stock, CellType.INT if is_integer else CellType.FLOAT)
        profile.zeros = profile.zeros or pc.any(pc.equal(array, 0)).as_py()
        if pa.types.is_floating(array.type) and cells.integers:
            whole = pc.and_(pc.equal(pc.floor(array), array), pc.less(pc.abs(array), EXACT_INTEGERS))
            if not pc.all(whole).as_py():
                cells.integers = False
                cells.first_fraction = cells_as_text(array.filter(pc.invert(whole)).slice(0, 1))[0].as_py()
        if self.name in self.watch.ranged:
            profile.widen(*_range(array))
        if self.name in self.watch.counted or self.name in self.watch.patterns:
            values, counts = pc.value_counts(array).flatten()
            self._count(cells_as_text(values), counts)

    def _count(self, values: pa.Array, counts: pa.Array) -> None:
        import pyarrow.compute as pc

        profile = self.profile
        if self.name in self.watch.counted and len(profile.counts) <= MAX_CLASSES:
            shown = slice(0, MAX_CLASSES + 1)
            profile.counts.update(dict(zip(values[shown].to_pylist(), counts[shown].to_pylist(), strict=True)))
        pattern = self.watch.patterns.get(self.name)
        if pattern is not None and len(values):
            wrong = pc.invert(pc.match_substring_regex(values, rf"\A(?:{pattern})\z"))
            if pc.any(wrong).as_py():
                profile.unmatched += pc.sum(counts.filter(wrong)).as_py()
                if profile.first_unmatched is None:
                    profile.first_unmatched = values.filter(wrong)[0].as_py()


def _range(numbers: pa.Array) -> tuple[float | None, float | None]:
    import pyarrow.compute as pc

    found = pc.min_max(numbers)
    return found["min"].as_py(), found["max"].as_py()
