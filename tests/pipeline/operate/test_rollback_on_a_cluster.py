"""A rollback in a bucket and in Vertex's Model Registry: what the next lookup of the champion finds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bucket import use_folder_as_storage
from support.champions import Trained, files_below, look_up, push, trained
from support.vertex_registry import Registry, error, serving

from components.artifacts.version_manifest import MANIFEST, Provenance, VersionManifest
from components.cloud.google_login import TOKEN_VARIABLE
from components.pusher.config import RegistryUpload
from components.pusher.executor import register_version
from components.pusher.manifest import completing, pushed_now
from components.pusher.remote import push_remote
from components.smoke_test.report import CheckResult, Report
from pipeline.operate.push_run import Pushed
from pipeline.operate.rollback import Plan, finished_before, plan, roll_back
from pipeline.operate.serving import Serving
from pipeline.results.operations import operations
from preprocessing.errors import UserError

BASE = "gs://bucket/serving"
PASSED = CheckResult.passes("loads", "a SavedModel")
FAILED = CheckResult.fails("answers", "an answer", "none", hint="look at it")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    return [trained(tmp_path_factory.mktemp("run"), weight) for weight in (2.0, 3.0)]


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    monkeypatch.setattr("components.cloud.vertex._POLL_SECONDS", 0.0)
    return tmp_path / "storage/bucket/serving"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    with serving() as running:
        yield running


@pytest.fixture
def place(registry: Registry) -> Serving:
    upload = RegistryUpload(
        model="orders",
        alias="champion",
        serving_image="image",
        project="shop",
        region="europe-west4",
        api_endpoint=registry.url,
    )
    return Serving(BASE, registry=upload)


@pytest.fixture
def versions(runs: list[Trained], storage: Path, place: Serving, tmp_path: Path) -> list[str]:
    """Two versions, both registered."""
    assert not storage.exists()
    pushed = [push(each, BASE, tmp_path / f"archive-{number}") for number, each in enumerate(runs)]
    for each in pushed:
        assert place.registry is not None
        register_version(each, place.registry)
    return pushed


def rolled_back(root: Path, place: Serving, chosen: Plan, *checks: CheckResult, force: bool = False) -> Pushed:
    def test(folder: Path) -> Report:
        assert (folder / "saved_model.pb").is_file()  # a copy on this machine
        return Report.of(list(checks), seconds={}, log_tail="")

    return roll_back(root, place, chosen, "orders", test, reason="worse", force=force)[0]


def test_the_new_version_is_the_champion_in_the_folder_and_in_the_registry(
    runs: list[Trained], versions: list[str], place: Serving, registry: Registry, tmp_path: Path
) -> None:
    chosen = plan(place, None)
    assert [chosen.now.path, chosen.back_to.path] == versions[::-1]
    done = rolled_back(tmp_path, place, chosen, PASSED).operation
    assert int(done.version.rpartition("/")[2]) > int(chosen.now.name)
    newest = registry.versions["orders"][-1]
    assert (newest.artifact_uri, list(newest.version_aliases)) == (done.version, ["champion"])
    in_registry = {"project": "shop", "region": "europe-west4", "api_endpoint": registry.url}
    for source, more in ((BASE, {}), ("registry:orders@champion", in_registry)):
        found = look_up(source, tmp_path / source.partition(":")[0], **more)
        assert found.absent == (False, False)
        assert files_below(Path(found.model.uri) / "Format-Serving") == files_below(runs[0].serving)
        assert (Path(found.model.uri) / "golden/contract.json").is_file()
    manifest = VersionManifest.model_validate_json((tmp_path / f"storage{done.version[4:]}/{MANIFEST}").read_text())
    assert manifest.rollback is not None
    assert manifest.rollback.rolled_back_from == chosen.now.name
    assert [each.how for each in (*manifest.earlier, manifest.pushed)] == ["run", "rollback"]
    assert {name for name in manifest.files if name.startswith("assets.extra/champion/")} >= {
        "assets.extra/champion/contract.json",
        "assets.extra/champion/FeatureStats.pb",
    }


def test_what_could_not_be_registered_is_registered_by_the_next_command_and_not_done_twice(
    versions: list[str], place: Serving, registry: Registry, tmp_path: Path, storage: Path
) -> None:
    registry.faults = [(403, error(403, "denied"))]
    with pytest.raises(UserError, match="HTTP 403, denied"):
        rolled_back(tmp_path, place, plan(place, None), PASSED)
    assert len(list(storage.iterdir())) == len(versions) + 1
    assert registry.versions["orders"][-1].artifact_uri == versions[1]
    finished = finished_before(tmp_path, place)
    assert finished is not None
    assert finished.resumed
    assert registry.versions["orders"][-1].artifact_uri == finished.operation.version
    assert len(list(storage.iterdir())) == len(versions) + 1
    assert finished_before(tmp_path, place) is None


def test_a_refusal_leaves_everything_as_it_is_unless_it_is_overruled(
    versions: list[str], place: Serving, registry: Registry, tmp_path: Path, storage: Path
) -> None:
    chosen = plan(place, None)
    refused = rolled_back(tmp_path, place, chosen, PASSED, FAILED)
    assert refused.operation.state == "refused"
    assert set(refused.refused) == {"SmokeTest"}
    assert refused.line().startswith("refused: SmokeTest: ")
    assert len(list(storage.iterdir())) == len(registry.versions["orders"]) == len(versions)
    done = rolled_back(tmp_path, place, chosen, FAILED, force=True)
    assert done.operation.forced_over == ("SmokeTest",)
    assert [each.state for each in operations(tmp_path)] == ["done", "refused"]


def test_another_one_goes_further_back_and_never_to_what_was_rolled_back_from(
    versions: list[str], place: Serving, runs: list[Trained], tmp_path: Path
) -> None:
    rolled_back(tmp_path, place, plan(place, None), PASSED)
    with pytest.raises(UserError, match="no version before"):
        plan(place, None)
    assert plan(place, versions[1].rpartition("/")[2]).back_to.path == versions[1]
    # A run does not push it again. By force it is another version of the second one's bytes.
    push(runs[1], BASE, tmp_path / "archive-later")
    with pytest.raises(UserError, match="no version before"):
        plan(place, None)
    push_remote(str(runs[1].serving), BASE, {}, completing(Provenance(), pushed_now("push", reason="it is good"), None))
    assert plan(place, None).back_to.manifest is not None
    assert plan(place, None).back_to.manifest.pushed.how == "rollback"
