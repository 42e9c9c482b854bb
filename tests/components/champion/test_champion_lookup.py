"""From a push to the next run's champion: what is found, what is passed over, and what is an error."""

import logging
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from support.bucket import forbid_storage, use_folder_as_storage
from support.champions import ARCHITECTURE, Trained, files_below, layer, look_up, push, trained
from tfx.types import artifact_utils, standard_artifacts

from components.artifacts.version_manifest import MANIFEST
from components.evaluator.compatibility import why_incomparable
from components.pusher.push import staging
from components.pusher.remote import push_remote
from components.trainer import warm_start
from preprocessing.errors import UserError

SCHEMA = 'feature { name: "age" type: INT }\nfeature { name: "y" type: BYTES }\n'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("later"), weight=3.0)


@pytest.fixture(params=["folder", "bucket"])
def base(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder, or the same folder as a bucket of Google's storage."""
    if request.param == "folder":
        return str(tmp_path)
    use_folder_as_storage(tmp_path.parent, monkeypatch)
    return f"gs://{tmp_path.name}"


def test_what_was_pushed_comes_back_byte_by_byte(run: Trained, tmp_path: Path, base: str) -> None:
    version = push(run, f"{base}/serving", tmp_path / "archive")
    found = look_up(f"{base}/serving", f"{base}/out")
    out = tmp_path / "out"
    assert found.absent == (False, False)
    made = files_below(run.model)
    assert files_below(out / "model") == {n: each for n, each in made.items() if n != "golden/predictions.npz"}
    assert set(made) >= {"Format-Serving/saved_model.pb", "golden/contract.json", "training/model.weights.h5"}
    statistics = (run.statistics / "Split-train/FeatureStats.pb").read_bytes()
    assert files_below(out / "baseline_statistics") == {"Split-train/FeatureStats.pb": statistics}
    assert artifact_utils.decode_split_names(found.statistics.split_names) == ["train"]
    for artifact in (found.model, found.statistics):
        assert artifact.get_string_custom_property("version") == version.rpartition("/")[2]
        assert artifact.get_string_custom_property("source_uri") == version


def test_the_version_can_be_loaded_and_its_readers_read_the_champion(run: Trained, tmp_path: Path) -> None:
    version = push(run, str(tmp_path / "serving"), tmp_path / "archive")
    champion = look_up(str(tmp_path / "serving"), tmp_path / "out").model
    for folder in (version, f"{champion.uri}/Format-Serving"):
        predict = tf.saved_model.load(folder).signatures["serving_default"]
        assert predict(x=tf.constant([1.5]))["value"].numpy().tolist() == [3.0]

    candidate, schema = standard_artifacts.Model(), standard_artifacts.Schema()
    candidate.uri, schema.uri = str(run.model), str(tmp_path / "schema")
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/schema.pbtxt").write_text(SCHEMA)
    assert why_incomparable(champion, candidate, schema) is None

    afresh = layer(0.0)
    warm_start.load(afresh, Path(champion.uri), ARCHITECTURE)
    assert afresh.get_weights()[0].tolist() == [[2.0]]


def test_a_first_run_has_no_champion(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/readme").mkdir()
    sources = ["", f"{tmp_path}/none", f"{tmp_path}/empty", f"{tmp_path}/notes", f"ram://{tmp_path}/none"]
    for source in sources:
        assert look_up(source, tmp_path / "out").absent == (True, True), source
    assert not (tmp_path / "out").exists()


def test_the_newest_version_is_the_champion(run: Trained, later: Trained, tmp_path: Path, base: str) -> None:
    serving = f"{base}/serving"
    push(run, serving, tmp_path / "archive-1")
    push(later, serving, tmp_path / "archive-2")
    look_up(serving, tmp_path / "out")
    assert files_below(tmp_path / "out/model/Format-Serving") == files_below(later.serving)


def test_versions_are_compared_as_numbers(run: Trained, later: Trained, tmp_path: Path) -> None:
    shutil.copytree(run.serving, tmp_path / "serving/9")
    shutil.copytree(later.serving, tmp_path / "serving/10")
    found = look_up(str(tmp_path / "serving"), tmp_path / "out")
    assert found.model.get_string_custom_property("version") == "10"


def test_the_same_model_is_not_pushed_twice(run: Trained, tmp_path: Path, base: str) -> None:
    serving = f"{base}/serving"
    first = push(run, serving, tmp_path / "archive-1")
    assert push(run, serving, tmp_path / "archive-2") == first
    # Nor where only one of the two pushes leaves files for a champion.
    assert push(run, serving, tmp_path / "archive-3", statistics=False) == first


def test_another_model_with_the_same_champions_files_is_pushed(
    run: Trained, later: Trained, tmp_path: Path, base: str
) -> None:
    serving = f"{base}/serving"
    mixed = tmp_path / "mixed"
    shutil.copytree(run.model, mixed)
    shutil.rmtree(mixed / "Format-Serving")
    shutil.copytree(later.serving, mixed / "Format-Serving")
    first = push(run, serving, tmp_path / "archive-1")
    assert push(Trained(mixed, run.statistics), serving, tmp_path / "archive-2") != first


def test_without_statistics_the_push_is_as_ever(run: Trained, tmp_path: Path) -> None:
    version = push(run, str(tmp_path / "serving"), tmp_path / "archive", statistics=False)
    pushed = files_below(Path(version))
    assert pushed.pop(MANIFEST)
    assert pushed == files_below(run.serving)


def test_a_version_that_was_pushed_without_them_has_no_contract_and_no_statistics(
    run: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    push(run, str(tmp_path / "serving"), tmp_path / "archive", statistics=False)
    found = look_up(str(tmp_path / "serving"), tmp_path / "out")
    assert found.absent == (False, True)
    assert [each.name for each in (tmp_path / "out/model").iterdir()] == ["Format-Serving"]
    assert not (tmp_path / "out/baseline_statistics").exists()
    assert "has no statistics" in caplog.text


def test_a_model_of_another_trainer_leaves_its_statistics(run: Trained, tmp_path: Path) -> None:
    shutil.copytree(run.serving, tmp_path / "foreign/Format-Serving")
    version = push(Trained(tmp_path / "foreign", run.statistics), str(tmp_path / "serving"), tmp_path / "archive")
    found = {each.name for each in Path(version, "assets.extra/champion").iterdir()}
    assert found == {"FeatureStats.pb", "manifest.json"}
    assert look_up(str(tmp_path / "serving"), tmp_path / "out").absent == (False, False)


def test_missing_statistics_are_said_at_the_push(
    run: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    push(Trained(run.model, tmp_path / "gone"), str(tmp_path / "serving"), tmp_path / "archive")
    assert "the next run measures no drift against this model" in caplog.text
    assert look_up(str(tmp_path / "serving"), tmp_path / "out").absent == (False, True)


def test_a_push_that_is_going_on_is_not_looked_at(run: Trained, later: Trained, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    push(run, str(serving), tmp_path / "archive")
    with staging(serving) as half:
        shutil.copytree(later.serving, half, dirs_exist_ok=True)
        look_up(str(serving), tmp_path / "out")
    assert files_below(tmp_path / "out/model/Format-Serving") == files_below(run.serving)


def test_a_remote_push_that_ended_half_way_is_passed_over(
    run: Trained,
    later: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    use_folder_as_storage(tmp_path, monkeypatch)
    serving = "gs://bucket/serving"
    first = push(run, serving, tmp_path / "archive")
    with pytest.raises(tf.errors.NotFoundError):
        push_remote(str(later.serving), serving, {"variables/zzz": str(tmp_path / "missing")})
    newest = max((each.name for each in (tmp_path / "bucket/serving").iterdir()), key=int)
    assert "variables/variables.index" in files_below(tmp_path / "bucket/serving" / newest)

    caplog.set_level(logging.WARNING)
    found = look_up(serving, tmp_path / "out")
    assert found.model.get_string_custom_property("source_uri") == first
    assert f"{serving}/{newest} has no saved_model.pb and is skipped" in caplog.text


def test_what_an_earlier_try_left_in_the_output_goes(run: Trained, tmp_path: Path) -> None:
    push(run, str(tmp_path / "serving"), tmp_path / "archive")
    old = tmp_path / "out/model/Format-Serving/assets/old"
    old.parent.mkdir(parents=True)
    old.write_text("half")
    look_up(str(tmp_path / "serving"), tmp_path / "out")
    assert files_below(tmp_path / "out/model/Format-Serving") == files_below(run.serving)


def test_the_file_that_makes_the_copy_whole_comes_last(run: Trained, tmp_path: Path) -> None:
    push(run, str(tmp_path / "serving"), tmp_path / "archive")
    look_up(str(tmp_path / "serving"), tmp_path / "out")
    files = [each for each in (tmp_path / "out/model").rglob("*") if each.is_file()]
    assert max(files, key=lambda each: each.stat().st_mtime_ns).name == "saved_model.pb"


def test_a_store_that_says_no_is_not_a_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_storage(monkeypatch)
    with pytest.raises(tf.errors.PermissionDeniedError, match="403"):
        look_up("gs://bucket/serving", tmp_path / "out")


def test_a_store_that_nobody_speaks_to_is_not_a_first_run(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.UnimplementedError):
        look_up("s3://bucket/serving", tmp_path / "out")


def test_a_file_is_no_serving_folder(tmp_path: Path) -> None:
    (tmp_path / "serving").write_text("")
    with pytest.raises(UserError, match=r"expected a serving folder, received .*/serving"):
        look_up(str(tmp_path / "serving"), tmp_path / "out")
