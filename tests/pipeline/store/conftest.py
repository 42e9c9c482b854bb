"""One MariaDB server for all tests of the folder."""

from collections.abc import Iterator

import pytest
from support.mariadb import PASSWORD, PASSWORD_ENV, USER, USER_ENV, MariaDb, mariadb_server


@pytest.fixture(scope="session")
def running() -> Iterator[MariaDb]:
    with mariadb_server() as server:
        yield server


@pytest.fixture
def server(running: MariaDb, monkeypatch: pytest.MonkeyPatch) -> MariaDb:
    """The server, and its account in the environment."""
    monkeypatch.setenv(USER_ENV, USER)
    monkeypatch.setenv(PASSWORD_ENV, PASSWORD)
    return running
