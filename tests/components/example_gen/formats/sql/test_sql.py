"""Queries on real SQLite files and a real PostgreSQL server."""

import datetime
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.arrow_tables import read_all
from support.postgres import ENCODED_PASSWORD, PASSWORD, Server, postgres_server

from components.example_gen.config import SqlOptions
from components.example_gen.formats.arrow_ipc import ArrowIpcReader
from components.example_gen.formats.sql.spool import spool
from preprocessing.errors import UserError

BLOCK_BYTES = 1 << 16


def rows_of(folder: Path, query: str, block_bytes: int = BLOCK_BYTES, **source: str) -> pa.Table:
    """What a query gives after the way through the Arrow file."""
    file = spool(SqlOptions(query=query, **source), str(folder / "spool"), block_bytes)
    assert [path.name for path in (folder / "spool").iterdir()] == ["rows.arrow"]
    table, _ = read_all(ArrowIpcReader(block_bytes), file)
    return pa.ipc.open_file(file).read_all() if table is None else table


@pytest.fixture
def orders(tmp_path: Path) -> str:
    """3,000 rows whose kinds of values change after the first thousands, and two odd ones at the end."""
    connection = sqlite3.connect(tmp_path / "orders.db")
    connection.execute("create table orders (i integer, r real, s text, b blob, n numeric, mixed, late, none)")
    rows: list[tuple[Any, ...]] = [(k, k / 2, f"é{k}", b"\0\xff", k, k, None, None) for k in range(3000)]
    rows += [(2**63 - 1, None, None, None, 1.5, "007", "x", None), (None, 1e308, "", b"", None, 2.5, None, None)]
    connection.executemany("insert into orders values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{tmp_path}/orders.db"


def test_sqlite_columns_get_their_type_from_all_rows(orders: str, tmp_path: Path) -> None:
    table = rows_of(tmp_path, "select * from orders", url=orders)
    kinds = [pa.int64(), pa.float64(), pa.string(), pa.binary(), pa.float64(), pa.string(), pa.string(), pa.null()]
    assert table.schema.types == kinds
    assert list(table.slice(2999).to_pylist()[0].values()) == [
        2999,
        1499.5,
        "é2999",
        b"\0\xff",
        2999.0,
        "2999",
        None,
        None,
    ]
    assert list(table.slice(3000).to_pylist()[0].values()) == [2**63 - 1, None, None, None, 1.5, "007", "x", None]
    assert list(table.slice(3001).to_pylist()[0].values()) == [None, 1e308, "", b"", None, "2.5", None, None]


def test_sqlite_types_do_not_depend_on_the_order_or_the_block(orders: str, tmp_path: Path) -> None:
    schemas = {
        str(rows_of(tmp_path, query, size, url=orders).schema)
        for query in ("select * from orders order by rowid", "select * from orders order by rowid desc")
        for size in (1000, 1 << 24)
    }
    assert len(schemas) == 1


def test_a_query_without_rows_keeps_its_columns(orders: str, tmp_path: Path) -> None:
    table = rows_of(tmp_path, "select i, s from orders where 0", url=orders)
    assert (table.column_names, table.num_rows) == (["i", "s"], 0)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select * from nope", "no such table: nope"),
        ("selec 1", 'near "selec": syntax error'),
        ("select i, i from orders", "duplicate column 'i' \\(columns 1 and 2\\)"),
        ("select 1; select 2", "You can only execute one statement"),
        ("delete from orders", "attempt to write a readonly database"),
        ("begin", "cannot start a transaction"),
        ("create temp table t (a)", "expected a query that gives rows"),
        ("select coalesce(b, i) x from orders", "column 'x' holds blobs together with text or numbers"),
        ("select case when random() % 2 then 'x' else 1 end x, cast(x'ff' as text) y", "Could not decode to UTF-8"),
    ],
)
def test_sqlite_statements_that_fail_are_one_line(orders: str, tmp_path: Path, query: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"data\.sql\.query: .*{message}") as caught:
        rows_of(tmp_path, query, url=orders)
    assert caught.value.field == ("data", "sql", "query")
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert not list(tmp_path.glob("spool/*"))


@pytest.mark.parametrize(
    ("statement", "message"),
    [("attach '{}' as other", "not authorized"), ("vacuum into '{}'", "cannot VACUUM from within a transaction")],
)
def test_sqlite_makes_no_other_file(orders: str, tmp_path: Path, statement: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        rows_of(tmp_path, statement.format(tmp_path / "other.db"), url=orders)
    assert not (tmp_path / "other.db").exists()


def test_sqlite_files_that_are_missing_or_something_else_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.sql\.url: no such file: .*nope\.db"):
        rows_of(tmp_path, "select 1", url=f"sqlite:///{tmp_path}/nope.db")
    (tmp_path / "a.db").write_text("a,b\n1,2\n" * 100)
    with pytest.raises(UserError, match=r"a\.db: can't be read as an SQLite database: file is not a database"):
        rows_of(tmp_path, "select * from t", url=f"sqlite:///{tmp_path}/a.db")


def test_the_url_may_come_from_the_environment(orders: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_URL", orders)
    assert rows_of(tmp_path, "select 1 as a", url_env="ORDERS_URL").to_pydict() == {"a": [1]}
    monkeypatch.delenv("ORDERS_URL")
    with pytest.raises(UserError, match="the environment variable ORDERS_URL is not set"):
        rows_of(tmp_path, "select 1 as a", url_env="ORDERS_URL")


def test_another_database_is_refused_without_showing_its_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_URL", "mysql://me:hidden@host/db")
    with pytest.raises(UserError, match="begins with sqlite:/// or postgresql://") as caught:
        rows_of(tmp_path, "select 1", url_env="ORDERS_URL")
    assert "hidden" not in str(caught.value)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server() as running:
        running.execute("create type mood as enum ('sad', 'ok')", "create table t (a int)", "insert into t values (1)")
        running.execute("create sequence numbers")
        yield running


@pytest.fixture
def url(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("PG_URL", server.url)
    return {"url_env": "PG_URL"}


VALUES = [
    ("7::int2", pa.int16(), 7),
    ("9223372036854775807", pa.int64(), 2**63 - 1),
    ("1.5::float4", pa.float32(), 1.5),
    ("'inf'::float8", pa.float64(), float("inf")),
    ("12345678901234567.89::numeric(20, 2)", pa.decimal128(20, 2), Decimal("12345678901234567.89")),
    ("123456789012345678::numeric(18)", pa.int64(), 123456789012345678),
    ("'NaN'::numeric(10, 2)", pa.decimal128(10, 2), None),
    ("'NaN'::numeric(9, 0)", pa.int64(), None),
    ("0.1::numeric", pa.float64(), 0.1),
    ("12.34::money", pa.float64(), 12.34),
    ("4000000000::oid", pa.int64(), 4_000_000_000),
    ("true", pa.bool_(), True),
    ("'é'::text", pa.string(), "é"),
    ("'ok'::mood", pa.string(), "ok"),
    ("'\\x00ff'::bytea", pa.binary(), b"\0\xff"),
    ("date '2020-02-29'", pa.date32(), datetime.date(2020, 2, 29)),
    ("timestamp '2020-01-02 03:04:05.678901'", pa.timestamp("us"), datetime.datetime(2020, 1, 2, 3, 4, 5, 678901)),
    (
        "timestamptz '2020-01-02 03:04:05+02'",
        pa.timestamp("us", "UTC"),
        datetime.datetime(2020, 1, 2, 1, 4, 5, tzinfo=datetime.UTC),
    ),
    ("time '03:04'", pa.string(), "03:04:00"),
    ("interval '1 day 2 hours'", pa.string(), "1 day 02:00:00"),
    ("'11111111-2222-3333-4444-555555555555'::uuid", pa.string(), "11111111-2222-3333-4444-555555555555"),
    ("'{\"a\":1}'::jsonb", pa.string(), '{"a": 1}'),
    ("inet '1.2.3.4'", pa.string(), "1.2.3.4/32"),
    ("array[1, null, 3]", pa.list_(pa.int32()), [1, None, 3]),
    ("array[1.5]::numeric[]", pa.list_(pa.float64()), [1.5]),
    ("null", pa.string(), None),
]


def test_postgresql_types(url: dict[str, str], tmp_path: Path) -> None:
    columns = ", ".join(f'{value} as "c {number}"' for number, (value, _, _) in enumerate(VALUES))
    table = rows_of(tmp_path, f"select {columns} -- done", **url)
    assert table.schema.types == [kind for _, kind, _ in VALUES]
    assert list(table.to_pylist()[0].values()) == [value for _, _, value in VALUES]


def test_postgresql_types_do_not_depend_on_the_rows(url: dict[str, str], tmp_path: Path) -> None:
    for last in (100, 40, 0):
        query = f"""select (case when i > 50 then i end)::numeric(10, 2) "a""b", case when i > 90 then 'x' end s
            from generate_series(1, {last}) i order by i desc;"""  # noqa: S608 - a number of ours
        table = rows_of(tmp_path, query, **url)
        assert table.schema == pa.schema([('a"b', pa.decimal128(10, 2)), ("s", pa.string())])
        if last == 100:
            assert table.to_pylist()[0] == {'a"b': Decimal("100.00"), "s": "x"}


def test_postgresql_arrives_in_pieces(url: dict[str, str], tmp_path: Path) -> None:
    query = "select i, repeat('x', 100) s from generate_series(1, 20000) i"
    file = spool(SqlOptions(query=query, **url), str(tmp_path), BLOCK_BYTES)
    with pa.ipc.open_file(file) as reader:
        sizes = [reader.get_batch(number).nbytes for number in range(reader.num_record_batches)]
        assert reader.read_all()["i"].to_pylist() == list(range(1, 20_001))
    assert max(sizes) <= 2 * BLOCK_BYTES


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select * from nope", 'relation "nope" does not exist'),
        ("selec 1", 'syntax error at or near "selec"'),
        ("select 1 a, 2 a", "duplicate column 'a'"),
        ("select 1 / (i - 30000) from generate_series(1, 40000) i", "division by zero"),
        ("select 1; select 2", "multiple commands"),
        ("create table u (a int)", "expected a query that gives rows"),
        ("delete from t returning a", "syntax error"),
        ("select setval('s', 1)", 'relation "s" does not exist'),
        ("with gone as (delete from t returning a) select * from gone", "WITH clause containing a data-modifying"),
        ("select nextval('numbers')", "read-only transaction"),
        ("select 1) as x; drop table t --", "syntax error|multiple commands"),
        ("select 'infinity'::date d", "column 'd' holds an infinite date"),
        ("select array['-infinity'::timestamp] d", "column 'd' holds an infinite date"),
    ],
)
def test_postgresql_statements_that_fail_are_one_line(
    url: dict[str, str], tmp_path: Path, query: str, message: str
) -> None:
    with pytest.raises(UserError, match=rf"data\.sql\.query: .*({message})") as caught:
        rows_of(tmp_path, query, **url)
    assert caught.value.field == ("data", "sql", "query")
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert not list(tmp_path.glob("spool/*"))
    assert rows_of(tmp_path, "select a from t", **url).to_pydict() == {"a": [1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("/postgres", "/nope"), 'database "nope" does not exist'),
        ((ENCODED_PASSWORD, "wrong secret"), 'password authentication failed for user "lock"'),
        ((ENCODED_PASSWORD, "wrong@secret"), 'password authentication failed for user "lock"'),
        ((ENCODED_PASSWORD, "wrong/secret"), "can't be parsed"),
        ((ENCODED_PASSWORD, "wrong#secret"), "can't be parsed"),
        ((ENCODED_PASSWORD, "wrong?secret"), "can't be parsed"),
        (("127.0.0.1", "nohost.invalid"), "could not translate host name"),
        (("/postgres", "/postgres?nonsense=1"), "nonsense"),
    ],
)
def test_connections_that_fail_are_one_line_without_the_password(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], message: str
) -> None:
    monkeypatch.setenv("PG_URL", server.url.replace(*change))
    with pytest.raises(UserError, match=rf"data\.sql\.url_env \(PG_URL\): .*{message}") as caught:
        rows_of(tmp_path, "select 1", url_env="PG_URL")
    assert "\n" not in caught.value.message
    error: BaseException | None = caught.value
    while error is not None:
        for secret in (PASSWORD, ENCODED_PASSWORD, "secret", "s3cret"):
            assert secret not in str(error)
        error = error.__cause__


def test_a_server_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"data\.sql\.url: can't connect: .*port 1 failed: Connection refused"
    ) as caught:
        rows_of(tmp_path, "select 1", url="postgresql://lock@127.0.0.1:1/postgres")
    assert "the server runs" in caught.value.hint
