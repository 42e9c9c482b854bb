"""Reads CSV and Parquet tables before TFX does: which files, which columns, and their rows as a stream.

pyarrow is imported inside the functions: `lockgate validate` needs headers only and must answer at once.
"""

from __future__ import annotations

import codecs
import csv as csv_module
import glob
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from components.example_gen.config import CsvOptions
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "parquet"]
SUFFIXES: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""What a file's name says about its format; `.gz` may follow that of a CSV file."""
BLOCK_BYTES = 4 << 20
BLOCK_ROWS = 65_536
DELIMITERS = (",", ";", "\t", "|")


def source_files(source: str | Path, fmt: str | None) -> list[Path]:
    """The files of a table, sorted.

    Args:
      source: a file, a folder or a glob. Hidden files and names that begin with "_" are not part of a table;
        of a folder, only files whose name says that they are tables are (all of them when `fmt` is given and
        no name says so).
      fmt: the configured format, or None.

    Raises:
      UserError: nothing is there.
    """
    path = Path(source)
    hint = "check data.path or data.inputs; relative paths start at the folder of the YAML file"
    if path.is_file():
        return [path]
    if path.is_dir():
        visible = sorted(file for file in path.iterdir() if file.is_file() and file.name[0] not in "._")
        known = [file for file in visible if _suffix(file) in SUFFIXES]
        files = known or (visible if fmt is not None else [])
        if not files:
            raise UserError(f"{path}: expected CSV or Parquet files in this folder, found none", hint=hint)
        return files
    # Path.glob takes no absolute pattern.
    matches = (Path(match) for match in glob.glob(str(source), recursive=True))  # noqa: PTH207
    files = sorted(match for match in matches if match.is_file() and match.name[0] not in "._")
    if not files:
        what = "no file matches this pattern" if glob.has_magic(str(source)) else "no such file or folder"
        raise UserError(f"{source}: {what}", hint=hint)
    return files


def detect_format(files: Sequence[Path], fmt: str | None) -> Format:
    """The format of a table's files: as configured, else from their names.

    Raises:
      UserError: the names say nothing, or not the same thing.
    """
    if fmt is not None:
        return cast(Format, fmt)
    formats = {file: SUFFIXES.get(_suffix(file)) for file in files}
    for file, detected in formats.items():
        if detected is None:
            raise UserError(
                f"{file}: the name does not say whether this is CSV or Parquet",
                hint="set data.format to csv or parquet",
            )
        if detected != formats[files[0]]:
            raise UserError(
                f"{files[0]} is {formats[files[0]]} and {file} is {detected}; one table has one format",
                hint="name the files of one format, for example by a glob such as data/*.csv",
            )
    return cast(Format, formats[files[0]])


def header(file: Path, fmt: str, csv: CsvOptions) -> list[str]:
    """The column names of one file, in order.

    Raises:
      UserError: the file is missing, empty or can't be read as `fmt`; a column name stands there twice; the
        delimiter is not the configured one.
    """
    names = _parquet_header(file) if fmt == "parquet" else _csv_header(file, csv)
    for position, name in enumerate(names):
        if name and name in names[:position]:
            raise UserError(
                f"{file}: duplicate column {name!r} (columns {names.index(name) + 1} and {position + 1})",
                hint="rename one of them in the file's header; every column needs its own name",
            )
    return names


def sample(file: Path, fmt: str, csv: CsvOptions, rows: int) -> pa.Table:
    """The first rows of one file: CSV as text cells, Parquet in its own types.

    Raises:
      UserError: the file can't be read.
    """
    import pyarrow as pa

    taken: list[pa.RecordBatch] = []
    missing = rows
    for batch in batches([file], fmt, csv, None):
        taken.append(batch.slice(0, missing))
        missing -= taken[-1].num_rows
        if missing <= 0:
            break
    if not taken:
        return pa.table({name: pa.array([], pa.string()) for name in header(file, fmt, csv)})
    return pa.Table.from_batches(taken)


def batches(
    files: Sequence[Path], fmt: str, csv: CsvOptions, types: Mapping[str, pa.DataType] | None
) -> Iterator[pa.RecordBatch]:
    """The rows of the files, in order, a few megabytes at a time.

    Args:
      files: files of one table.
      fmt: their format.
      csv: how CSV text is read.
      types: None gives every CSV cell as the text that stands there (never null) and Parquet columns in their
        own types. A mapping gives the columns named in it, in that order: CSV cells converted to the type, with
        `csv.null_values` as nulls; Parquet columns in their own types.

    Raises:
      UserError: a file can't be read, a row is ragged, a quotation mark is not closed.
    """
    for file in files:
        if fmt == "parquet":
            yield from _parquet_batches(file, None if types is None else list(types))
        else:
            yield from _csv_batches(file, csv, types)


def open_bytes(file: Path) -> BinaryIO:
    """The file's bytes, unpacked where the name ends in `.gz`.

    Raises:
      UserError: the file is not there or may not be read.
    """
    try:
        return cast(BinaryIO, gzip.open(file)) if file.suffix == ".gz" else file.open("rb")
    except OSError as error:
        raise unreadable(file, error) from error


def text_encoding(csv: CsvOptions) -> str:
    """The codec for Python's own reader: a byte order mark is not part of the first column's name.

    Raises:
      UserError: Python knows no such encoding.
    """
    try:
        codec = codecs.lookup(csv.encoding)
    except LookupError as error:
        raise UserError(
            f"data.csv.encoding: unknown encoding {csv.encoding!r}", hint="for example utf-8, latin-1, cp1252, utf-16"
        ) from error
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def unreadable(file: Path, error: OSError) -> UserError:
    """The error for a file that the system will not give us."""
    return UserError(f"{file}: {error.strerror or error}", hint="check the path and the file's permissions")


def corrupt(file: Path, error: Exception) -> UserError:
    """The error for a Parquet file that is cut short or is something else."""
    return UserError(
        f"{file}: not a complete Parquet file: {str(error).splitlines()[0]}",
        hint="write the file again, or set data.format if it is a CSV file",
    )


def _suffix(file: Path) -> str:
    return Path(file.stem).suffix.lower() if file.suffix.lower() == ".gz" else file.suffix.lower()


def _csv_header(file: Path, csv: CsvOptions) -> list[str]:
    from pipeline.table_text import undecodable

    with open_bytes(file) as raw, io.TextIOWrapper(raw, encoding=text_encoding(csv), newline="") as text:
        try:
            names = next((row for row in csv_module.reader(text, delimiter=csv.delimiter) if row), None)
        except UnicodeError as error:
            raise undecodable(file, csv, 0, error) from error
        except (EOFError, OSError, csv_module.Error) as error:
            raise UserError(
                f"{file}: the header can't be read: {error}",
                hint="set data.format if this is no CSV file, or write the file again",
            ) from error
    if not names:
        raise UserError(
            f"{file}: the file is empty; expected a header line with the column names",
            hint="write the table again, with its header",
        )
    if len(names) == 1:
        _refuse_other_delimiter(file, names[0], csv)
    return names


def _refuse_other_delimiter(file: Path, line: str, csv: CsvOptions) -> None:
    others = [delimiter for delimiter in DELIMITERS if delimiter != csv.delimiter and delimiter in line]
    if others:
        likely = max(others, key=line.count)
        raise UserError(
            f"{file}: the header has one column only when split at {csv.delimiter!r}: {line[:80]!r}",
            hint=f"set data.csv.delimiter to {likely!r}" if likely != "\t" else 'set data.csv.delimiter to "\\t"',
        )


def _parquet_header(file: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_bytes(file) as raw:
        if not raw.read(1):
            raise UserError(f"{file}: the file is empty", hint="write the table again")
    try:
        return list(pq.read_schema(file).names)
    except (pa.ArrowException, OSError) as error:
        raise corrupt(file, error) from error


def _csv_batches(file: Path, csv: CsvOptions, types: Mapping[str, pa.DataType] | None) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    from pipeline.table_text import explain_failure

    names = header(file, "csv", csv)
    convert = pa_csv.ConvertOptions(
        column_types=dict(types) if types is not None else dict.fromkeys(names, pa.string()),
        include_columns=list(types) if types is not None else None,
        null_values=list(csv.null_values),
        strings_can_be_null=types is not None,
        true_values=[],
        false_values=[],
    )
    try:
        with pa_csv.open_csv(
            str(file),
            read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES, encoding=csv.encoding),
            parse_options=pa_csv.ParseOptions(delimiter=csv.delimiter, newlines_in_values=True),
            convert_options=convert,
        ) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):  # that is a header without a line break and without rows
            raise explain_failure(file, csv, error) from error
    except (pa.ArrowException, UnicodeError, EOFError, OSError) as error:
        raise explain_failure(file, csv, error) from error


def _parquet_batches(file: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            yield from parquet.iter_batches(batch_size=BLOCK_ROWS, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise corrupt(file, error) from error
