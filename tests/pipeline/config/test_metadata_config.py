"""The `metadata:` section, and what is known to be wrong with it before any server is asked."""

import json
from pathlib import Path

import pytest

from pipeline.config.loader import LoadedConfig, load
from pipeline.config.problems import ConfigError
from pipeline.preflight.metadata_check import metadata_problems, on_cluster
from pipeline.results.inputs import input_keys
from pipeline.store.place import PLACE_FILE, place_for, place_of
from preprocessing.errors import UserError

PENGUINS = Path(__file__).parents[3] / "data/penguins/pipeline.yaml"
MYSQL = {"host": "127.0.0.1", "database": "team", "user_env": "DB_USER", "password_env": "DB_PASSWORD"}


def loaded(**mysql: object) -> LoadedConfig:
    return load(PENGUINS, [f"metadata.mysql={json.dumps({**MYSQL, **mysql})}"])


def refusal(*overrides: str) -> str:
    with pytest.raises(ConfigError) as refused:
        load(PENGUINS, overrides)
    return str(refused.value)


def project(folder: Path, metadata: str) -> LoadedConfig:
    """A configuration in a folder of its own, whose root is `root`."""
    config = folder / "pipeline.yaml"
    config.write_text(f"extends: {PENGUINS}\nroot: root\n{metadata}")
    (folder / "root").mkdir(exist_ok=True)
    return load(config)


def test_sqlite_unless_a_database_is_named() -> None:
    assert load(PENGUINS).config.metadata.mysql is None
    mysql = loaded().config.metadata.mysql
    assert mysql is not None
    assert (mysql.address(), mysql.tls, mysql.variables()) == ("127.0.0.1:3306/team", None, ("DB_USER", "DB_PASSWORD"))


def test_localhost_is_a_socket() -> None:
    said = refusal(f"metadata.mysql={json.dumps(MYSQL | {'host': 'localhost'})}")
    assert "metadata.mysql.host" in said
    assert "write 127.0.0.1" in said


@pytest.mark.parametrize("name", ["postgresql", "postgres"])
def test_postgresql_is_refused_with_the_reason(name: str) -> None:
    said = refusal(f"metadata={{{name}: {{host: db}}}}")
    assert f"metadata.{name}" in said
    assert "a value with a backslash" in said
    assert "github.com/google/ml-metadata/issues/194" in said


def test_a_password_has_no_place() -> None:
    assert "metadata.mysql.password" in refusal(f"metadata.mysql={json.dumps(MYSQL | {'password': 'x'})}")


def test_a_certificate_needs_its_key() -> None:
    said = refusal(f"metadata.mysql={json.dumps(MYSQL | {'tls': {'ca': 'ca.pem', 'cert': 'c.pem'}})}")
    assert "metadata.mysql.tls.key" in said


def test_validate_names_variables_and_files_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DB_PASSWORD", raising=False)
    monkeypatch.setenv("DB_USER", "somebody")
    tls = "tls: {ca: there.pem, cert: gone.pem, key: there.pem}"
    config = project(tmp_path, f"metadata: {{mysql: {{host: db, database: d, {tls}, {_ENVIRONMENT}}}}}\n")
    (tmp_path / "there.pem").write_text("")
    fields = [each.field for each in metadata_problems(config)]
    assert fields == ["metadata.mysql.password_env", "metadata.mysql.tls.cert"]
    monkeypatch.setenv("DB_PASSWORD", "x")
    (tmp_path / "gone.pem").write_text("")
    assert list(metadata_problems(config)) == []


def test_a_cluster_has_its_own() -> None:
    assert on_cluster(load(PENGUINS), "vertex") == []
    [note] = on_cluster(loaded(), "kubeflow")
    assert note == "metadata.mysql: for runs on this machine; kubeflow has a metadata store of its own"


def test_where_records_are_kept_changes_no_model() -> None:
    assert input_keys(loaded()).settings == input_keys(load(PENGUINS)).settings


_ENVIRONMENT = "user_env: DB_USER, password_env: DB_PASSWORD"
_DATABASE = f"metadata: {{mysql: {{host: db, database: d, tls: {{ca: ca.pem}}, {_ENVIRONMENT}}}}}\n"


def test_the_root_names_the_database_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3cret")
    place = place_for(project(tmp_path, _DATABASE))
    place.write()
    text = (tmp_path / "root" / PLACE_FILE).read_text()
    assert "DB_PASSWORD" in text
    assert "s3cret" not in text
    monkeypatch.chdir("/")
    found = place_of(tmp_path / "root")
    assert found == place
    assert found.exists()
    assert found.mysql is not None
    assert found.mysql.tls is not None
    assert found.mysql.tls.ca == str(tmp_path / "ca.pem")
    assert place_for(project(tmp_path, _DATABASE)).identity == place.identity


def test_a_root_stays_with_its_kind_of_store(tmp_path: Path) -> None:
    place_for(project(tmp_path, _DATABASE)).write()
    with pytest.raises(UserError, match=r"its records are in the database db:3306/d, and metadata.mysql is not set"):
        place_for(project(tmp_path, ""))
    (tmp_path / "root" / PLACE_FILE).unlink()
    assert not place_of(tmp_path / "root").exists()
    (tmp_path / "root/metadata.sqlite").touch()
    assert place_for(project(tmp_path, "")).exists()
    with pytest.raises(UserError, match=r"its records are in metadata.sqlite, and metadata.mysql names a database"):
        place_for(project(tmp_path, _DATABASE))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"mysql": {"host": 1}, "identity": "", "pipelines": []}'])
def test_a_file_that_is_not_ours_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / PLACE_FILE).write_text(text)
    with pytest.raises(UserError, match="expected the database of the root's records"):
        place_of(tmp_path)
