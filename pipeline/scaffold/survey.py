"""Looks at a table that nobody has described yet: every column's kind from all rows, its values from a sample."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.columns.convert import first_as_text
from components.example_gen.columns.use import is_boolean, is_temporal
from components.example_gen.config import DataConfig, Format
from pipeline.preflight.table_files import LOOSE, TableReader
from pipeline.preflight.table_profile import ColumnProfile, TableProfile, Watch, profile_file
from pipeline.preflight.table_rules import check_names, check_same_columns
from pipeline.scaffold.bags import ListColumn, count_values, element_types, has_fractions
from pipeline.scaffold.given import Given
from pipeline.scaffold.readings import Readings, find_readings
from pipeline.scaffold.source import described
from pipeline.scaffold.words import AMONG_NUMBERS, ColumnWords, configured, decide_words
from preprocessing.config import Task
from preprocessing.errors import UserError
from preprocessing.missing import USUAL_WORDS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SAMPLE_ROWS = 100_000


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

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """The sampled rows as numbers, the same for the same text, from 0 on; a missing one counts as a value."""
        import numpy as np
        import pyarrow.compute as pc

        return pc.dictionary_encode(self.cells).indices.to_numpy().astype(np.int64)

    @cached_property
    def distinct(self) -> int:
        """How many different values the sample has."""
        import pyarrow.compute as pc

        return int(pc.count_distinct(self.present).as_py())

    def first(self, most: int) -> list[str]:
        """The first different values of the sample, without counting all as `counts` does."""
        import pyarrow.compute as pc

        values: list[str] = pc.unique(self.present).slice(0, most).to_pylist()
        return values

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
        return cells.kind == "number" and not cells.leading_zeros

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
      data: how they are read, its words for missing above all.
      rows: all data rows.
      columns: by name, in the file's order, those of lists aside.
      lists: the columns of lists, by name.
      unsupported: columns of types that can't become features, with the type.
      label_counts: all rows by the label's value.
      sampled: whether `cells` hold a part of the rows only.
      words: what was decided of words such as NA, by column.
      readings: how the texts of single columns are read.
      partial: the columns that some files lack, and the first of these in words.
    """

    files: tuple[Path, ...]
    format: Format
    data: DataConfig
    rows: int
    columns: Mapping[str, Column]
    lists: Mapping[str, ListColumn]
    unsupported: Mapping[str, str]
    label_counts: Counter[str]
    sampled: bool
    words: tuple[ColumnWords, ...]
    readings: Readings
    partial: Mapping[str, str] = field(default_factory=dict)


def survey(data: Path, label: str, task: Task | None = None, given: Given | None = None) -> Survey:
    """Reads the table twice: all of it for the kinds, then a sample spread evenly over it.

    Both again where the sample shows columns that need settings of their own.

    Args:
      data: a file, a folder or a glob.
      label: the column to predict.
      task: the task that the user wants; None takes it from the values.
      given: what is known beforehand of how the table is read.

    Raises:
      UserError: the table can't be read, or has no such column.
    """
    given = given or Given()
    files, reader = described(data, label, given)
    config, fmt = reader.data, reader.format
    # At first as it is written: which words mean missing, the other cells of a column tell.
    config = config.model_copy(update={"csv": config.csv.model_copy(update={"null_values": ()})})
    table = _profiled(files, replace(reader, data=config), label)
    if (kind := table.unsupported(label, "class")) is not None:
        raise UserError(
            f"the label {label!r} is of type {kind}",
            hint="choose a column of classes or numbers",
        )
    found = decide_words(table, label)
    config = configured(config, fmt, found)
    if found:
        table = _profiled(files, replace(reader, data=config), label)
    columns, unsupported = _columns(files, table)
    words = {name: config.missing(fmt).of(name) for name in columns}
    readings = find_readings(columns, label, task, words, given.decimal, table.partial())
    wrong = {*readings.read}
    while wrong:
        # The sample showed how the columns are written; all rows have to agree.
        table = _profiled(files, replace(reader, data=readings.configured(config)), label)
        columns, unsupported = _columns(files, table)
        wrong = {name for name in readings.read if name in columns and not readings.holds(columns[name])}
        readings = readings.without({name: columns[name].profile.cells.first_text or "" for name in wrong})
    config, rows, counts = readings.configured(config), table.rows("all"), table.column(label).counts
    lists = _lists(files, table, unsupported)
    unsupported = {name: kind for name, kind in unsupported.items() if name not in lists}
    return Survey(
        files,
        fmt,
        config,
        rows,
        columns,
        lists,
        unsupported,
        counts,
        sampled=rows > SAMPLE_ROWS,
        words=found,
        readings=readings,
        partial=table.partial(),
    )


def _columns(files: tuple[Path, ...], table: TableProfile) -> tuple[dict[str, Column], dict[str, str]]:
    """The columns that can become features, and the types of the others."""
    unsupported = {name: kind for name in table.names if (kind := table.unsupported(name, "category")) is not None}
    wanted = tuple(name for name in table.names if name not in unsupported)
    cells = _sample(files, table.reader, table.rows("all"), wanted)
    return {name: Column(name, table.column(name), cells[name]) for name in wanted}, unsupported


def _lists(files: tuple[Path, ...], table: TableProfile, unsupported: Mapping[str, str]) -> dict[str, ListColumn]:
    """The columns that can't become features of one value, but of several."""
    names = [name for name in unsupported if table.unsupported(name, "list") is None]
    counts = {name: Counter[str]() for name in names}
    # The numbers of vectors would fill the memory, and none of them comes twice.
    counted = [name for name in names if not has_fractions(element_types(table.column(name).types))]
    for part, picked in _picked(files, table.reader, table.rows("all")) if counted else ():
        for name in counted:
            if (position := part.schema.get_field_index(name)) >= 0:
                count_values(counts[name], part.column(position).take(picked))
    return {
        name: ListColumn(element_types(column.types), counts[name], column.missing / max(column.rows, 1))
        for name in names
        for column in [table.column(name)]
    }


def _profiled(files: tuple[Path, ...], reader: TableReader, label: str) -> TableProfile:
    looked_at = Watch(counted=frozenset({label}), ranged=frozenset({label}), words=(*USUAL_WORDS, *AMONG_NUMBERS))
    if reader.format not in LOOSE:
        first = reader.columns(files[0])
        check_names({label: "class"}, first, str(files[0]))
        for file in files[1:]:
            check_same_columns((files[0], first), (file, reader.columns(file)), {label})
    table = TableProfile(reader, {"all": tuple(profile_file(file, reader, looked_at) for file in files)})
    check_names({label: "class"}, list(table.names), str(files[0]))
    return table


def _sample(files: tuple[Path, ...], reader: TableReader, rows: int, wanted: tuple[str, ...]) -> dict[str, pa.Array]:
    """Every so manieth row of the table as text, "" for missing."""
    import pyarrow as pa

    taken: dict[str, list[pa.Array]] = {name: [] for name in wanted}
    for part, picked in _picked(files, reader, rows):
        for name in wanted:
            position = part.schema.get_field_index(name)
            if position < 0:
                cells = pa.array([""] * len(picked), pa.string())
            else:
                cells = first_as_text(part.column(position).take(picked))
            taken[name].append(cells)
    return {name: pa.chunked_array(arrays, pa.string()).combine_chunks() for name, arrays in taken.items()}


def _picked(files: tuple[Path, ...], reader: TableReader, rows: int) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """The table in pieces, each with the places of the rows that are in the sample."""
    import pyarrow as pa

    step = max(1, -(-rows // SAMPLE_ROWS))
    offset = 0
    for part in (part for file in files for part in reader.rows(file)):
        yield part.batch, pa.array(range(-offset % step, part.batch.num_rows, step), pa.int64())
        offset += part.batch.num_rows
