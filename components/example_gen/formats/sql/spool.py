"""A query on a database: run once, its rows kept as one Arrow file that all workers then read.

So every worker sees the same rows, however the database changes meanwhile, and memory stays bounded by a piece.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from components.example_gen.formats.sql import postgres, sqlite
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

    from components.example_gen.config import SqlOptions

SPOOL_NAME = "rows.arrow"


def spool(sql: SqlOptions, folder: str, block_bytes: int) -> str:
    """Runs the query and writes its rows as one Arrow IPC file.

    Args:
      sql: where the database is and what to ask it; reading only, nothing can be changed.
      folder: where the file goes, on any file system that Beam has; made if it is not there.
      block_bytes: about how much is held at once.

    Returns:
      The path of the file. A column's type follows from all of its rows or from the database's declaration, never
      from the rows that come first.

    Raises:
      UserError: the environment variable is not set, no such database, it refuses the connection or the query, or
        a column's values have no common type. A password stands in no message.
    """
    from apache_beam.io.filesystems import FileSystems

    path = FileSystems.join(folder, SPOOL_NAME)
    temporary = f"{path}.{uuid.uuid4().hex[:8]}.tmp"
    with _query(sql, block_bytes) as (schema, batches):
        if not FileSystems.exists(folder):
            FileSystems.mkdirs(folder)
        try:
            _write(temporary, schema, batches)
            FileSystems.rename([temporary], [path])
        except BaseException:
            if FileSystems.exists(temporary):
                FileSystems.delete([temporary])
            raise
    return path


def _write(path: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    import pyarrow as pa
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    with (
        FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)


def _query(sql: SqlOptions, block_bytes: int) -> AbstractContextManager[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    url, where = _url(sql, os.environ)
    dialect = url.partition("://")[0].partition("+")[0]
    if dialect == "sqlite":
        return sqlite.query(url, sql.query, where, block_bytes)
    if dialect in ("postgresql", "postgres"):
        return postgres.query(url, sql.query, where, block_bytes)
    # Not even the dialect is shown of something that may be a secret in the wrong place.
    raise UserError(
        f"{where}: expected a URL that begins with sqlite:/// or postgresql://, received another",
        hint="write the table of another database as Parquet, or copy it into SQLite",
    )


def _url(sql: SqlOptions, environment: Mapping[str, str]) -> tuple[str, str]:
    """The URL, and the field that it comes from."""
    if sql.url_env is None:
        return sql.url or "", "data.sql.url"
    url = environment.get(sql.url_env, "").strip()
    if not url:
        raise UserError(
            f"the environment variable {sql.url_env} is not set; expected the database's URL in it",
            field=("data", "sql", "url_env"),
            hint=f"export {sql.url_env}='postgresql://user:password@host/database' and run again",
        )
    return url, f"data.sql.url_env ({sql.url_env})"
