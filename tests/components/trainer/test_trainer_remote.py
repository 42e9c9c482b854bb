"""A training whose root is a URL; TensorFlow's file system in memory, `ram://`, stands in for an object store."""

import posixpath
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attr
import numpy as np
import pytest
import tensorflow as tf
from support.killed_training import killed_in_epoch
from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer import remote
from components.trainer.build import build
from components.trainer.config import CHECKPOINTS_KEY
from components.trainer.data import load_data
from components.trainer.export import export
from components.trainer.fit import fit
from components.trainer.run_fn import run_fn
from components.trainer.task import TrainingTask

pytestmark = pytest.mark.slow

Export = Callable[[str], Any]


@pytest.fixture
def bucket() -> Iterator[str]:
    url = f"ram://{uuid.uuid4()}"
    yield url
    remote.remove(url)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made; the current folder is an empty one beside it."""
    for name in ("scratch", "current"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.chdir(tmp_path / "current")
    return tmp_path / "scratch"


def files(url: str) -> set[str]:
    """Every file below the URL, or the folder."""
    return {
        posixpath.relpath(posixpath.join(folder, name), url)
        for folder, _, names in tf.io.gfile.walk(url)
        for name in names
    }


def in_bucket(fn_args: FnArgs, bucket: str) -> FnArgs:
    """The same training with every input and output in the bucket, the outputs laid out as Vertex does.

    But for the name of the logs' folder: `ram://` takes everything whose name begins with `model` for a part of it.
    """

    def copied(pattern: str) -> str:
        split = Path(pattern).parent
        remote.upload(split, posixpath.join(bucket, "examples", split.name))
        return posixpath.join(bucket, "examples", split.name, "*")

    remote.upload(Path(fn_args.transform_graph_path), posixpath.join(bucket, "graph"))
    return FnArgs(
        train_files=[copied(each) for each in fn_args.train_files],
        eval_files=[copied(each) for each in fn_args.eval_files],
        transform_graph_path=posixpath.join(bucket, "graph"),
        serving_model_dir=posixpath.join(bucket, "run", "Trainer_1", "model", "Format-Serving"),
        model_run_dir=posixpath.join(bucket, "run", "Trainer_1", "logs"),
        custom_config=fn_args.custom_config,
    )


def answers(saved_model: str, rows: list[bytes]) -> np.ndarray[Any, Any]:
    model = tf.saved_model.load(saved_model)
    result: np.ndarray[Any, Any] = model.signatures["serving_default"](examples=tf.constant(rows))[
        "probabilities"
    ].numpy()
    return result


def test_a_training_in_a_bucket_gives_the_model_of_a_local_one(exported: Export, bucket: str, scratch: Path) -> None:
    local = exported("binary")
    fn_args = in_bucket(local.fn_args, bucket)
    run_fn(fn_args)
    artifact = posixpath.dirname(fn_args.serving_model_dir)
    assert files(artifact) == files(str(local.artifact))
    rows = local.world.serialized("test")
    expected = answers(str(local.artifact / "Format-Serving"), rows)
    np.testing.assert_array_equal(answers(fn_args.serving_model_dir, rows), expected)
    with tf.io.gfile.GFile(posixpath.join(artifact, "golden", "predictions.npz"), "rb") as file:
        golden = np.load(file)["probabilities"]
    np.testing.assert_array_equal(golden, np.load(local.artifact / "golden" / "predictions.npz")["probabilities"])
    assert {posixpath.dirname(name) for name in files(fn_args.model_run_dir)} == {"train", "validation"}
    # Nothing is left over: no checkpoint in the bucket, no folder called `ram:`, no folder of ours for temporary files.
    assert set(tf.io.gfile.listdir(posixpath.join(bucket, "run"))) == {"Trainer_1"}
    assert list(Path.cwd().iterdir()) == []
    assert list(scratch.glob("lockgate-trainer-*")) == []


class Machine:
    """A machine that trains: its disk is lost with it.

    Attributes:
      task: the training.
    """

    def __init__(self, fn_args: FnArgs, disk: Path) -> None:
        self.task = TrainingTask.parse(fn_args, disk)
        self._data = load_data(self.task)
        self._model = build(self.task, self._data)

    def fit(self) -> None:
        fit(self._model, self._data, self.task)

    def export(self) -> None:
        export(self._model, self._data, self.task)


def test_a_training_goes_on_where_another_machine_was_lost(
    exported: Export, bucket: str, tmp_path: Path, epochs_logged: list[dict[str, float]]
) -> None:
    local = exported("binary")
    fn_args = in_bucket(local.fn_args, bucket)
    with killed_in_epoch(3):
        Machine(fn_args, tmp_path / "one").fit()
    epochs_logged.clear()
    machine = Machine(fn_args, tmp_path / "two")
    url = machine.task.checkpoint_mirror
    assert url is not None
    assert remote.folders(url) == ["epoch-000002"]
    # The next one was on its way: without its state it doesn't count.
    with tf.io.gfile.GFile(posixpath.join(url, "epoch-000003", "last.weights.h5"), "w") as file:
        file.write("half of it")
    machine.fit()
    assert len(epochs_logged) == 1
    assert remote.folders(url) == ["epoch-000003"]
    machine.export()
    assert remote.folders(posixpath.join(bucket, "run")) == ["Trainer_1"]
    rows = local.world.serialized("test")
    expected = answers(str(local.artifact / "Format-Serving"), rows)
    np.testing.assert_array_equal(answers(fn_args.serving_model_dir, rows), expected)


def test_a_training_in_a_pod_goes_on_from_a_volume(
    exported: Export, tmp_path: Path, epochs_logged: list[dict[str, float]]
) -> None:
    local = exported("binary")
    pod, volume = tmp_path / "pod", tmp_path / "volume"
    fn_args = attr.evolve(
        local.fn_args,
        serving_model_dir=str(pod / "Trainer" / "model" / "1" / "Format-Serving"),
        model_run_dir=str(pod / "Trainer" / "model_run" / "1"),
        custom_config=local.fn_args.custom_config | {CHECKPOINTS_KEY: str(volume / "demo")},
    )
    (volume / "demo" / "another training").mkdir(parents=True)
    with killed_in_epoch(3):
        Machine(fn_args, tmp_path).fit()
    shutil.rmtree(pod)
    epochs_logged.clear()
    machine = Machine(fn_args, tmp_path)
    [state] = volume.glob("demo/*/state/*/state.json")
    assert state.parent.name == "epoch-000002"
    machine.fit()
    assert len(epochs_logged) == 1
    machine.export()
    assert [each.name for each in (volume / "demo").iterdir()] == ["another training"]
    rows = local.world.serialized("test")
    expected = answers(str(local.artifact / "Format-Serving"), rows)
    np.testing.assert_array_equal(answers(fn_args.serving_model_dir, rows), expected)


def test_a_warm_start_reads_the_champion_from_its_bucket(exported: Export, bucket: str, tmp_path: Path) -> None:
    local = exported("binary")
    fn_args = in_bucket(local.fn_args, bucket)
    remote.upload(local.artifact, posixpath.join(bucket, "champion"))
    cold = Machine(fn_args, tmp_path)._model.get_weights()
    fn_args.base_model = posixpath.join(bucket, "champion", "Format-Serving")
    machine = Machine(fn_args, tmp_path)
    warm = machine._model.get_weights()
    machine._model.load_weights(local.artifact / "training" / "model.weights.h5")
    for got, expected, afresh in zip(warm, machine._model.get_weights(), cold, strict=True):
        np.testing.assert_array_equal(got, expected)
        assert not np.array_equal(got, afresh)


MODEL = {"Format-Serving/saved_model.pb", "Format-Serving/variables/variables.index", "training/z.h5"}


class Network:
    """`tf.io.gfile.copy`, until the connection is lost.

    Attributes:
      left: copies until then.
      copied: the files at the URL, in the order of their arrival.
    """

    def __init__(self) -> None:
        self.left = 1000
        self.copied: list[str] = []
        self._copy = tf.io.gfile.copy

    def copy(self, source: str, target: str, overwrite: bool) -> None:
        if not self.left:
            raise tf.errors.UnavailableError(None, None, "the connection is lost")
        self.left -= 1
        self._copy(source, target, overwrite)
        self.copied.append(target)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """The connection of this machine to the bucket."""
    connection = Network()
    monkeypatch.setattr(tf.io.gfile, "copy", connection.copy)
    return connection


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    for name in MODEL:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


LAST = "Format-Serving/saved_model.pb"


def test_the_file_that_makes_a_model_whole_comes_last(artifact: Path, bucket: str, network: Network) -> None:
    remote.upload(artifact, f"{bucket}/model", last=LAST)
    assert network.copied[-1] == f"{bucket}/model/{LAST}"
    assert files(f"{bucket}/model") == MODEL


@pytest.mark.parametrize("copies", range(len(MODEL)))
def test_half_an_upload_is_no_model_whatever_was_there_before(
    artifact: Path, bucket: str, network: Network, copies: int
) -> None:
    remote.upload(artifact, f"{bucket}/model", last=LAST)
    with tf.io.gfile.GFile(f"{bucket}/model/stale", "w") as file:
        file.write("of an earlier try")
    network.left = copies
    with pytest.raises(tf.errors.UnavailableError):
        remote.upload(artifact, f"{bucket}/model", last=LAST)
    assert not tf.io.gfile.exists(f"{bucket}/model/{LAST}")
    network.left = 1000
    remote.upload(artifact, f"{bucket}/model", last=LAST)
    assert files(f"{bucket}/model") == MODEL


def test_what_is_whole_no_more_does_not_look_whole(
    artifact: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(url: str) -> None:
        raise tf.errors.UnavailableError(None, None, url)

    remote.upload(artifact, f"{bucket}/model", last=LAST)
    with monkeypatch.context() as patched:
        patched.setattr(tf.io.gfile, "rmtree", lost)
        with pytest.raises(tf.errors.UnavailableError):
            remote.upload(artifact, f"{bucket}/model", last=LAST)
    assert files(f"{bucket}/model") == MODEL - {LAST}


def test_a_folder_that_is_not_there_uploads_nothing(bucket: str, tmp_path: Path) -> None:
    remote.upload(tmp_path / "nothing", f"{bucket}/logs")
    assert not tf.io.gfile.exists(f"{bucket}/logs")


@pytest.mark.parametrize(
    ("path", "url"), [("gs://bucket/folder", True), ("ram://b", True), ("/folder", False), ("folder/a", False)]
)
def test_what_is_a_url(path: str, url: bool) -> None:
    assert remote.is_url(path) is url
