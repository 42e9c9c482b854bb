"""A real PostgreSQL server for a test: its own data, its own port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

USER = "lock"
PASSWORD = "s3cret@/ word"  # noqa: S105 - of a server that lives as long as the test; not plain, to try its encoding
ENCODED_PASSWORD = "s3cret%40%2F%20word"  # noqa: S105
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Server:
    """A running server. `url` has the password, `host` is "127.0.0.1:port"."""

    host: str

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{ENCODED_PASSWORD}@{self.host}/postgres"

    def execute(self, *statements: str) -> None:
        """Runs statements and keeps what they change."""
        import adbc_driver_postgresql.dbapi as adbc

        with adbc.connect(self.url) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()


@contextmanager
def postgres_server() -> Iterator[Server]:
    """Starts a server; skips the test, with the reason, where there is none to start."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL server here: install initdb and pg_ctl (Debian: postgresql) to run this test")
    # Not pytest's folder: that one is closed to the user who runs the server.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    identity = _identity(folder)
    data, port = folder / "data", _free_port()
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o644)
    try:
        _run(
            [initdb, "-D", str(data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-N", "-E", "UTF8"],
            identity,
        )
        options = f"-c listen_addresses=127.0.0.1 -p {port} -c fsync=off -c unix_socket_directories="
        _run([pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"], identity)
        try:
            yield Server(f"127.0.0.1:{port}")
        finally:
            _run([pg_ctl, "-D", str(data), "-w", "-m", "immediate", "stop"], identity)
    finally:
        shutil.rmtree(folder)


def _program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: path.parts[4].zfill(4))
    return shutil.which(name) or next((str(path) for path in reversed(installed)), None)


def _identity(folder: Path) -> dict[str, Any]:
    """The server refuses to run as root: then somebody else owns the folder and runs it."""
    if os.getuid() != 0:
        return {}
    somebody = pwd.getpwnam(_UNPRIVILEGED)
    os.chown(folder, somebody.pw_uid, somebody.pw_gid)
    return {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": []}


def _run(command: Sequence[str], identity: dict[str, Any]) -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
    # Into a file, not a pipe: the server inherits it and would keep it open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command, **identity, env=environment, cwd="/", stdout=output, stderr=output, check=False, timeout=60
        )
        output.seek(0)
        if done.returncode:
            pytest.skip(f"PostgreSQL can't be started here ({Path(command[0]).name}): {output.read()[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
