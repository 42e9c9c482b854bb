"""What a database knows of some pipelines, as a file of SQLite: for a plan, which must write nothing into the database.

Rows are copied as they are, by ml-metadata's own tables, which are the same on both: the keys of TFX's cache are made
of the numbers and times of artifacts, so a copy with other numbers would find nothing.
"""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pymysql

from pipeline.config.metadata import MysqlStore
from pipeline.store import database
from pipeline.store.opened import of_file
from preprocessing.errors import UserError

_SCHEMA = 10
"""The version of ml-metadata's tables that this knows."""
_WHOLE = ("Type", "TypeProperty", "ParentType")
"""Tables that are copied whole: they are small, and all pipelines have them in common."""
_AT_ONCE = 1000

_Rows = list[tuple[Any, ...]]


def copied(mysql: MysqlStore, pipelines: Collection[str], file: Path) -> bool:
    """Copies what a database knows of some pipelines, as it is at one moment.

    Args:
      mysql: the database.
      pipelines: their names.
      file: of the copy, in a folder that is there.

    Returns:
      Whether there was anything; no file is made else.

    Raises:
      UserError: the database can't be read, or has tables of another version of ml-metadata.
    """
    try:
        with contextlib.closing(database.connect(mysql, exact=True)) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            return _Copy(cursor, mysql).into(file, pipelines)
    except (database.UnreachableError, pymysql.MySQLError) as error:
        raise UserError(
            f"the database {mysql.address()} can't be read: {error}",
            field=("metadata", "mysql"),
            hint="try again when the server answers",
        ) from None


class _Copy:
    """What is being copied from one database into one file."""

    def __init__(self, cursor: Any, mysql: MysqlStore) -> None:
        self._cursor = cursor
        self._mysql = mysql

    def into(self, file: Path, pipelines: Collection[str]) -> bool:
        tables = {name for (name,) in self._asked("SHOW TABLES")}
        if "MLMDEnv" not in tables:
            return False
        version = self._asked("SELECT schema_version FROM MLMDEnv")
        if version != [(_SCHEMA,)]:
            raise UserError(
                f"the database {self._mysql.address()} has ml-metadata's tables in version {version[0][0]}, "
                f"expected {_SCHEMA}",
                field=("metadata", "mysql"),
                hint="use the version of Lockgate that the other pipelines of this database use",
            )
        own = self._of_pipelines(pipelines)
        if not own:
            return False
        executions = self._linked("Association", "execution_id", "context_id", own)
        artifacts = self._linked("Event", "artifact_id", "execution_id", executions)
        contexts = own | self._linked("Association", "context_id", "execution_id", executions)
        of_file(file, "create")
        with contextlib.closing(sqlite3.connect(file)) as copy, copy:
            self._copy_all(copy, executions, artifacts, contexts)
        return True

    def _of_pipelines(self, names: Collection[str]) -> set[int]:
        """The contexts of the pipelines; type kind 2 is that of contexts."""
        if not names:
            return set()
        query = (
            "SELECT c.id FROM Context c JOIN Type t ON c.type_id = t.id "
            "WHERE t.name = 'pipeline' AND t.type_kind = 2 AND c.name IN %s"
        )
        return {number for (number,) in self._asked(query, [sorted(names)])}

    def _linked(self, table: str, wanted: str, known: str, numbers: set[int]) -> set[int]:
        return {row[0] for row in self._where(f"SELECT {wanted} FROM {table} WHERE {known} IN %s", numbers)}  # noqa: S608

    def _copy_all(
        self, copy: sqlite3.Connection, executions: set[int], artifacts: set[int], contexts: set[int]
    ) -> None:
        for table in _WHOLE:
            self._insert(copy, table, None, set(), replaces=True)
        for table, column, numbers in (
            ("Artifact", "id", artifacts),
            ("ArtifactProperty", "artifact_id", artifacts),
            ("Execution", "id", executions),
            ("ExecutionProperty", "execution_id", executions),
            ("Context", "id", contexts),
            ("ContextProperty", "context_id", contexts),
            ("ParentContext", "context_id", contexts),
            ("Association", "execution_id", executions),
            ("Attribution", "artifact_id", artifacts),
            ("Event", "execution_id", executions),
        ):
            self._insert(copy, table, column, numbers)
        events = {number for (number,) in copy.execute("SELECT id FROM Event")}
        self._insert(copy, "EventPath", "event_id", events)

    def _insert(
        self, copy: sqlite3.Connection, table: str, column: str | None, numbers: set[int], *, replaces: bool = False
    ) -> None:
        """Copies rows of one table; names of tables and columns are ml-metadata's and in the copy."""
        names = [row[1] for row in copy.execute(f"PRAGMA table_info({table})")]
        if replaces:
            copy.execute(f"DELETE FROM {table}")  # noqa: S608
        select = f"SELECT {', '.join(f'`{name}`' for name in names)} FROM {table}"  # noqa: S608
        insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        texts = [row[2].upper().startswith(("TEXT", "VARCHAR")) for row in copy.execute(f"PRAGMA table_info({table})")]
        rows = self._asked(select) if column is None else self._where(f"{select} WHERE {column} IN %s", numbers)
        copy.executemany(insert, (_row(row, texts) for row in rows))

    def _where(self, query: str, numbers: set[int]) -> Iterator[tuple[Any, ...]]:
        ordered = sorted(numbers)
        for start in range(0, len(ordered), _AT_ONCE):
            yield from self._asked(query, [ordered[start : start + _AT_ONCE]])

    def _asked(self, query: str, values: Sequence[object] = ()) -> _Rows:
        self._cursor.execute(query, values)
        rows: _Rows = list(self._cursor.fetchall())
        return [tuple(_text(each) if len(row) == 1 else each for each in row) for row in rows]


def _row(row: tuple[Any, ...], texts: Sequence[bool]) -> tuple[Any, ...]:
    return tuple(_text(value) if text else value for value, text in zip(row, texts, strict=True))


def _text(value: Any) -> Any:
    """What ml-metadata wrote: UTF-8, whatever the server takes its bytes for."""
    return value.decode() if isinstance(value, bytes) else value
