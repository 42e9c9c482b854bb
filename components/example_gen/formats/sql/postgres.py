"""PostgreSQL through ADBC: rows arrive as Arrow batches from one COPY, in a read-only transaction.

The driver gives some types as opaque bytes, money in cents, and infinite dates as wrong ones. The query's columns are
therefore described first, which does not run it, and those types are cast by the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from components.example_gen.formats.pieces import distinct
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_BYTES = "adbc.postgresql.batch_size_hint_bytes"
_CASTS = {"money": "::numeric::float8", "oid": "::int8", "_numeric": "::float8[]", "_money": "::numeric[]::float8[]"}
"""What the driver would give wrongly, by the type's name; a leading underscore means an array."""
_FIRST_DAY = -2_440_588
"""1 January 4713 BC, where PostgreSQL's time begins: anything earlier is an infinite or distant date gone wrong."""
_DAY_MICROSECONDS = 86_400_000_000


@contextmanager
def query(
    url: str, statement: str, where: str, block_bytes: int
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """The rows that a query gives, in batches of about `block_bytes`; it can't change anything.

    Numbers, texts, booleans, bytea, dates, timestamps and arrays of these keep their types. numeric(p, s) is a
    decimal (int64 when s is 0 and p at most 18, NaN missing), numeric without a precision and money are float64;
    everything else, as uuid, json, interval, is its text.

    Args:
      url: `postgresql://user:password@host:port/database?...`; what is missing comes from the PG* variables.
      statement: one SQL statement that can stand after FROM in parentheses.
      where: the field that holds the URL, for messages.
      block_bytes: the bound.

    Raises:
      UserError: no connection, a refused login, or a failing statement; infinite dates.
    """
    import adbc_driver_postgresql.dbapi as adbc

    uri, secrets = _uri(url, where)
    body = statement.strip().removesuffix(";")
    try:
        connection = adbc.connect(uri)
    except adbc.Error as error:
        # The original would show what is kept back here.
        raise UserError(
            f"{where}: can't connect: {_reason(error, secrets)}",
            hint="check the URL, that the server runs and is reachable from here, and the user's rights",
        ) from None
    with connection, connection.cursor() as cursor:
        try:
            cursor.execute("SET TRANSACTION READ ONLY")
            described = cursor.adbc_execute_schema(body)
            if not len(described):
                raise UserError(
                    "expected a query that gives rows",
                    field=("data", "sql", "query"),
                    hint="for example SELECT * FROM orders",
                )
            distinct("", described.names, field=("data", "sql", "query"))
            cursor.adbc_statement.set_options(**{_BATCH_BYTES: str(block_bytes)})
            columns = ", ".join(_column(field) for field in described)
            cursor.execute(f"SELECT {columns} FROM (\n{body}\n) AS lockgate_rows")  # noqa: S608 - a read-only query
            rows = cursor.fetch_record_batch()
        except adbc.Error as error:
            raise _refused(error, secrets) from None
        schema = _schema(described, rows.schema)
        yield schema, _batches(rows, schema, secrets)


def _batches(rows: pa.RecordBatchReader, schema: pa.Schema, secrets: list[str]) -> Iterator[pa.RecordBatch]:
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow as pa

    try:
        for batch in rows:
            arrays = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
            for array, name in zip(arrays, schema.names, strict=True):
                _refuse_infinite(array, name)
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    except (adbc.Error, pa.ArrowException, OSError) as error:
        raise _refused(error, secrets) from None


def _uri(url: str, where: str) -> tuple[str, list[str]]:
    """The URL as libpq takes it, and what must not be shown of it.

    libpq's complaints about a URL quote from it; with user and password encoded again there is nothing to complain of.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if parts.fragment or "@" in parts.path or (not at and "@" in parts.query):
        raise UserError(
            f"{where}: the URL can't be parsed: expected postgresql://user:password@host:port/database",
            hint="write / ? # and @ in the password as %2F %3F %23 and %40",
        )
    name, colon, password = user.partition(":")
    uri = f"postgresql://{quote(unquote(name), safe='')}{colon}{quote(unquote(password), safe='')}{at}{host}"
    secrets = [password, unquote(password)]
    secrets += [value for key, value in parse_qsl(parts.query) if "password" in key.lower()]
    return uri + parts.path + (f"?{parts.query}" if parts.query else ""), [secret for secret in secrets if secret]


def _column(field: pa.Field) -> str:
    """A column of the query as the driver should get it."""
    import pyarrow as pa

    name = '"' + field.name.replace('"', '""') + '"'
    kind = _type_name(field)
    if kind == "numeric":
        exact = _numeric_type(field)
        if exact is None:
            return f"{name}::float8 AS {name}"
        return f"NULLIF({name}, 'NaN')::{'int8' if pa.types.is_integer(exact) else 'text'} AS {name}"
    if kind in _CASTS:
        return f"{name}{_CASTS[kind]} AS {name}"
    value = field.type.value_type if pa.types.is_list(field.type) else field.type
    plain = (
        pa.types.is_integer(value)
        or pa.types.is_floating(value)
        or pa.types.is_boolean(value)
        or pa.types.is_string(value)
        or pa.types.is_binary(value)
        or pa.types.is_date(value)
        or pa.types.is_timestamp(value)
    )
    return name if plain else f"{name}::text AS {name}"


def _schema(described: pa.Schema, received: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    def kind(before: pa.Field, after: pa.Field) -> Any:
        exact = _numeric_type(before) if _type_name(before) == "numeric" else None
        return exact or after.type

    return pa.schema([(after.name, kind(before, after)) for before, after in zip(described, received, strict=True)])


def _type_name(field: pa.Field) -> str:
    return (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()


def _numeric_type(field: pa.Field) -> pa.DataType | None:
    """The exact type of numeric(precision, scale); None without a precision, or with one beyond Arrow's decimals."""
    import pyarrow as pa

    modifier = int(field.metadata.get(b"POSTGRESQL:typmod", b"-1")) - 4
    if modifier < 0:
        return None
    precision, scale = modifier >> 16, ((modifier & 0x7FF) ^ 0x400) - 0x400
    if scale == 0 and precision <= 18:
        return pa.int64()
    return pa.decimal128(precision, scale) if 0 <= scale <= precision <= 38 else None


def _refuse_infinite(array: pa.Array, name: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = array.flatten() if pa.types.is_list(array.type) else array
    if pa.types.is_date32(values.type):
        first = pc.min(values.cast(pa.int32())).as_py()
        earliest = _FIRST_DAY
    elif pa.types.is_timestamp(values.type):
        first = pc.min(values.cast(pa.int64())).as_py()
        earliest = _FIRST_DAY * _DAY_MICROSECONDS
    else:
        return
    if first is not None and first < earliest:
        raise UserError(
            f"column {name!r} holds an infinite date, or one that Arrow can't hold",
            field=("data", "sql", "query"),
            hint=f"leave it out in the query: CASE WHEN isfinite({name}) THEN {name} END AS {name}",
        )


def _refused(error: Exception, secrets: list[str]) -> UserError:
    return UserError(
        f"PostgreSQL says: {_reason(error, secrets)}", field=("data", "sql", "query"), hint="try the query in psql"
    )


def _reason(error: Exception, secrets: list[str]) -> str:
    """What the server or libpq has to say, in one line."""
    message = str(error)
    if any(secret in message for secret in secrets):
        return "(its message is left out: it holds the password)"
    said = re.search(r"(?:ERROR|FATAL):\s*(.+)", message)
    return said[1].strip() if said else (message.splitlines() or [""])[0].split("Failed to connect: ")[-1].strip()
