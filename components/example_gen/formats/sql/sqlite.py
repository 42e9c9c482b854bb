"""SQLite through Python's own module.

ADBC's driver for SQLite takes a column's type from its first thousand rows and then fails on the first value of
another one; SQLite itself types values, not columns. So the query runs twice in one read transaction: once to see
which kinds of values each column holds, once to take them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from components.example_gen.formats.pieces import PIECE_ROWS, distinct
from preprocessing.errors import UserError
from preprocessing.text import first_line

if TYPE_CHECKING:
    import pyarrow as pa

Row = tuple[Any, ...]
_CELL_BYTES = 8
"""What a cell is counted as beside its text."""


@contextmanager
def query(
    url: str, statement: str, where: str, block_bytes: int
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """The rows that a query gives, in pieces of about `block_bytes`. The file is opened for reading only.

    Integers become int64, reals (also together with integers) float64, blobs binary, everything else text; a column
    without values is of type null.

    Args:
      url: `sqlite:///` and a path.
      statement: one SQL statement that gives rows.
      where: the field that holds the URL, for messages.
      block_bytes: the bound.

    Raises:
      UserError: no such file or no SQLite database; the statement fails or gives no rows; a column holds blobs and
        something else.
    """
    path = url.partition(":///")[2]
    if not Path(path).is_file():
        raise UserError(
            f"{where}: no such file: {path or '(the URL names none)'}",
            hint="sqlite:///orders.db is relative to the YAML file, sqlite:////data/orders.db starts at the root",
        )
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, isolation_level=None)) as connection:
            connection.set_authorizer(_reading_only)
            connection.execute("BEGIN")
            names, kinds = _columns(connection.execute(statement), block_bytes)
            schema = _schema(names, kinds)
            yield schema, _batches(connection, statement, schema, block_bytes)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _explained(path, error) from error


def _reading_only(action: int, *_: str | None) -> int:
    """Another file could be written to, or made: `ATTACH`, and `VACUUM INTO`, which attaches too."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _columns(cursor: sqlite3.Cursor, block_bytes: int) -> tuple[list[str], list[set[type]]]:
    """The names and the kinds of values of each column."""
    if cursor.description is None:
        raise UserError(
            "expected a query that gives rows",
            field=("data", "sql", "query"),
            hint="for example SELECT * FROM orders WHERE paid",
        )
    names = distinct("", [column[0] for column in cursor.description], field=("data", "sql", "query"))
    kinds: list[set[type]] = [set() for _ in names]
    for rows in _pieces(cursor, block_bytes):
        for seen, column in zip(kinds, zip(*rows, strict=True), strict=True):
            seen.update(map(type, column))
    return names, kinds


def _pieces(cursor: sqlite3.Cursor, block_bytes: int) -> Iterator[list[Row]]:
    waiting: list[Row] = []
    size = 0
    for row in cursor:
        waiting.append(row)
        size += sum(_CELL_BYTES + (len(cell) if isinstance(cell, str | bytes) else 0) for cell in row)
        if size >= block_bytes or len(waiting) == PIECE_ROWS:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def _schema(names: Sequence[str], kinds: Sequence[set[type]]) -> pa.Schema:
    import pyarrow as pa

    fields = []
    for name, seen in zip(names, kinds, strict=True):
        values = seen - {type(None)}
        if bytes in values and len(values) > 1:
            raise UserError(
                f"column {name!r} holds blobs together with text or numbers",
                field=("data", "sql", "query"),
                hint=f'give it one type in the query, for example CAST("{name}" AS TEXT) AS "{name}"',
            )
        if not values:
            kind = pa.null()
        elif values == {int}:
            kind = pa.int64()
        elif values <= {int, float}:
            kind = pa.float64()
        else:
            kind = pa.binary() if values == {bytes} else pa.string()
        fields.append(pa.field(name, kind))
    return pa.schema(fields)


def _batches(
    connection: sqlite3.Connection, statement: str, schema: pa.Schema, block_bytes: int
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    try:
        for rows in _pieces(connection.execute(statement), block_bytes):
            columns = zip(schema, zip(*rows, strict=True), strict=True)
            yield pa.RecordBatch.from_arrays([_array(cells, field.type) for field, cells in columns], schema=schema)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise UserError(
            f"the query gives different values each time it runs: {first_line(error)}",
            field=("data", "sql", "query"),
            hint="leave random() and the like out of it",
        ) from error


def _array(cells: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_floating(kind):
        return pa.array([None if cell is None else float(cell) for cell in cells], kind)
    if pa.types.is_string(kind):
        return pa.array([cell if cell is None or isinstance(cell, str) else str(cell) for cell in cells], kind)
    return pa.array(cells, kind)


def _explained(path: str, error: Exception) -> UserError:
    reason = first_line(error)
    if "not a database" in reason or "unable to open" in reason or "malformed" in reason:
        return UserError(
            f"{path}: can't be read as an SQLite database: {reason}", hint="check the file behind data.sql"
        )
    return UserError(f"{path}: {reason}", field=("data", "sql", "query"), hint="try the query in the sqlite3 shell")
