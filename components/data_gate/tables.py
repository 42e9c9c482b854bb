"""Columns as arrays: from serialized tf.Examples, or from a file of serving data."""

import gzip
import posixpath
import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
from pyarrow import csv, parquet
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio

from components.data_gate.leakage import Values
from components.data_gate.summary import Column, Summary, from_values
from components.examples import Types, decoded, records
from preprocessing.errors import UserError
from preprocessing.missing import MissingWords, is_missing, without_missing


def columns_of(serialized: Sequence[bytes], types: Types | None) -> dict[str, Values]:
    """The columns of serialized tf.Examples; a feature without a value in any of them is left out.

    Args:
      serialized: the rows.
      types: as for `components.examples.decoded`.
    """
    batch = decoded(serialized, types)
    return {
        name: _first_values(column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if not pa.types.is_null(column.type)
    }


def _first_values(column: pa.ListArray) -> Values:
    """The value of each row; a row without one, or with NaN, is missing."""
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    there = lengths > 0
    starts = column.offsets.to_numpy()[:-1][there]
    flat = column.values.take(pa.array(starts))
    if pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type):
        values = np.zeros(len(there))
        values[there] = flat.to_numpy(zero_copy_only=False)
        return Values(values, ~there | ~np.isfinite(values))
    text = np.full(len(there), "", dtype=object)
    text[there] = [each.decode("utf-8", "replace") for each in flat.to_pylist()]
    return Values(text, ~there)


def serving_summary(path: str, schema: schema_pb2.Schema, words: MissingWords) -> Summary:
    """A sample of serving data, its columns of the types that the schema gives them.

    Args:
      path: a CSV (`.csv`, also `.csv.gz`), Parquet or TFRecord (`.tfrecord`, `.tfrecord.gz`) file, or a folder of
        Parquet files, of which one may lack columns that another has.
      schema: names and types; other columns of the file are left out.
      words: the texts that mean missing in CSV; where the format has a null, only those of single columns count.

    Raises:
      UserError: there is no such file, it is of another kind, can't be read, is empty, or a column holds something
        else than its type.
    """
    if not fileio.exists(path):
        raise UserError(
            f"no such file: {path}",
            field=("data_gate", "serving", "sample"),
            hint="correct the path, or remove the setting",
        )
    types = {feature.name: schema_pb2.FeatureType.Name(feature.type) for feature in schema.feature}
    base = posixpath.basename(path).removesuffix(".gz")
    if base.endswith((".tfrecord", ".tfrecords")):
        own = words.without_table()
        values = {name: _without_missing(each, own.of(name)) for name, each in _examples(path).items()}
        rows = len(next(iter(values.values())).missing) if values else 0
        columns = {name: _typed(name, types[name], each, path) for name, each in values.items() if name in types}
    elif base.endswith((".csv", ".parquet")) or fileio.isdir(path):
        table = sample_table(path)
        words = words if base.endswith(".csv") else words.without_table()
        rows = table.num_rows
        columns = {
            name: _typed(name, types[name], _cells(table[name], types[name], words.of(name)), path)
            for name in table.column_names
            if name in types
        }
    else:
        raise UserError(
            field=("data_gate", "serving", "sample"),
            expected="a .csv, .parquet or .tfrecord file, or a folder of .parquet files",
            received=path,
            hint="write the sample in one of these formats",
        )
    if not rows:
        raise UserError(
            f"{path} has no rows",
            field=("data_gate", "serving", "sample"),
            hint="add some, or remove the setting",
        )
    return Summary(rows, columns)


def _examples(path: str) -> dict[str, Values]:
    try:
        return columns_of(list(records([path]).as_numpy_iterator()), None)
    except (RuntimeError, tf.errors.OpError) as error:
        raise _unreadable(path, error) from error


def _without_missing(values: Values, words: Sequence[str]) -> Values:
    if values.values.dtype != object:
        return values
    return Values(values.values, values.missing | np.array([is_missing(text, words) for text in values.values], bool))


def _unreadable(path: str, error: Exception) -> UserError:
    return UserError(
        f"{path} can't be read: {error}", field=("data_gate", "serving", "sample"), hint="write the file again"
    )


def sample_table(path: str) -> pa.Table:
    """A CSV or Parquet file, the cells of CSV as text; or the rows of all Parquet files in a folder.

    Raises:
      UserError: it can't be read, or the folder has none.
    """
    if not fileio.isdir(path):
        return _table(path)
    names = sorted(name for name in fileio.listdir(path) if name.endswith(".parquet") and not name.startswith("."))
    if not names:
        raise UserError(
            f"{path} has no .parquet file",
            field=("data_gate", "serving", "sample"),
            hint="wait until requests were kept there, or remove the setting",
        )
    tables = [_table(posixpath.join(path, name)) for name in names]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise _unreadable(path, error) from error


def _table(path: str) -> pa.Table:
    try:
        with fileio.open(path, "rb") as raw:
            content = raw.read()
        if path.endswith(".parquet"):
            return parquet.read_table(pa.BufferReader(content))
        return _read_csv(gzip.decompress(content) if path.endswith(".gz") else content)
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _read_csv(content: bytes) -> pa.Table:
    """Every cell as text: what "007" is, the schema says."""
    names = csv.open_csv(pa.BufferReader(content)).schema.names
    options = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return csv.read_csv(pa.BufferReader(content), convert_options=options)


def _cells(column: pa.ChunkedArray, type_name: str, words: Sequence[str]) -> Values:
    """A column of the table as text or numbers, by its type in the schema."""
    if type_name == "BYTES" or pa.types.is_string(column.type):
        column = pa.chunked_array(
            [without_missing(chunk, words) for chunk in column.cast(pa.string()).chunks], pa.string()
        )
    missing = column.is_null().to_numpy()
    if type_name == "BYTES":
        return Values(column.fill_null("").to_numpy().astype(object), missing)
    if pa.types.is_string(column.type):
        return Values(column.fill_null("0").to_numpy().astype(object), missing)
    numbers = column.cast(pa.float64()).fill_null(0.0).to_numpy()
    return Values(numbers, missing | ~np.isfinite(numbers))


def _typed(name: str, type_name: str, cells: Values, path: str) -> Column:
    there = cells.values[~cells.missing]
    if type_name == "BYTES":
        if cells.values.dtype != object:
            there = np.array([f"{value:g}" for value in there], dtype=object)
        return from_values(type_name, there, int(cells.missing.sum()))
    try:
        numbers = there.astype(np.float64)
    except ValueError as error:
        raise UserError(
            f"{path}, column {name!r}: the schema says {type_name}: {error}",
            field=("data_gate", "serving", "sample"),
            hint="correct the sample: it must look like the requests",
        ) from error
    finite = np.isfinite(numbers)
    return from_values(type_name, numbers[finite], int(cells.missing.sum() + (~finite).sum()))
