"""The one place that opens a metadata store, and the connection to a database that outlives the server's restarts."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Literal

from ml_metadata import errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline.config.metadata import MysqlStore
from pipeline.selection import METADATA_FILE
from pipeline.store import database
from pipeline.store.place import StorePlace, place_of
from preprocessing.errors import UserError

logger = logging.getLogger("lockgate")

Mode = Literal["read", "write", "create"]
_MODES = metadata_store_pb2.SqliteMetadataSourceConfig
_SQLITE_MODES = {"read": _MODES.READONLY, "write": _MODES.READWRITE, "create": _MODES.READWRITE_OPENCREATE}
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
"""Seconds between tries to connect; each wait is twice the one before."""
_TRIES = 5
"""So many connections may be lost under one question."""
_QUIET_SECONDS = 60.0
"""So long after waiting in vain nobody waits again: what a failed run still has to say comes at once."""
_LOST = (
    "Lost connection to MySQL server",
    "MySQL server has gone away",
    "mysql_real_connect failed",
    "Connection was killed",
    "Server shutdown in progress",
)
_gave_up: dict[str, float] = {}


class _WithoutConnection(logging.Filter):
    """Drops ml-metadata's line with the whole connection, the password in it, which it logs for debugging."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("ConnectionConfig")


logging.getLogger("absl").addFilter(_WithoutConnection())


def opened(where: Path | StorePlace, mode: Mode = "read") -> metadata_store.MetadataStore:
    """Opens a metadata store.

    Args:
      where: a root, or its store's place.
      mode: `read` and `write` need the file to be there; a database has but one mode, and its tables are made.

    Raises:
      UserError: the database can't be reached, or a variable with its user or password is not set.
      RuntimeError: SQLite's file can't be opened.
    """
    place = place_of(where) if isinstance(where, Path) else where
    return Reconnecting(place.mysql) if place.mysql is not None else of_file(place.root / METADATA_FILE, mode)


def of_file(file: Path, mode: Mode = "read") -> metadata_store.MetadataStore:
    """Opens SQLite's file."""
    return metadata_store.MetadataStore(file_config(file, mode))


def file_config(file: Path, mode: Mode) -> metadata_store_pb2.ConnectionConfig:
    """SQLite's file, for ml-metadata. TFX's own function for this makes the file's folder."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(file)
    config.sqlite.connection_mode = _SQLITE_MODES[mode]
    return config


def wait_for(mysql: MysqlStore) -> None:
    """Waits until a database answers.

    Raises:
      UserError: it refuses, or has not answered for `patience_seconds`.
    """
    address, patience = mysql.address(), mysql.patience_seconds
    if time.monotonic() - _gave_up.get(address, -_QUIET_SECONDS) < _QUIET_SECONDS:
        patience = 0.0
    until, wait = time.monotonic() + patience, _FIRST_WAIT
    while True:
        try:
            database.connect(mysql).close()
        except database.UnreachableError as error:
            if time.monotonic() + wait > until:
                _gave_up[address] = time.monotonic()
                raise UserError(
                    f"{error}; waited {patience:g} s for it" if patience else f"{error}",
                    field=("metadata", "mysql"),
                    hint="start the server, or wait until it is back; then run again, which goes on from there",
                ) from None
            logger.warning("%s; trying again in %g s", error, wait)
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        else:
            _gave_up.pop(address, None)
            return


class Reconnecting(metadata_store.MetadataStore):
    """A store in a database. A lost connection is opened again, and the question asked again.

    A write that the connection is lost in is not repeated, for nobody knows whether the server has done it, and a
    second time would make its artifacts twice. So the connection is tried before each write, and what is lost within
    one ends the run, which the next run goes on from.
    """

    def __init__(self, mysql: MysqlStore) -> None:
        """Connects to the database, once it answers.

        Raises:
          UserError: the server refuses, or has not answered for `patience_seconds`.
        """
        self._mysql = mysql
        self._connected = False
        self._connect()

    def _connect(self) -> None:
        # Asked first: it says what is wrong, and verifies the certificate, which ml-metadata can't.
        wait_for(self._mysql)
        try:
            super().__init__(_database_config(self._mysql))
        except RuntimeError as error:
            message = f"the database {self._mysql.address()}: ml-metadata can't use it, though it answers: {error}"
            hint = "docs/metadata.md has what its tables may be"
            if _is_lost(error):
                hint = "let the account log in by mysql_native_password, the only way that ml-metadata's client knows"
            raise UserError(message, field=("metadata", "mysql"), hint=hint) from None
        self._connected = True

    def _call_method(self, method_name: str, request: Any, response: Any) -> None:
        """Asks the server; all of the class's methods do so here."""
        if method_name.startswith("Get"):
            self._ask(method_name, request, response)
            return
        self._probe()
        if not self._once(method_name, request, response):
            raise UserError(
                f"the database {self._mysql.address()}: the connection was lost in the middle of a write",
                field=("metadata", "mysql"),
                hint="run again: it goes on from what was recorded",
            )

    def _once(self, method_name: str, request: Any, response: Any) -> bool:
        """Asks once; False where the connection was lost."""
        try:
            super()._call_method(method_name, request, response)
        except errors.InternalError as error:
            if not _is_lost(error):
                raise
            # The old connection must not be asked again: ml-metadata 1.17.1 ends the process by SIGSEGV then.
            self._connected = False
            return False
        return True

    def _ask(self, method_name: str, request: Any, response: Any) -> None:
        for _ in range(_TRIES):
            if not self._connected:
                self._connect()
            if self._once(method_name, request, response):
                return
            logger.warning("the database %s: the connection was lost", self._mysql.address())
        raise UserError(
            f"the database {self._mysql.address()}: the connection was lost {_TRIES} times under one question",
            field=("metadata", "mysql"),
            hint="look into the server's log; then run again",
        )

    def _probe(self) -> None:
        """Sees to it that the connection is there, by a question without an answer."""
        self.get_executions_by_id([0])


def _is_lost(error: Exception) -> bool:
    return any(words in str(error) for words in _LOST)


def _database_config(mysql: MysqlStore) -> metadata_store_pb2.ConnectionConfig:
    config = metadata_store_pb2.ConnectionConfig()
    user, password = database.secrets(mysql)
    config.mysql.host, config.mysql.port, config.mysql.database = mysql.host, mysql.port, mysql.database
    config.mysql.user, config.mysql.password = user, password
    config.mysql.skip_db_creation = True
    if mysql.tls is not None:
        # verify_server_cert would be refused whatever the certificate: github.com/google/ml-metadata/issues/130.
        for name, file in mysql.tls.model_dump(exclude_none=True).items():
            setattr(config.mysql.ssl_options, name, file)
    return config
