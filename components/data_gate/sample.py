"""The rows of a sample of serving data: no more of them than asked for, and no other columns."""

import contextlib
import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import tensorflow as tf
from pyarrow import csv, parquet
from tfx.dsl.io import fileio

from preprocessing.errors import UserError

FIELD = ("data_gate", "serving", "sample")
_PARQUET = ".parquet"


@dataclass(frozen=True)
class Sample:
    """What was read of a sample.

    Attributes:
      table: the rows; of a folder those of the newest files first.
      cut: whether there are more rows.
    """

    table: pa.Table
    cut: bool


def read_sample(path: str, columns: Collection[str], most: int) -> Sample:
    """A CSV or Parquet file, the cells of CSV as text; or the Parquet files in a folder.

    Files are taken from the last name to the first, which of a request log is from the newest to the oldest; one that
    is gone when it is opened, because the log was pruned, is passed over.

    Args:
      path: of the file or folder.
      columns: those that are read, where they are there.
      most: rows.

    Raises:
      UserError: it can't be read, or the folder has none.
    """
    if not fileio.isdir(path):
        return _read([path], columns, most, path)
    try:
        names = sorted(fileio.listdir(path), reverse=True)
    except tf.errors.OpError as error:
        raise unreadable(path, error) from error
    files = [posixpath.join(path, name) for name in names if name.endswith(_PARQUET) and not name.startswith(".")]
    found = _read(files, columns, most, path, may_be_gone=True) if files else None
    if found is None or not found.table.num_columns:
        raise UserError(
            f"{path} has no {_PARQUET} file",
            field=FIELD,
            hint="wait until requests were kept there, or remove the setting",
        )
    return found


def unreadable(path: str, error: Exception) -> UserError:
    """A sample that can't be read, for a person."""
    return UserError(f"{path} can't be read: {error}", field=FIELD, hint="write the file again")


def _read(
    files: Collection[str], columns: Collection[str], most: int, path: str, *, may_be_gone: bool = False
) -> Sample:
    tables: list[pa.Table] = []
    rows = 0
    for file in files:
        try:
            for part in _parts(file, columns):
                tables.append(part.slice(0, most - rows))
                rows += tables[-1].num_rows
                if tables[-1].num_rows < part.num_rows:
                    return Sample(_joined(tables, path), cut=True)
        except (FileNotFoundError, fileio.NotFoundError, tf.errors.NotFoundError) as error:
            if not may_be_gone:
                raise unreadable(file, error) from error
        except (pa.ArrowException, OSError, EOFError, tf.errors.OpError) as error:
            raise unreadable(file, error) from error
    return Sample(_joined(tables, path), cut=False)


def _joined(tables: list[pa.Table], path: str) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    except pa.ArrowException as error:
        raise unreadable(path, error) from error


def _parts(file: str, columns: Collection[str]) -> Iterator[pa.Table]:
    """The rows of a file in batches, in order; one without rows if there are none."""
    with contextlib.ExitStack() as opened:
        if file.endswith(_PARQUET):
            reader = opened.enter_context(parquet.ParquetFile(_source(file)))
            names = reader.schema_arrow.names
            chosen = [name for name in names if name in columns] or names
            yield reader.schema_arrow.empty_table().select(chosen)
            batches = reader.iter_batches(columns=chosen)
        else:
            with _text(file) as text, csv.open_csv(text) as head:
                names = head.schema.names
            chosen = [name for name in names if name in columns] or names
            # Every cell as text: what "007" is, the schema says.
            options = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=chosen)
            yield pa.table({name: pa.array([], pa.string()) for name in chosen})
            batches = opened.enter_context(csv.open_csv(opened.enter_context(_text(file)), convert_options=options))
        for batch in batches:
            yield pa.Table.from_batches([batch])


def _source(file: str) -> str | pa.BufferReader:
    """What Arrow reads: a file of this machine as it needs it, another one whole."""
    if "://" not in file:
        return file
    raw: IO[Any]
    with fileio.open(file, "rb") as raw:
        return pa.BufferReader(raw.read())


def _text(file: str) -> Any:
    return pa.input_stream(_source(file), compression="gzip" if file.endswith(".gz") else None)
