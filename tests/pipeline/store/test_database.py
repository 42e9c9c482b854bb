"""A store in a real MariaDB: signing in, TLS, and a server that goes away and comes back."""

import logging
import threading
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from support.mariadb import PASSWORD, PASSWORD_ENV, USER, USER_ENV, MariaDb
from support.tls import Authority

from pipeline.config.metadata import MysqlStore, TlsFiles
from pipeline.store import opened as opening
from pipeline.store.opened import Reconnecting
from preprocessing.errors import UserError

Artifact = metadata_store_pb2.Artifact


@pytest.fixture(autouse=True)
def _nobody_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_gave_up", {})


def put(store: Reconnecting, uri: str) -> None:
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="Thing"))
    store.put_artifacts([Artifact(type_id=kind, uri=uri)])


def uris(store: Reconnecting) -> list[str]:
    return [each.uri for each in store.get_artifacts()]


def refusal(mysql: MysqlStore) -> str:
    with pytest.raises(UserError) as refused:
        Reconnecting(mysql)
    assert PASSWORD not in str(refused.value)
    return str(refused.value)


def test_what_ml_metadata_refuses_on_postgresql_is_kept(server: MariaDb) -> None:
    store = Reconnecting(server.database(charset="latin1"))
    hard = "C:\\data\\'x' ä→😀" + "y" * 5000
    put(store, hard)
    assert uris(store) == [hard]


def test_each_refusal_is_one_message_with_its_cause(server: MariaDb, monkeypatch: pytest.MonkeyPatch) -> None:
    mysql = server.database()
    # A server does not tell an account without rights whether a database is there.
    assert "GRANT ALL ON absent.*" in refusal(mysql.model_copy(update={"database": "absent"}))
    monkeypatch.setenv(PASSWORD_ENV, "wrong")
    said = refusal(mysql)
    assert "Access denied for user" in said
    assert f"correct the content of {USER_ENV} and {PASSWORD_ENV}" in said
    monkeypatch.delenv(PASSWORD_ENV)
    assert f"the environment variable {PASSWORD_ENV} is not set" in refusal(mysql)


def test_nothing_that_is_logged_has_the_password(server: MariaDb, caplog: pytest.LogCaptureFixture) -> None:
    from absl import logging as absl_logging

    verbosity = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG, logger="absl"), caplog.at_level(logging.DEBUG):
            put(Reconnecting(server.database()), "x")
    finally:
        absl_logging.set_verbosity(verbosity)
    assert "MetadataStore with DB connection initialized" in caplog.text
    assert PASSWORD not in caplog.text
    assert "s3cret" not in caplog.text


def test_a_server_that_comes_back_is_waited_for(server: MariaDb) -> None:
    store = Reconnecting(server.database())
    put(store, "before")
    server.kill()
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        assert uris(store) == ["before"]
    finally:
        starting.join()
    server.kill()
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        put(store, "after")
    finally:
        starting.join()
    assert uris(store) == ["before", "after"]


def test_a_server_that_stays_away_is_one_error_and_no_second_wait(server: MariaDb) -> None:
    store = Reconnecting(server.database(patience=1))
    server.kill()
    try:
        with pytest.raises(UserError, match=r"Connection refused.*waited 1 s for it\n.*run again"):
            store.get_artifacts()
        with pytest.raises(UserError) as second:
            store.get_artifacts()
    finally:
        server.start()
    assert "waited" not in str(second.value)
    put(store, "after")
    assert uris(store) == ["after"]


def test_a_write_that_the_connection_is_lost_in_is_not_repeated(
    server: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    mysql = server.database()
    store = Reconnecting(mysql)
    put(store, "before")
    probe = store._probe

    def then_killed() -> None:
        probe()
        rows = server.execute("SHOW PROCESSLIST")
        for number in (row[0] for row in rows if row[1] == USER and row[3] == mysql.database):
            server.execute(f"KILL {number}")

    monkeypatch.setattr(store, "_probe", then_killed)
    [kind] = store.get_artifact_types()[-1:]
    with pytest.raises(UserError, match="lost in the middle of a write"):
        store.put_artifacts([Artifact(type_id=kind.id, uri="lost")])
    monkeypatch.undo()
    monkeypatch.setenv(USER_ENV, USER)
    monkeypatch.setenv(PASSWORD_ENV, PASSWORD)
    put(store, "after")
    assert uris(store) == ["before", "after"]


def test_tls_verifies_the_server_and_is_verified(server: MariaDb, tmp_path: Path) -> None:
    trusted = server.authority.certificate
    server.execute(f"ALTER USER '{USER}'@'127.0.0.1' REQUIRE X509")
    try:
        certificate, key = server.authority.signed("127.0.0.1", tmp_path / "client")
        whole = TlsFiles(ca=str(trusted), cert=str(certificate), key=str(key))
        store = Reconnecting(server.database(tls=whole))
        put(store, "encrypted")
        assert uris(store) == ["encrypted"]
        assert "Access denied" in refusal(server.database(tls=TlsFiles(ca=str(trusted))))
        assert "Access denied" in refusal(server.database())
        stranger = whole.model_copy(update={"ca": str(Authority(tmp_path / "other").certificate)})
        assert "certificate verify failed" in refusal(server.database(tls=stranger))
        assert "can't be used" in refusal(server.database(tls=whole.model_copy(update={"key": str(trusted)})))
    finally:
        server.execute(f"ALTER USER '{USER}'@'127.0.0.1' REQUIRE NONE")
