"""Columns as arrays: from serialized tf.Examples, or from a file of serving data."""

import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio

from components.data_gate.leakage import Values
from components.data_gate.lists import is_list, list_columns
from components.data_gate.sample import FIELD, Sample, read_sample, unreadable
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


@dataclass(frozen=True)
class Serving:
    """A sample of serving data.

    Attributes:
      summary: of the columns that the schema names.
      table: the rows; None of a TFRecord file.
      cut: whether the sample has more rows than were looked at.
    """

    summary: Summary
    table: pa.Table | None
    cut: bool


def serving_sample(
    path: str, schema: schema_pb2.Schema, words: MissingWords, most: int, more: Collection[str] = ()
) -> Serving:
    """A sample of serving data, its columns of the types that the schema gives them.

    Args:
      path: a CSV (`.csv`, also `.csv.gz`), Parquet or TFRecord (`.tfrecord`, `.tfrecord.gz`) file, or a folder of
        Parquet files, of which one may lack columns that another has.
      schema: names and types; other columns of the file are left out.
      words: the texts that mean missing in CSV; where the format has a null, only those of single columns count.
      most: rows that are looked at; of a folder those of the newest files.
      more: columns of `table` besides.

    Raises:
      UserError: there is no such file, it is of another kind, can't be read, is empty, or a column holds something
        else than its type.
    """
    if not fileio.exists(path):
        raise UserError(
            f"no such file: {path}",
            field=FIELD,
            hint="correct the path, or remove the setting",
        )
    types = {feature.name: schema_pb2.FeatureType.Name(feature.type) for feature in schema.feature}
    base = posixpath.basename(path).removesuffix(".gz")
    if base.endswith((".tfrecord", ".tfrecords")):
        serving = _of_records(path, types, words.without_table(), most)
    elif base.endswith((".csv", ".parquet")) or fileio.isdir(path):
        own = words if base.endswith(".csv") else words.without_table()
        serving = _of_table(path, types, own, read_sample(path, {*types, *more}, most))
    else:
        raise UserError(
            field=FIELD,
            expected="a .csv, .parquet or .tfrecord file, or a folder of .parquet files",
            received=path,
            hint="write the sample in one of these formats",
        )
    if not serving.summary.rows:
        raise UserError(
            f"{path} has no rows",
            field=FIELD,
            hint="add some, or remove the setting",
        )
    return serving


def _of_records(path: str, types: Mapping[str, str], words: MissingWords, most: int) -> Serving:
    """The first rows of a TFRecord file."""
    examples = _examples(path, most + 1)
    found = columns_of(examples[:most], None)
    values = {name: _without_missing(each, words.of(name)) for name, each in found.items()}
    rows = len(next(iter(values.values())).missing) if values else 0
    columns = {name: _typed(name, types[name], each, path) for name, each in values.items() if name in types}
    columns |= list_columns(decoded(examples[:most], None), types, words)
    return Serving(Summary(rows, columns), None, len(examples) > most)


def _of_table(path: str, types: Mapping[str, str], words: MissingWords, sample: Sample) -> Serving:
    """The rows of a sample in CSV or Parquet."""
    table = sample.table
    lists = list_columns(table, types, words)
    columns = lists | {
        name: _typed(name, types[name], _cells(table[name], types[name], words.of(name)), path)
        for name in table.column_names
        if name in types and name not in lists
    }
    return Serving(Summary(table.num_rows, columns), table, sample.cut)


def _examples(path: str, most: int) -> list[bytes]:
    try:
        return list(records([path]).take(most).as_numpy_iterator())
    except (RuntimeError, tf.errors.OpError) as error:
        raise unreadable(path, error) from error


def _without_missing(values: Values, words: Sequence[str]) -> Values:
    if values.values.dtype != object:
        return values
    return Values(values.values, values.missing | np.array([is_missing(text, words) for text in values.values], bool))


def _cells(column: pa.ChunkedArray, type_name: str, words: Sequence[str]) -> Values:
    """A column of the table as text or numbers, by its type in the schema; of lists of one value this value."""
    if is_list(column.type):
        column = pc.list_element(pc.if_else(pc.equal(pc.list_value_length(column), 0), None, column), 0)
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
            field=FIELD,
            hint="correct the sample: it must look like the requests",
        ) from error
    finite = np.isfinite(numbers)
    return from_values(type_name, numbers[finite], int(cells.missing.sum() + (~finite).sum()))
