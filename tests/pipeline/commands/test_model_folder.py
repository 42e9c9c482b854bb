"""Where the SavedModel is in what people name: an export, a TFX artifact, a server's versions, or nowhere."""

from pathlib import Path

import pytest

from pipeline.commands.model_folder import find_model
from preprocessing.errors import UserError

pytestmark = pytest.mark.usefixtures("empty_folder")


def made(folder: str, name: str = "saved_model.pb") -> Path:
    """A folder that holds a SavedModel, by its name."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(b"")
    return path


@pytest.mark.parametrize("name", ["saved_model.pb", "saved_model.pbtxt"])
def test_an_export(name: str) -> None:
    found = find_model(made("export", name))
    assert (found.export, found.artifact, found.note) == (Path("export"), None, "")


def test_a_trainers_artifact_comes_with_its_predictions() -> None:
    made("Trainer/model/7/Format-Serving")
    Path("Trainer/model/7/golden").mkdir()
    found = find_model(Path("Trainer/model/7"))
    assert found.export == Path("Trainer/model/7/Format-Serving")
    assert found.artifact is not None
    assert found.artifact.resolve() == Path("Trainer/model/7").resolve()
    assert found.note == "testing Trainer/model/7/Format-Serving, the export of this TFX model"
    inner = find_model(Path("Trainer/model/7/Format-Serving"))
    assert inner.artifact == Path("Trainer/model/7").absolute()
    assert inner.note == ""


def test_an_artifact_of_another_trainer() -> None:
    made("model/Format-Serving")
    assert find_model(Path("model")).artifact is None


def test_the_folder_beside_any_other_export_is_not_the_trainers() -> None:
    made("work/export")
    Path("work/golden").mkdir()
    assert find_model(Path("work/export")).artifact is None


def test_from_inside_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    made("model/Format-Serving")
    Path("model/golden").mkdir()
    artifact = Path("model").absolute()
    monkeypatch.chdir("model/Format-Serving")
    assert find_model(Path()).artifact == artifact


def test_of_versions_the_highest_number_is_taken_and_said() -> None:
    for version in ("9", "10", "2"):
        made(f"serving/{version}")
    made("serving/latest")
    Path("serving/11.part").mkdir()
    found = find_model(Path("serving"))
    assert found.export == Path("serving/10")
    assert found.note == "testing serving/10, the newest of 3 versions, which a server would take"


def test_one_version() -> None:
    made("serving/1795351670")
    found = find_model(Path("serving"))
    assert (found.export, found.note) == (Path("serving/1795351670"), "testing serving/1795351670, the only version")


def test_a_newest_version_without_a_model_is_what_a_server_would_take() -> None:
    made("serving/1")
    Path("serving/2").mkdir()
    assert find_model(Path("serving")).export == Path("serving/2")


def test_the_export_of_an_old_tfx() -> None:
    made("model/serving_model_dir")
    assert find_model(Path("model")).export == Path("model/serving_model_dir")


def _refused(path: str) -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        find_model(Path(path))
    assert "\n" not in caught.value.message
    return caught.value.message, caught.value.hint


def test_what_is_no_saved_model_is_named_with_the_next_step() -> None:
    made("here/saved_model")
    Path("here/model.keras").write_bytes(b"")
    Path("here/notes.txt").write_bytes(b"")
    made("root/serving/penguins/3")
    Path("nothing").mkdir()
    Path("keras").mkdir()
    Path("keras/model.keras").write_bytes(b"")
    assert _refused("no") == ("no: no such folder", "give the folder that holds saved_model.pb")
    file = "expected the folder of a SavedModel, received a file"
    hint = "export it first: keras.models.load_model('model.keras').export('export'); then test that folder"
    assert _refused("here/model.keras") == (f"here/model.keras: {file}", hint)
    given = _refused("here/saved_model/saved_model.pb")
    assert given == (f"here/saved_model/saved_model.pb: {file}", "give its folder: here/saved_model")
    assert _refused("here/notes.txt")[1] == "give the folder that holds saved_model.pb"
    none = "not a SavedModel: the folder has no saved_model.pb"
    below = "give one of the folders below it that do: root/serving/penguins/3"
    assert _refused("root") == (f"root: {none}", below)
    assert _refused("nothing")[0] == f"nothing: {none}"
    assert _refused("keras")[1] == "export the Keras model with model.export(FOLDER); then test that folder"
    url, copy = _refused("gs://bucket/model")
    assert "received a URL" in url
    assert copy == "copy the model here first"
