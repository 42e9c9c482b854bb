"""Looks at a table that nobody has described yet: every column's kind from all rows, its values from a sample."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.columns.convert import first_as_text
from components.example_gen.columns.use import is_boolean, is_temporal
from components.example_gen.config import CsvOptions, DataConfig, Format
from pipeline.preflight.table_files import LOOSE, TableReader
from pipeline.preflight.table_profile import ColumnProfile, TableProfile, Watch, profile_file
from pipeline.preflight.table_rules import check_names, check_same_columns
from pipeline.scaffold.given import Given
from pipeline.scaffold.source import described
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SAMPLE_ROWS = 100_000
_NULL_WORDS = frozenset(
    {"-", "--", ".", "..", "#N/A", "#NA", "<NA>", "NaT", "nil", "missing", "unknown", "not available"}
)
_MIN_NUMBER_SHARE = 0.5


@dataclass(frozen=True)
class Column:
    """One column as the proposal sees it.

    Attributes:
      name: its name.
      profile: what all rows hold.
      cells: the sampled rows as text, "" for missing; aligned with the other columns' cells.
    """

    name: str
    profile: ColumnProfile
    cells: pa.Array

    @cached_property
    def present(self) -> pa.Array:
        """The sampled cells that are not missing."""
        import pyarrow.compute as pc

        return self.cells.filter(pc.not_equal(self.cells, ""))

    @cached_property
    def counts(self) -> Counter[str]:
        """Sampled rows by value, the missing ones left out."""
        import pyarrow.compute as pc

        values, counts = pc.value_counts(self.present).flatten()
        return Counter(dict(zip(values.to_pylist(), counts.to_pylist(), strict=True)))

    @property
    def distinct(self) -> int:
        """How many different values the sample has."""
        return len(self.counts)

    @property
    def uniqueness(self) -> float:
        """Different values for each present row of the sample: 1 when no value repeats."""
        return self.distinct / max(len(self.present), 1)

    @property
    def missing_share(self) -> float:
        """The share of all rows that have no value."""
        return self.profile.missing / max(self.profile.rows, 1)

    @property
    def is_number(self) -> bool:
        """Whether every present value is a number, and the column is not one of codes with leading zeros."""
        cells = self.profile.cells
        return cells.kind == "number" and not (cells.leading_zeros and all("." not in cell for cell in self.counts))

    @property
    def is_boolean(self) -> bool:
        """Whether a Parquet file says that it is boolean."""
        return is_boolean(self.profile)

    @property
    def is_temporal(self) -> bool:
        """Whether a Parquet file says that it holds dates or points in time."""
        return is_temporal(self.profile)

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The sampled finite numbers, float64."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        values = pc.cast(pc.utf8_trim_whitespace(self.present), pa.float64()).to_numpy(zero_copy_only=False)
        return values[np.isfinite(values)]

    @property
    def words(self) -> frozenset[str]:
        """The pieces of its name: `customerId`, `customer_id` and `Customer ID` are `customer` and `id`."""
        pieces = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+", self.name)
        return frozenset(piece.lower() for piece in pieces)


@dataclass(frozen=True)
class Survey:
    """A table as the proposal sees it.

    Attributes:
      files: its files.
      format: their format.
      csv: how CSV text is read.
      data: how all of it is read, `csv` and the path aside.
      rows: all data rows.
      columns: by name, in the file's order.
      unsupported: columns of types that can't become features, with the type.
      label_counts: all rows by the label's value.
      sampled: whether `cells` hold a part of the rows only.
      null_words: words that were found to mean missing, beside the usual ones, and where.
    """

    files: tuple[Path, ...]
    format: Format
    csv: CsvOptions
    data: DataConfig
    rows: int
    columns: Mapping[str, Column]
    unsupported: Mapping[str, str]
    label_counts: Counter[str]
    sampled: bool
    null_words: Mapping[str, str]


def survey(data: Path, label: str, given: Given | None = None) -> Survey:
    """Reads the table twice: all of it for the kinds, then a sample spread evenly over it.

    Args:
      data: a file, a folder or a glob.
      label: the column to predict.
      given: what is known beforehand of how it is read.

    Raises:
      UserError: the table can't be read, or has no such column.
    """
    files, source = described(data, label, given or Given())
    fmt, csv = source.format, source.data.csv
    table = _profiled(files, source, label)
    if (kind := table.unsupported(label, "class")) is not None:
        raise UserError(
            f"the label {label!r} is of type {kind}",
            hint="choose a column of classes or numbers",
        )
    found = _null_words(table, label)
    kept = _label_null_words(table, csv, label)
    if found or kept != csv.null_values:
        csv = csv.model_copy(update={"null_values": (*kept, *found)})
        table = _profiled(files, replace(source, data=source.data.model_copy(update={"csv": csv})), label)
    rows = table.rows("all")
    unsupported = {name: kind for name in table.names if (kind := table.unsupported(name, "category")) is not None}
    cells = _sample(files, table.reader, rows, tuple(name for name in table.names if name not in unsupported))
    columns = {name: Column(name, table.column(name), cells[name]) for name in table.names if name in cells}
    counts = table.column(label).counts
    return Survey(files, fmt, csv, source.data, rows, columns, unsupported, counts, rows > SAMPLE_ROWS, found)


def _profiled(files: tuple[Path, ...], reader: TableReader, label: str) -> TableProfile:
    looked_at = Watch(counted=frozenset({label}), ranged=frozenset({label}))
    if reader.format not in LOOSE:
        first = reader.columns(files[0])
        check_names({label: "class"}, first, str(files[0]))
        for file in files[1:]:
            check_same_columns((files[0], first), (file, reader.columns(file)))
    table = TableProfile(reader, {"all": tuple(profile_file(file, reader, looked_at) for file in files)})
    check_names({label: "class"}, list(table.names), str(files[0]))
    return table


def _null_words(table: TableProfile, label: str) -> dict[str, str]:
    """Words such as "-" that stand in for missing numbers, with the column in which each was found."""
    found: dict[str, str] = {}
    if table.reader.format != "csv":
        return found
    for name in table.names:
        if name == label or table.column(name).cells.kind != "mixed":
            continue
        # One look at the first file is enough for a proposal.
        counts = Counter[str]()
        for rows in table.reader.rows(table.files[0].file, {name: "string"}):
            counts.update(_present(rows.batch.column(name), table.reader.null_words or ()))
        words = {value: count for value, count in counts.items() if not re.search(r"\d", value)}
        numbers = sum(counts.values()) - sum(words.values())
        if numbers >= _MIN_NUMBER_SHARE * sum(counts.values()) and words.keys() <= _NULL_WORDS:
            found |= dict.fromkeys(words, name)
    return {word: name for word, name in found.items() if word not in table.column(label).counts}


def _label_null_words(table: TableProfile, csv: CsvOptions, label: str) -> tuple[str, ...]:
    """The words for missing, without those that are classes of the label.

    "None" is a class more often than it is a missing label; so is any word without which one class is left.
    """
    if table.reader.format != "csv" or not table.column(label).null_words:
        return csv.null_values
    counts = Counter[str]()
    as_written = csv.model_copy(update={"null_values": ("",)})
    reader = replace(table.reader, data=table.reader.data.model_copy(update={"csv": as_written}))
    for profile in table.files:
        for rows in reader.rows(profile.file, {label: "string"}):
            counts.update(_present(rows.batch.column(label), ("",)))
    words = {word for word in csv.null_values if word in counts}
    classes = words & {"None"}
    if len(counts.keys() - words | classes) < 2:
        classes = words
    return tuple(word for word in csv.null_values if word not in classes)


def _present(cells: pa.Array, null_words: Collection[str]) -> list[str]:
    words = {"", *null_words}
    return [cell for cell in cells.to_pylist() if cell is not None and cell not in words]


def _sample(files: tuple[Path, ...], reader: TableReader, rows: int, wanted: tuple[str, ...]) -> dict[str, pa.Array]:
    """Every so manieth row of the table as text, "" for missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    step = max(1, -(-rows // SAMPLE_ROWS))
    taken: dict[str, list[pa.Array]] = {name: [] for name in wanted}
    null_words = pa.array([*(reader.null_words or ())], pa.string())
    offset = 0
    for part in (part for file in files for part in reader.rows(file)):
        picked = pa.array(range(-offset % step, part.batch.num_rows, step), pa.int64())
        offset += part.batch.num_rows
        for name in wanted:
            position = part.batch.schema.get_field_index(name)
            if position < 0:
                cells = pa.array([""] * len(picked), pa.string())
            else:
                cells = first_as_text(part.batch.column(position).take(picked))
            if len(null_words):
                cells = pc.if_else(pc.is_in(cells, value_set=null_words), "", cells)
            taken[name].append(cells)
    return {name: pa.chunked_array(arrays, pa.string()).combine_chunks() for name, arrays in taken.items()}
