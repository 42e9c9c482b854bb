"""Looks at a table that nobody has described yet: every column's kind from all rows, its values from a sample."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.config import CsvOptions
from pipeline.scaffold.sniff import sniff
from pipeline.table import Format, batches, detect_format, header, source_files
from pipeline.table_convert import cells_as_text
from pipeline.table_profile import ColumnProfile, Watch, profile_file
from pipeline.table_rules import Table, check_names, check_same_columns
from pipeline.table_types import is_boolean, is_temporal
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
    rows: int
    columns: Mapping[str, Column]
    unsupported: Mapping[str, str]
    label_counts: Counter[str]
    sampled: bool
    null_words: Mapping[str, str]


def survey(data: Path, label: str) -> Survey:
    """Reads the table twice: all of it for the kinds, then a sample spread evenly over it.

    Args:
      data: a file, a folder or a glob.
      label: the column to predict.

    Raises:
      UserError: the table can't be read, or has no such column.
    """
    files = tuple(source_files(data, None))
    fmt = detect_format(files, None)
    csv = sniff(files[0]) if fmt == "csv" else CsvOptions()
    check_names({label: "class"}, header(files[0], fmt, csv), str(files[0]))
    table = _profiled(files, fmt, csv, label)
    if table.column(label).unsupported is not None:
        raise UserError(
            f"the label {label!r} is of type {table.column(label).unsupported}",
            hint="choose a column of classes or numbers",
        )
    found = _null_words(table, label)
    kept = _label_null_words(table, csv, label)
    if found or kept != csv.null_values:
        csv = csv.model_copy(update={"null_values": (*kept, *found)})
        table = _profiled(files, fmt, csv, label)
    rows = table.rows("all")
    unsupported = {name: kind for name in table.names if (kind := table.column(name).unsupported) is not None}
    cells = _sample(files, fmt, csv, rows, frozenset(table.names) - unsupported.keys())
    columns = {name: Column(name, table.column(name), cells[name]) for name in table.names if name in cells}
    counts = table.column(label).counts
    return Survey(files, fmt, csv, rows, columns, unsupported, counts, rows > SAMPLE_ROWS, found)


def _profiled(files: tuple[Path, ...], fmt: Format, csv: CsvOptions, label: str) -> Table:
    looked_at = Watch(counted=frozenset({label}), ranged=frozenset({label}))
    first = header(files[0], fmt, csv)
    for file in files[1:]:
        check_same_columns((files[0], first), (file, header(file, fmt, csv)))
    return Table(fmt, csv, {"all": tuple(profile_file(file, fmt, csv, looked_at) for file in files)})


def _null_words(table: Table, label: str) -> dict[str, str]:
    """Words such as "-" that stand in for missing numbers, with the column in which each was found."""
    import pyarrow as pa

    found: dict[str, str] = {}
    if table.format != "csv":
        return found
    for name in table.names:
        if name == label or table.column(name).cells.kind != "mixed":
            continue
        # One look at the first file is enough for a proposal.
        counts = Counter[str]()
        for batch in batches([table.files[0].file], "csv", table.csv, {name: pa.string()}):
            counts.update(batch.column(0).drop_null().to_pylist())
        words = {value: rows for value, rows in counts.items() if not re.search(r"\d", value)}
        numbers = sum(counts.values()) - sum(words.values())
        if numbers >= _MIN_NUMBER_SHARE * sum(counts.values()) and words.keys() <= _NULL_WORDS:
            found |= dict.fromkeys(words, name)
    return {word: name for word, name in found.items() if word not in table.column(label).counts}


def _label_null_words(table: Table, csv: CsvOptions, label: str) -> tuple[str, ...]:
    """The words for missing, without those that are classes of the label.

    "None" is a class more often than it is a missing label; so is any word without which one class is left.
    """
    import pyarrow as pa

    if table.format != "csv" or not table.column(label).null_words:
        return csv.null_values
    counts = Counter[str]()
    as_written = csv.model_copy(update={"null_values": ("",)})
    for batch in batches([profile.file for profile in table.files], "csv", as_written, {label: pa.string()}):
        counts.update(batch.column(0).drop_null().to_pylist())
    words = {word for word in csv.null_values if word in counts}
    classes = words & {"None"}
    if len(counts.keys() - words | classes) < 2:
        classes = words
    return tuple(word for word in csv.null_values if word not in classes)


def _sample(
    files: tuple[Path, ...], fmt: Format, csv: CsvOptions, rows: int, wanted: frozenset[str]
) -> dict[str, pa.Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    step = max(1, -(-rows // SAMPLE_ROWS))
    taken: dict[str, list[pa.Array]] = {}
    null_words = pa.array([*csv.null_values], pa.string())
    offset = 0
    for batch in batches(files, fmt, csv, None):
        picked = batch.take(pa.array(range(-offset % step, batch.num_rows, step), pa.int64()))
        offset += batch.num_rows
        for name, array in zip(picked.schema.names, picked.columns, strict=True):
            if name in wanted:
                cells = cells_as_text(array)
                if fmt == "csv":
                    cells = pc.if_else(pc.is_in(cells, value_set=null_words), "", cells)
                taken.setdefault(name, []).append(cells)
    return {name: pa.chunked_array(arrays, pa.string()).combine_chunks() for name, arrays in taken.items()}
