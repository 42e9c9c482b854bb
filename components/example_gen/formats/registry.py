"""Which formats there are, how a file's name tells its format, and the reader of each.

Readers are imported when asked for: `lockgate validate` looks at names without loading Arrow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, get_args

from components.example_gen.config import Format
from components.example_gen.formats.io import compression, name_within
from preprocessing.errors import UserError
from preprocessing.text import either

if TYPE_CHECKING:
    from components.example_gen.block import Reader
    from components.example_gen.config import DataConfig
    from components.example_gen.partitions import Partition

FORMATS: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".ndjson": "jsonl",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
"""What a file's name says about its format; those of packed files may follow those in `PACKED`."""
PACKED: tuple[Format, ...] = ("csv", "jsonl", "tfrecord")
"""Formats that are read from the start, and so may be packed as a whole. The others pack their own columns."""
IN_LINES: tuple[Format, ...] = ("csv", "jsonl")
"""Formats whose rows a text editor finds by their line."""
LOOSE: tuple[Format, ...] = ("jsonl", "tfrecord")
"""Formats whose rows may each have other columns: their files have no header."""
_SHARD = re.compile(r"-\d+-of-\d+$")


def named_format(file: str) -> Format | None:
    """The format that a file's name tells, for example "csv" for `a.csv.gz`; None when it tells none.

    The shard number of TFRecord files may stand behind the ending: `a.tfrecord-00000-of-00008.gz`.
    """
    name = PurePosixPath(file)
    if compression(file) is not None:
        name = name.with_suffix("")
    return FORMATS.get(PurePosixPath(_SHARD.sub("", name.name)).suffix.lower())


def _stored_format(file: str) -> Format | None:
    """The format by the name, or by that of the table in an archive."""
    if (named := named_format(file)) is not None or compression(file) != ".zip":
        return named
    return named_format(name_within(file))


def format_of(files: Sequence[str], configured: Format | None) -> Format:
    """The format of a table's files: as configured, else from their names.

    Args:
      files: paths or URLs, at least one.
      configured: `data.format`.

    Raises:
      UserError: the names say nothing, or not the same thing; or a file is packed whose format can't be.
    """
    formats = {file: configured or _stored_format(file) for file in files}
    first = formats[files[0]]
    for file, found in formats.items():
        if found is None:
            raise UserError(
                f"{file}: the name does not say whether this is {either(get_args(Format))}",
                hint=f"set data.format to {either(get_args(Format))}",
            )
        if found != first:
            raise UserError(
                f"{files[0]} is {first} and {file} is {found}; one table has one format",
                hint="name the files of one format, for example by a glob such as data/*.csv",
            )
        if compression(file) is not None and found not in PACKED:
            article = "an" if found[0] in "ax" else "a"
            raise UserError(
                f"{file}: {article} {found} file can't be read while it is compressed as a whole",
                hint=f"decompress it; only {either(PACKED)} files may be compressed, "
                f"{found} compresses its own columns",
            )
    if first is None:
        raise ValueError("expected at least one file")
    return first


def place_text(file: str, place: int, configured: Format | None) -> str:
    """Where a row stands, in words: `t.csv, line 7`, `t.parquet, row 6`.

    Args:
      file: its file, or what stands for one.
      place: as in `BadRow.place`.
      configured: `data.format`.
    """
    return f"{file}, {'line' if (configured or named_format(file)) in IN_LINES else 'row'} {place}"


def reader(fmt: Format, data: DataConfig, partitions: tuple[Partition, ...] = ()) -> Reader:
    """The reader of a format, as the `data:` section configures it: its cells are as they are meant.

    Args:
      fmt: the format.
      data: the `data:` section.
      partitions: the columns that stand in the names of the files' folders.
    """
    from components.example_gen.formats.as_meant import AsMeant, MissingIsNull, PlainNumbers, Replaced

    steps = (Replaced(data.columns), MissingIsNull(data.missing(fmt)), PlainNumbers(data.columns))
    return AsMeant(_with_folders(fmt, data, partitions), steps)


def _with_folders(fmt: Format, data: DataConfig, partitions: tuple[Partition, ...]) -> Reader:
    if not partitions:
        return _as_written(fmt, data)
    from components.example_gen.formats.partitioned import PartitionedReader

    return PartitionedReader(_as_written(fmt, data), partitions, fmt)


def _as_written(fmt: Format, data: DataConfig) -> Reader:
    block_bytes = data.block_mb << 20
    match fmt:
        case "csv":
            from components.example_gen.formats.csv.reader import CsvReader

            return CsvReader(data.csv, block_bytes)
        case "jsonl":
            from components.example_gen.formats.json.lines import JsonLinesReader

            return JsonLinesReader(block_bytes)
        case "parquet":
            from components.example_gen.formats.parquet import ParquetReader

            return ParquetReader(block_bytes)
        case "arrow":
            from components.example_gen.formats.arrow_ipc import ArrowIpcReader

            return ArrowIpcReader(block_bytes)
        case "tfrecord":
            from components.example_gen.formats.tfrecord import TfRecordReader

            return TfRecordReader(block_bytes)
        case "xlsx":
            from components.example_gen.formats.xlsx import XlsxReader

            return XlsxReader(data.sheet, block_bytes)
