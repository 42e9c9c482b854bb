"""A table of an SQLite database, for `lockgate init`: read once as a run reads it, and looked at as a file is."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from components.example_gen.config import SqlOptions
from pipeline.scaffold.given import Given
from preprocessing.errors import UserError
from preprocessing.text import listed

_MAGIC = b"SQLite format 3\0"
_BLOCK_BYTES = 16 << 20
_SHOWN = 20


@contextmanager
def as_file(data: Path, given: Given) -> Iterator[tuple[Path, str | None]]:
    """A table as a file that `init` can look at.

    Args:
      data: what the user gave: a file, a folder, a glob.
      given: what is known beforehand of how the table is read.

    Yields:
      The file, and the query whose rows it holds. Of a database the file is a temporary one, as long as the block
      lasts; anything else is itself, without a query.

    Raises:
      UserError: the database can't be read, has no table, or several of which none is named; a table is named of
        something else than a database.
    """
    if not _is_sqlite(data):
        if given.table is not None:
            raise UserError(f"--table is for an SQLite database, and {data} is none", hint="leave it out")
        yield data, None
        return
    query = f"SELECT * FROM {_identifier(_table(data, given.table))}"  # noqa: S608 - quoted as an identifier
    # Beam's file systems, which it writes to, take a second to import.
    from components.example_gen.formats.sql.spool import SPOOL_NAME, spool

    with tempfile.TemporaryDirectory(prefix="lockgate-") as folder:
        try:
            file = spool(SqlOptions(url=f"sqlite:///{data}", query=query), folder, _BLOCK_BYTES)
            yield Path(file), query
        except UserError as error:
            # The query is not the user's: what it should be instead is a view.
            of_query = error.field == ("data", "sql", "query")
            raise UserError(
                error.message.replace(f"{folder}/{SPOOL_NAME}", str(data)),
                field=() if of_query else error.field,
                hint=f"{error.hint}; make it a view, and name that by --table" if of_query else error.hint,
            ) from error


def _is_sqlite(data: Path) -> bool:
    try:
        with data.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:  # a glob, a folder, nothing: for the readers of files
        return False


def _table(data: Path, wanted: str | None) -> str:
    """The table or view to read."""
    statement = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(data))}?mode=ro", uri=True)) as connection:
            names = sorted(name for (name,) in connection.execute(statement) if not name.startswith("sqlite_"))
    except sqlite3.Error as error:
        hint = "close what writes to it, or copy it; if it is damaged, take a backup of it"
        raise UserError(f"{data}: can't be read as an SQLite database: {error}", hint=hint) from error
    if not names:
        raise UserError(f"{data}: the database has no table", hint="write the table into it again")
    if wanted is None and len(names) > 1:
        hint = "give --table and one of them, or a view that joins what belongs together"
        raise UserError(f"{data}: the database has the tables {listed(names, _SHOWN, repr)}", hint=hint)
    if wanted is not None and wanted not in names:
        message = f"{data}: the database has no table {wanted!r}; it has {listed(names, _SHOWN, repr)}"
        raise UserError(message, hint="give --table one of them")
    return wanted or names[0]


def _identifier(name: str) -> str:
    """A name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'
