"""The columns of the input that stand beside the predictions: which they are, and in which type."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.block import FeatureType, Rows
from components.example_gen.columns.convert import arrow_type, bytes_as_text, elements, is_bytes, is_list, plain
from components.example_gen.config import Format
from pipeline.operate.predict.target import OutputFormat
from preprocessing.errors import UserError
from preprocessing.nearest import nearest
from preprocessing.text import either, listed

RIGID: tuple[Format, ...] = ("parquet", "arrow")
"""Formats whose files say themselves which type a column has."""


@dataclass(frozen=True)
class Column:
    """One kept column.

    Attributes:
      name: its name.
      as_input: whether it has the type that ExampleGen gives it, and not the one that it has in its file.
      type: what every value is made; None leaves each as it is.
    """

    name: str
    as_input: bool = False
    type: pa.DataType | None = None


@dataclass(frozen=True)
class Kept:
    """All kept columns, in order.

    Attributes:
      columns: the columns.
      verbatim: whether those that are not `as_input` are taken as they are written, and not as they are meant.
      single: whether lists of one value are that value: a tf.Example knows nothing but lists.
    """

    columns: tuple[Column, ...]
    verbatim: bool
    single: bool

    def batch(self, rows: Rows, converted: Rows, file: str) -> dict[str, pa.Array]:
        """The columns of those rows that have an answer.

        Args:
          rows: as the reader gave them.
          converted: the good ones in ExampleGen's types; their `places` are positions in `rows`.
          file: where they stand, for errors.

        Raises:
          UserError: a column has another type in this file than in the first one.
        """
        taken = pa.array(converted.places)
        batch = rows.as_written if self.verbatim else rows.batch
        present = dict(zip(batch.schema.names, batch.columns, strict=True))
        found: dict[str, pa.Array] = {}
        for each in self.columns:
            if each.as_input:
                cells = converted.batch.column(each.name)
                cells = bytes_as_text(cells) if is_bytes(cells.type) else cells
            elif each.name in present:
                cells = plain(present[each.name]).take(taken)
            else:
                cells = pa.nulls(len(taken))
            cells = singles(cells) if self.single else cells
            found[each.name] = cells if each.type is None else _fitted(cells, each, file)
        return found


def chosen(keep: str | None, names: Sequence[str]) -> tuple[str, ...]:
    """The columns that are kept.

    Args:
      keep: names with commas between them, in the order of the output; "" for none; None for all.
      names: the columns that there are.

    Raises:
      UserError: there is no such column.
    """
    if keep is None:
        return tuple(names)
    # A name may have a comma of its own.
    wanted = [keep] if keep in names else [name.strip() for name in keep.split(",") if name.strip()]
    for name in wanted:
        if name not in names:
            close = nearest(name, names)
            raise UserError(
                f"--keep: no column {name!r}; the columns are {listed(names, 30, repr)}",
                hint=f"did you mean {close!r}?" if close else "give names with commas between them",
            )
    return tuple(dict.fromkeys(wanted))


def kept(
    names: Sequence[str],
    types: Mapping[str, FeatureType],
    source: Format,
    target: OutputFormat,
    first: tuple[Rows, Rows] | None,
) -> Kept:
    """The kept columns with their types.

    CSV shows everything as text, so each value can stand as it is. JSON Lines and Parquet have types: those of files
    that have types themselves; else, for the columns that model or schema know, those of ExampleGen. Other cells of CSV
    are text, and other columns of the other formats have the type of the first rows.

    Args:
      names: the columns.
      types: those that get ExampleGen's types.
      source: the format of the input.
      target: the format of the output.
      first: the first rows as the reader gives them, and in ExampleGen's types; None where there are none.
    """
    verbatim, single = target == "csv" or source in RIGID, source == "tfrecord"
    if target == "csv":
        return Kept(tuple(map(Column, names)), verbatim, single)
    rows, converted = first or (None, None)
    columns = []
    for name in names:
        if name in types and source not in RIGID:
            columns.append(Column(name, as_input=True, type=_type(converted, name, single, arrow_type(types[name]))))
        elif source == "csv":
            columns.append(Column(name, type=pa.string()))
        else:
            columns.append(Column(name, type=_type(rows, name, single, pa.string())))
    if target == "jsonl":
        columns = [Column(each.name, each.as_input) for each in columns]
    return Kept(tuple(columns), verbatim, single)


def known_types(
    names: Collection[str],
    inputs: Mapping[str, FeatureType],
    declared: Mapping[str, FeatureType],
    source: Format,
    target: OutputFormat,
) -> dict[str, FeatureType]:
    """The columns that get ExampleGen's types: what the model reads, and kept ones that the schema knows.

    Where the output shows values as they stand the latter don't: what the model doesn't read can't make a row bad.

    Args:
      names: the kept columns.
      inputs: the columns that the model reads.
      declared: the types of the curated schema.
      source: the format of the input.
      target: the format of the output.
    """
    more = {} if target == "csv" or source in RIGID else {name: declared[name] for name in names if name in declared}
    return {**more, **inputs}


def refuse_clash(names: Sequence[str], answers: Sequence[str]) -> None:
    """Refuses a kept column that has the name of one that predictions get.

    Raises:
      UserError: there is one.
    """
    clash = [name for name in names if name in answers]
    if clash:
        rest = ",".join(name for name in names if name not in clash)
        raise UserError(
            f"the input has a column {clash[0]!r}, which is what a column of the predictions is called",
            hint=f"name the columns to keep without it: --keep {rest!r}",
        )


def singles(cells: pa.Array) -> pa.Array:
    """Lists of one value each, or none, as these values; lists that are longer as they are."""
    if not is_list(cells.type):
        return cells
    lengths = pc.fill_null(pc.list_value_length(cells), 0)
    if len(cells) and pc.max(lengths).as_py() > 1:
        return cells
    values, rows = elements(cells)
    position = pc.index_in(pa.array(range(len(cells)), pa.int64()), value_set=pa.array(rows, pa.int64()))
    values = values.take(position)
    return bytes_as_text(values) if is_bytes(values.type) else values


def _type(rows: Rows | None, name: str, single: bool, otherwise: pa.DataType) -> pa.DataType:
    """The type of a column among the first rows; another one where nothing tells."""
    if rows is None or name not in rows.batch.schema.names:
        return otherwise
    cells = plain(rows.batch.column(name))
    kind = (singles(cells) if single else cells).type
    if pa.types.is_null(kind):
        return otherwise
    return pa.string() if single and is_bytes(kind) else kind


def _fitted(cells: pa.Array, column: Column, file: str) -> pa.Array:
    if cells.type == column.type:
        return cells
    try:
        return cells.cast(column.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        other = [each for each in get_args(OutputFormat) if each != "parquet"]
        raise UserError(
            f"{file}: the column {column.name!r} has values of the type {cells.type}, and those of the first rows are "
            f"of the type {column.type}: {str(error).splitlines()[0]}",
            hint=f"leave it out with --keep, or write {either(other)}, where each value stands as it is",
        ) from error
