"""The champion by an alias of the Model Registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bucket import use_folder_as_storage
from support.champions import Trained, files_below, look_up, push, trained
from support.vertex_registry import LOCATION, Registry, error, serving

from components.cloud.google_login import TOKEN_VARIABLE
from preprocessing.errors import UserError

ENTRY = "registry:orders@champion"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    with serving() as running:
        yield running


@pytest.fixture
def where(registry: Registry) -> dict[str, str]:
    return {"project": "shop", "region": "europe-west4", "api_endpoint": registry.url}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("run"))


def test_the_alias_leads_to_the_version(
    registry: Registry, where: dict[str, str], run: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    version = push(run, "gs://bucket/serving", tmp_path / "archive")
    registry.add("orders", f"{version}/", "champion")
    registry.add("orders", "gs://bucket/another")
    found = look_up(ENTRY, tmp_path / "out", **where)
    assert found.absent == (False, False)
    assert files_below(tmp_path / "out/model/Format-Serving") == files_below(run.serving)
    assert found.model.get_string_custom_property("source_uri") == version
    assert registry.asked == [f"GET /v1/{LOCATION}/models/orders@champion"]
    assert registry.authorizations == ["Bearer a-secret"]


def test_neither_model_nor_alias_is_a_first_run(registry: Registry, where: dict[str, str], tmp_path: Path) -> None:
    assert look_up(ENTRY, tmp_path / "out", **where).absent == (True, True)
    registry.add("orders", "gs://bucket/serving/1", "candidate")
    assert look_up(ENTRY, tmp_path / "out", **where).absent == (True, True)


def test_a_registry_that_says_no_is_not_a_first_run(registry: Registry, where: dict[str, str], tmp_path: Path) -> None:
    registry.faults = [(403, error(403, "aiplatform.models.get denied"))]
    with pytest.raises(UserError, match=r"HTTP 403, aiplatform.models.get denied\n  next: .*roles/aiplatform.user"):
        look_up(ENTRY, tmp_path / "out", **where)


@pytest.mark.parametrize("uri", ["", "gs://bucket/gone"])
def test_a_champion_whose_files_are_gone_is_said(
    registry: Registry, where: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    registry.add("orders", uri, "champion")
    with pytest.raises(UserError, match=f"{ENTRY} points to {uri or 'a model without files'}, .*\n.*move the alias"):
        look_up(ENTRY, tmp_path / "out", **where)


@pytest.mark.parametrize("entry", ["registry:orders", "registry:orders@", "registry:a/b@c"])
def test_an_entry_names_model_and_alias(where: dict[str, str], tmp_path: Path, entry: str) -> None:
    with pytest.raises(UserError, match=f"expected registry:NAME@ALIAS, received {entry}"):
        look_up(entry, tmp_path / "out", **where)


def test_a_registry_is_somewhere(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no project and region"):
        look_up(ENTRY, tmp_path / "out")
