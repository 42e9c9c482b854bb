"""`lockgate init` on an SQLite database: which table, what is written, and what is said where it can't be."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.config.loader import load
from pipeline.preflight.validate import problems
from pipeline.scaffold import propose, write
from pipeline.scaffold.given import Given
from preprocessing.errors import UserError

ROWS = [(i * 7 % 101 / 4, "abc"[i % 3], "yes" if i % 2 else "no") for i in range(120)]


def database(folder: Path, *tables: str, rows: list[tuple[object, ...]] | None = None) -> Path:
    """An SQLite file whose name says nothing, with the same columns in each table."""
    with closing(sqlite3.connect(folder / "orders")) as connection, connection:
        connection.execute("CREATE TABLE gone (a)")
        connection.execute("DROP TABLE gone")
        for name in tables:
            connection.execute(f'CREATE TABLE "{name}" (size, kind, paid)')
            connection.executemany(f'INSERT INTO "{name}" VALUES (?, ?, ?)', ROWS if rows is None else rows)  # noqa: S608
    return folder / "orders"


def test_the_only_table_is_read_and_the_pipeline_reads_the_database(tmp_path: Path) -> None:
    file = database(tmp_path, "my orders")
    path = write(propose(file, "paid", name="orders"), tmp_path / "p")
    config = load(path).config
    assert config.data.sql is not None
    assert (config.data.sql.url, config.data.sql.query) == ("sqlite:///../orders", 'SELECT * FROM "my orders"')
    assert config.data.path is None
    assert config.features.label.classes == ("no", "yes")
    assert {column for group in config.features.numeric for column in group.columns} == {"size"}
    assert {column for group in config.features.categorical for column in group.columns} == {"kind"}
    assert not problems(load(path))


def test_of_several_tables_one_is_named(tmp_path: Path) -> None:
    file = database(tmp_path, "a", "b")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE VIEW c AS SELECT * FROM a WHERE size > 5")
    with pytest.raises(UserError, match="has the tables 'a', 'b', 'c'") as refused:
        propose(file, "paid", name="t")
    assert "--table" in refused.value.hint
    with pytest.raises(UserError, match="no table 'd'; it has 'a', 'b', 'c'"):
        propose(file, "paid", name="t", given=Given(table="d"))
    found = propose(file, "paid", name="t", given=Given(table="c"))
    assert found.survey.rows == sum(size > 5 for size, *_ in ROWS)


@pytest.mark.parametrize(
    ("tables", "rows", "message"),
    [
        ((), None, "the database has no table"),
        (("t",), [], "no rows"),
        (("t",), [(1.5, b"\0", "no"), (2.5, "x", "yes")], "column 'kind' holds blobs together with text or numbers"),
        (("t",), [(float(i), "a", "same") for i in range(50)], "the label 'paid' is 'same' in every row"),
    ],
)
def test_what_can_not_be_learned_from_is_said_of_the_database(
    tmp_path: Path, tables: tuple[str, ...], rows: list[tuple[object, ...]] | None, message: str
) -> None:
    with pytest.raises(UserError, match=message) as refused:
        propose(database(tmp_path, *tables, rows=rows), "paid", name="t")
    assert "rows.arrow" not in refused.value.message
    assert refused.value.hint


def test_a_table_is_named_of_databases_only(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("size,paid\n1,yes\n")
    with pytest.raises(UserError, match="--table is for an SQLite database"):
        propose(tmp_path / "t.csv", "paid", name="t", given=Given(table="t"))
    (tmp_path / "half.db").write_bytes(database(tmp_path, "t").read_bytes()[:600])
    with pytest.raises(UserError, match=r"half\.db: can't be read as an SQLite database"):
        propose(tmp_path / "half.db", "paid", name="t")
