"""A real MariaDB server for a test: its own data, its own port and certificates, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest
from support.java_cluster import free_port
from support.tls import Authority

from pipeline.config.metadata import MysqlStore, TlsFiles

USER, PASSWORD = "lockgate", "s3cret'@/ word"
USER_ENV, PASSWORD_ENV = "TEAM_DB_USER", "TEAM_DB_PASSWORD"
_UNPRIVILEGED = "nobody"
_SECONDS = 60


class MariaDb:
    """A server that can be killed and started again.

    Attributes:
      folder: with its data and its certificates.
      authority: signed the server's certificate.
    """

    def __init__(self, program: str, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder, self.port = folder, free_port()
        self.authority = Authority(folder / "authority")
        self._certificate, self._key = self.authority.signed("127.0.0.1", folder / "server")
        self._program, self._identity = program, identity
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        command = [
            *(self._program, "--no-defaults", f"--datadir={self.folder / 'data'}", f"--port={self.port}"),
            *("--bind-address=127.0.0.1", f"--socket={self.folder / 'socket'}", "--skip-name-resolve"),
            # What is committed outlives a kill of the process, without waiting for the disk.
            *("--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M", "--skip-log-bin"),
            *(f"--ssl-ca={self.authority.certificate}", f"--ssl-cert={self._certificate}", f"--ssl-key={self._key}"),
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, **self._identity, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        until = time.monotonic() + _SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except pymysql.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    pytest.skip(f"MariaDB can't be started here: {(self.folder / 'log').read_text()[-500:]}")
                time.sleep(0.05)  # between two looks at whether it is there
            else:
                return

    def kill(self) -> None:
        """Kills the server as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def execute(self, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Runs statements as the server's administrator; the rows of the last one."""
        socket = str(self.folder / "socket")
        with (
            contextlib.closing(pymysql.connect(unix_socket=socket, user="root", database=database)) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            connection.commit()
            return list(cursor.fetchall())

    def database(self, *, charset: str = "utf8mb4", patience: float = 30, tls: TlsFiles | None = None) -> MysqlStore:
        """A new, empty database, as the section of a configuration names it."""
        self._databases += 1
        name = f"team_{self._databases}"
        self.execute(
            f"CREATE DATABASE {name} CHARACTER SET {charset}",
            f"GRANT ALL ON {name}.* TO '{USER}'@'127.0.0.1'",
        )
        return MysqlStore(
            host="127.0.0.1",
            port=self.port,
            database=name,
            user_env=USER_ENV,
            password_env=PASSWORD_ENV,
            patience_seconds=patience,
            tls=tls,
        )

    def content(self, store: MysqlStore) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of a database, by table."""
        tables = [name for (name,) in self.execute("SHOW TABLES", database=store.database)]
        return {
            name: sorted(self.execute(f"SELECT * FROM {name}", database=store.database), key=repr)  # noqa: S608
            for name in tables
        }


@contextmanager
def mariadb_server() -> Iterator[MariaDb]:
    """Starts a server; skips the test, with the reason, where there is none to start."""
    program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    install = shutil.which("mariadb-install-db")
    if program is None or install is None:
        pytest.skip("no MariaDB server here: install mariadbd (Debian: mariadb-server) to run this test")
    # Not pytest's folder: that one is closed to the user who runs the server. Short, for the socket's path.
    folder = Path(tempfile.mkdtemp(prefix="mdb-"))
    identity = _identity(folder)
    server = MariaDb(program, folder, identity)
    try:
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        _run([install, "--no-defaults", f"--datadir={folder / 'data'}", *options], identity)
        server.start()
        password = PASSWORD.replace("'", "''")
        server.execute(f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}'")
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


def _identity(folder: Path) -> dict[str, Any]:
    """The server refuses to run as root: then somebody else owns the folder and runs it."""
    environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "LC_ALL": "C", "TZ": "UTC", "TMPDIR": str(folder)}
    if os.getuid() != 0:
        return {"env": environment}
    somebody = pwd.getpwnam(_UNPRIVILEGED)
    os.chown(folder, somebody.pw_uid, somebody.pw_gid)
    return {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": [], "env": environment}


def _run(command: Sequence[str], identity: Mapping[str, Any]) -> None:
    done = subprocess.run(
        command, **identity, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_SECONDS
    )
    if done.returncode:
        pytest.skip(f"MariaDB can't be started here ({Path(command[0]).name}): {done.stderr[-500:]!r}")
