"""Checks `data.reader: tfx`: which files TFX's own readers are given, and what they would visibly misread.

What only the whole table would tell (a word for missing after the first rows, quotation marks within a cell) is left to
who chooses that reader.
"""

from __future__ import annotations

import codecs
import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.example_gen.columns.cells import CellType, stock_type
from components.example_gen.columns.convert import is_bytes, is_string, value_type
from components.example_gen.columns.use import NUMBERS, Role
from components.example_gen.config import DataConfig, Format
from components.example_gen.formats import registry
from components.example_gen.formats.io import compression
from components.example_gen.sources import resolve_spans
from pipeline.preflight.first_rows import Mismatch
from pipeline.preflight.table_files import TableReader, is_remote, source_files, table_format, table_partitions
from preprocessing.errors import UserError
from preprocessing.missing import is_missing
from preprocessing.readable import digits_only
from preprocessing.text import listed, quoted

if TYPE_CHECKING:
    import pyarrow as pa

_ARROW = "set data.reader: arrow"
_MAGIC = frozenset("*?[{\\")
_HEADER_BYTES = 64 << 10
_WHOLE: tuple[Role, ...] = ("category", "class", "boolean", "date")
"""Columns of text or integers."""


@dataclass(frozen=True)
class StockInput:
    """What a stock ExampleGen reads.

    Attributes:
      format: of the files.
      patterns: an absolute path or glob, or a URL, for each split, or for "all".
    """

    format: Format
    patterns: Mapping[str, str]


def stock_input(data: DataConfig, base: Path) -> StockInput:
    """The user's own files, of spans the newest ones.

    Args:
      data: the configuration, of files.
      base: the folder that its relative paths start from.

    Raises:
      UserError: nothing is there, no pattern matches the files alone, or their names don't say the format.
    """
    if columns := () if is_remote(data) else table_partitions(data, base.absolute()):
        raise UserError(
            f"reader: tfx doesn't read the names of folders; {listed([each.key for each in columns])} would be gone",
            hint=_ARROW,
        )
    files: list[Path] = []
    patterns: dict[str, str] = {}
    for split, sources in resolve_spans(data, str(base.absolute())).sources.items():
        # The stock readers take one span.
        [source] = sources
        if "://" in source:
            patterns[split] = source
        else:
            found = source_files([source], data)
            patterns[split] = _pattern(source, found)
            files += found
    fmt = table_format(files, data) if files else registry.format_of(list(patterns.values()), data.format)
    return StockInput(fmt, patterns)


def _pattern(source: str, files: Sequence[Path]) -> str:
    """The path or glob under which TFX finds these files and no others."""
    if len(files) == 1:
        pattern = str(files[0])
        alone = not _MAGIC.intersection(pattern)
    else:
        folder = Path(source).is_dir()
        pattern = str(Path(source) / f"*{files[0].suffix}") if folder else source
        # TFX lists hidden files too, and ** as *. An escaped character stands for itself to us only.
        matched = {Path(each) for each in glob.glob(pattern, include_hidden=True)}  # noqa: PTH207 - absolute
        odd = "**" in pattern or "[[]" in pattern or (folder and _MAGIC.intersection(source))
        alone = not odd and matched == set(files)
    if not alone:
        shown = listed([file.name for file in files], 3)
        raise UserError(
            f"{source}: reader: tfx finds files by one pattern; expected one that matches the table's files "
            f"({shown}) and no others, received {pattern}",
            hint=f"keep them alone in a folder without special characters in its name, or {_ARROW}",
        )
    return pattern


def check_stock_files(files: Sequence[Path], reader: TableReader) -> None:
    """What the beginnings of a source's files say: their packing, header lines and types.

    Args:
      files: of one split, or all.
      reader: of their format.

    Raises:
      UserError: TFX's reader would misread one of them.
    """
    if reader.format == "csv":
        first = reader.columns(files[0])
        for file in files:
            _check_csv(file, reader.columns(file), first)
    else:
        _check_parquet(files)


def _check_csv(file: Path, columns: list[str], first: list[str]) -> None:
    if (packing := compression(str(file))) is not None:
        raise UserError(
            f"{file}: reader: tfx expected a CSV file as plain text, received one that is compressed ({packing})",
            hint=f"decompress it, or {_ARROW}",
        )
    with file.open("rb") as content:
        line = content.readline(_HEADER_BYTES)
    if line.startswith(codecs.BOM_UTF8):
        raise UserError(
            f"{file}: begins with a byte order mark, which reader: tfx takes for part of the first column's name",
            hint=f"save it as UTF-8 without one, or {_ARROW}",
        )
    read = line.decode("utf-8", "replace").strip().split(",")
    if read != columns or "" in read:
        raise UserError(
            f"{file}: reader: tfx splits the first line at every comma, quoted or not; expected the {len(columns)} "
            f"columns {_columns(columns)}, received {_columns(read)}",
            hint=f"give every column a name without quotation marks, or {_ARROW}",
        )
    if columns != first:
        raise UserError(
            f"{file}: reader: tfx needs the columns of all files in one order; expected that of the first file, "
            f"{_columns(first)}, received {_columns(columns)}",
            hint=f"write the files alike, or {_ARROW}",
        )


def _check_parquet(files: Sequence[Path]) -> None:
    import pyarrow.parquet as pq

    seen: dict[str, tuple[str, Path]] = {}
    for file in files:
        for field in pq.read_schema(file):
            if not field.name:
                raise UserError(
                    f"{file}: a column without a name, which reader: tfx would make a feature",
                    hint=f"give every column a name, or {_ARROW}",
                )
            kind = _parquet_kind(field.type)
            if kind is None:
                raise UserError(
                    f"{file}: column {field.name!r} is of type {field.type}; reader: tfx expected integers, floats or "
                    "text",
                    hint=f"write it as one of these, or {_ARROW}",
                )
            known, where = seen.setdefault(field.name, (kind, file))
            if kind != known:
                raise UserError(
                    f"{file}: column {field.name!r} holds {kind} and in {where} {known}; reader: tfx needs one type in "
                    "all files",
                    hint=f"write the files alike, or {_ARROW}",
                )


def _parquet_kind(kind: pa.DataType) -> str | None:
    """What TFX makes of a type; None where it ends with an error."""
    import pyarrow as pa

    value = value_type(kind)
    if pa.types.is_integer(value) or pa.types.is_boolean(value):
        return "integers"
    if pa.types.is_floating(value):
        return "floats"
    return "text" if is_string(value) or is_bytes(value) or pa.types.is_null(value) else None


def stock_mismatch(
    column: pa.ChunkedArray, role: Role, words: Sequence[str] | None, date_format: str | None
) -> Mismatch | None:
    """What TFX's reader would misread in a column's first values.

    Args:
      column: the values of the first rows, as they are written.
      role: what the configuration uses the column for.
      words: of CSV, those that mean missing; None for Parquet.
      date_format: of a date column.

    Returns:
      Why the column must be read otherwise; None when these rows give no reason.
    """
    cells = column.to_pylist()
    if role in ("class", "target") and (row := next((row for row, cell in _rows(cells) if cell in ("", None)), 0)):
        return Mismatch(
            f"row {row} has no label; reader: tfx keeps such rows", None, f"fill or remove them, or {_ARROW}"
        )
    if words is None:
        return _parquet_mismatch(column.type, cells, role)
    return _csv_mismatch([(row, cell) for row, cell in _rows(cells) if cell], role, words, date_format)


def _rows(cells: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    return enumerate(cells, 1)


def _parquet_mismatch(kind: pa.DataType, cells: Sequence[Any], role: Role) -> Mismatch | None:
    import pyarrow as pa

    for row, cell in _rows(cells):
        # `if not pyval` in TFX's dict_to_example; of texts, the empty one means missing to us too.
        if isinstance(cell, int | float) and not cell:
            message = f"row {row} is {cell!r}, which reader: tfx takes for missing in Parquet"
            return Mismatch(message, str(cell), f"write the table as CSV, or {_ARROW}")
    if role in _WHOLE and pa.types.is_floating(value_type(kind)):
        return Mismatch(f"expected text or integers, but reader: tfx reads {kind}", None, f"write it so, or {_ARROW}")
    return None


def _csv_mismatch(
    cells: Sequence[tuple[int, str]], role: Role, words: Sequence[str], date_format: str | None
) -> Mismatch | None:
    for row, cell in cells:
        if is_missing(cell, words):
            message = f"row {row} holds a word for missing, which reader: tfx reads as a value"
            return Mismatch(message, cell, f"leave such cells empty, or {_ARROW}")
    if not cells:
        return None
    # TFX gives a column the highest type of its cells.
    row, cell = max(cells, key=lambda each: stock_type(each[1]))
    highest = stock_type(cell)
    if role in NUMBERS:
        if highest is not CellType.STRING:
            return None
        message = f"must be a number, but reader: tfx takes row {row} for text"
        return Mismatch(message, cell, f"write a plain number, or {_ARROW}")
    if role in _WHOLE and highest is CellType.FLOAT:
        message = f"expected text or integers, but reader: tfx reads row {row} as a number with a fraction"
        return Mismatch(message, cell, f"write it in another form, or {_ARROW}")
    return _integer_mismatch(cells, role, date_format) if highest is CellType.INT else None


def _integer_mismatch(cells: Sequence[tuple[int, str]], role: Role, date_format: str | None) -> Mismatch | None:
    """Texts that TFX reads as integers."""
    row, cell = cells[0]
    if role == "date" and date_format is not None and digits_only(date_format):
        message = f"reader: tfx reads row {row} as an integer, which counts the time since 1970"
        return Mismatch(message, cell, f"write dates with separators (2024-01-31), or {_ARROW}")
    for row, cell in cells:
        if cell != str(int(cell)):
            message = f"reader: tfx reads row {row} as the integer {int(cell)}"
            return Mismatch(message, cell, f"write it in another form, or {_ARROW}")
    return None


def _columns(names: Sequence[str]) -> str:
    return listed(names, 6, lambda name: quoted(name, 40))
