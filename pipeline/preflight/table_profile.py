"""One streaming pass over the files of a table: what every column holds, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from components import alongside
from components.data_gate.seen import Floor, Seen
from components.example_gen.columns.cells import is_number
from components.example_gen.columns.convert import cells_as_text, elements, is_bytes, is_list, plain
from components.example_gen.columns.facts import ColumnFacts
from components.example_gen.columns.use import SEVERAL, Role
from pipeline.preflight.table_files import LOOSE, TableReader
from preprocessing.missing import bare_text, missing_cells
from preprocessing.readable import Reading

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Watch:
    """What a profile looks at more closely.

    Attributes:
      counted: columns whose values are counted, for labels with classes.
      ranged: columns whose smallest and largest numbers are wanted.
      floors: by column, the smallest number that it may hold.
      readings: by column, how preprocessing reads its texts.
      words: texts of any column whose rows are counted, blanks around them aside.
    """

    counted: frozenset[str] = frozenset()
    ranged: frozenset[str] = frozenset()
    floors: Mapping[str, Floor] = field(default_factory=dict)
    readings: Mapping[str, Reading] = field(default_factory=dict)
    words: tuple[str, ...] = ()


@dataclass
class ColumnProfile(ColumnFacts):
    """What one column of one file (or of several, merged) holds: the facts, and what a preflight also looks at.

    Attributes:
      words: rows by word, of those that are watched for.
      watched: what was wanted, its rows aside, which are this column's.
    """

    words: Counter[str] = field(default_factory=Counter)
    watched: Seen = field(default_factory=Seen)

    @property
    def minimum(self) -> float | None:
        """The smallest finite number, where wanted."""
        return self.watched.low

    @property
    def counts(self) -> Counter[str]:
        """Rows by value as text, where wanted; incomplete beyond `MAX_CLASSES` values."""
        return self.watched.counts

    def seen(self, *, labelled: bool = False) -> Seen:
        """What the data gate's rules judge.

        Args:
          labelled: only the rows that have a value: a run leaves those out that have no label.
        """
        if labelled:
            return replace(self.watched, rows=self.present, missing=0)
        return replace(self.watched, rows=self.rows, missing=self.missing)

    def look(self, array: pa.Array, name: str, watch: Watch, *, untyped: bool) -> None:
        """Adds some rows of the column of this name."""
        present = self.add(array, untyped=untyped)
        if present is None:
            return
        if present.counts is None:
            self._look_at_numbers(present.values, name, watch)
        else:
            self._look_at_texts(present.values, present.counts, name, watch)

    def join(self, other: ColumnProfile) -> None:
        """Adds what the same column holds in another file."""
        self.merge(other)
        self.words.update(other.words)
        self.watched.join(other.watched)

    def _look_at_texts(self, values: pa.Array, counts: pa.Array, name: str, watch: Watch) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        self._count(values, counts, name, watch)
        if watch.words:
            found = missing_cells(values, watch.words)
            for word, rows in zip(values.filter(found).to_pylist(), counts.filter(found).to_pylist(), strict=True):
                self.words[bare_text(word)] += rows
        if name in watch.ranged:
            numeric = is_number(values)
            numbers = pc.cast(pc.utf8_trim_whitespace(values.filter(numeric)), pa.float64())
            self.watched.add_numbers(numbers, counts.filter(numeric), watch.floors.get(name))

    def _look_at_numbers(self, numbers: pa.Array, name: str, watch: Watch) -> None:
        import pyarrow.compute as pc

        if name in watch.ranged:
            self.watched.add_numbers(numbers, None, watch.floors.get(name))
        if len(numbers) and (name in watch.counted or name in watch.readings):
            values, counts = pc.value_counts(numbers).flatten()
            self._count(cells_as_text(values), counts, name, watch)

    def _count(self, values: pa.Array, counts: pa.Array, name: str, watch: Watch) -> None:
        if name in watch.counted:
            self.watched.add_classes(values, counts)
        if name in watch.readings:
            self.watched.add_readings(values, counts, watch.readings[name], text=False)


@dataclass(frozen=True)
class FileProfile:
    """What one file holds.

    Attributes:
      file: its path.
      names: its columns in order; the nameless ones are "".
      rows: data rows.
      columns: by name, the nameless ones left out.
    """

    file: Path
    names: tuple[str, ...]
    rows: int
    columns: Mapping[str, ColumnProfile]


@dataclass(frozen=True)
class TableProfile:
    """A table as it was read: every file's profile, by split ("all" where the pipeline makes the splits).

    Attributes:
      reader: reads its files.
      splits: the profiles of each split's files.
    """

    reader: TableReader
    splits: Mapping[str, tuple[FileProfile, ...]]
    _merged: dict[tuple[str | None, str], ColumnProfile] = field(default_factory=dict)

    @property
    def files(self) -> tuple[FileProfile, ...]:
        """The profiles of all files."""
        return tuple(profile for profiles in self.splits.values() for profile in profiles)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that have a name, in the order of the first file that has them."""
        return tuple(dict.fromkeys(name for profile in self.files for name in profile.columns))

    @property
    def skips(self) -> bool:
        """Whether a run goes on without bad rows."""
        return self.reader.data.on_bad_row != "fail"

    def part(self, split: str | None) -> tuple[FileProfile, ...]:
        """The profiles of one split's files, or of all."""
        return self.files if split is None else self.splits[split]

    def rows(self, split: str) -> int:
        """The data rows of one split."""
        return sum(profile.rows for profile in self.splits[split])

    def column(self, name: str, split: str | None = None) -> ColumnProfile:
        """What a column holds in all files, or in those of one split."""
        if (split, name) not in self._merged:
            merged = ColumnProfile()
            for profile in self.part(split):
                # JSON Lines and TFRecord: a file may lack a column.
                lacking = ColumnProfile(rows=profile.rows, missing=profile.rows)
                merged.join(profile.columns.get(name, lacking))
            self._merged[split, name] = merged
        return self._merged[split, name]

    def partial(self) -> dict[str, str]:
        """The columns that some files lack, with the first one; none of formats whose rows differ in their columns."""
        if self.reader.format in LOOSE:
            return {}
        lacking = {name: [each.file for each in self.files if name not in each.columns] for name in self.names}
        return {name: f"{'/'.join(files[0].parts[-2:])} has no such column" for name, files in lacking.items() if files}

    def unsupported(self, name: str, role: Role = "unused") -> str | None:
        """The type of a column that can't be a feature in that role; None where it can.

        The stock TFX readers take no lists and no bytes; of ours, lists and the user's own function take several
        values.
        """
        column = self.column(name)
        if column.unsupported is not None:
            return column.unsupported
        if self.reader.data.reader == "tfx":
            return next((str(kind) for kind in column.types if is_list(kind) or is_bytes(kind)), None)
        if column.multiple and role not in SEVERAL:
            return next(str(kind) for kind in column.types if is_list(kind))
        return None

    def place(self, name: str, wrong: Callable[[str], bool], split: str | None = None) -> tuple[str, str]:
        """Where the first wrong cell of a column stands, in all files or in those of a split, and the cell."""
        for profile in self.part(split):
            found = place_of(profile.file, self.reader, name, wrong)
            if found is not None:
                return found
        return str(self.files[0].file), "?"


def profile_file(file: Path, reader: TableReader, watch: Watch) -> FileProfile:
    """Reads one file from its first to its last byte.

    Raises:
      UserError: it can't be read, or one of its rows can't and `data.on_bad_row` is fail.
    """
    names = reader.columns(file)
    columns = {name: ColumnProfile() for name in names if name}
    rows = 0
    for part in reader.rows(file):
        alongside.check_interrupt()
        for name, array in zip(part.batch.schema.names, part.batch.columns, strict=True):
            if name:
                # A column that begins late (JSON Lines) was missing so far.
                profile = columns.setdefault(name, ColumnProfile())
                profile.look(array, name, watch, untyped=part.untyped)
        rows += part.batch.num_rows
    for profile in columns.values():
        profile.missing += rows - profile.rows
        profile.rows = rows
    return FileProfile(file, (*names, *(name for name in columns if name not in names)), rows, columns)


def place_of(file: Path, reader: TableReader, column: str, wrong: Callable[[str], bool]) -> tuple[str, str] | None:
    """Where the first wrong cell stands, and the cell: `FILE, line 7`, or for binary formats `FILE, row 6`.

    Only called when something is wrong: it reads the file again, slowly.

    Args:
      file: the file.
      reader: reads it.
      column: the column to look in.
      wrong: tells from a cell's text, "" for a missing one, whether it is wrong.
    """
    for part in reader.rows(file):
        position = part.batch.schema.get_field_index(column)
        if position < 0:
            cells = [(row, "") for row in range(part.batch.num_rows)]
        else:
            cells = _cells(part.batch.column(position))
        for row, cell in cells:
            if wrong(cell):
                return reader.place(str(file), int(part.places[row])), cell
    return None


def _cells(array: pa.Array) -> list[tuple[int, str]]:
    """Every cell as its row and its text; of lists every element, and "" where there is none."""
    array = plain(array)
    if not is_list(array.type):
        return list(enumerate(cells_as_text(array).to_pylist()))
    values, rows = elements(array)
    cells = list(zip(rows.tolist(), cells_as_text(values).to_pylist(), strict=True))
    return sorted(cells + [(row, "") for row in set(range(len(array))) - {row for row, _ in cells}])
