"""The executor through its real `Do`, with real artifacts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf import json_format
from support.bucket import use_folder_as_storage
from tfx.components.pusher import executor as stock
from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.types.channel_utils import as_channel

from components.pusher.executor import Executor

MakeModel = Callable[..., Path]
FilesIn = Callable[[Path], dict[str, bytes]]


def destination(base: str) -> pusher_pb2.PushDestination:
    return pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=base))


def do(
    model_uri: str, base: str, archive: Path, *, model_blessed: bool = True, infra_blessed: bool = True
) -> standard_artifacts.PushedModel:
    """Runs the executor's `Do` and returns the PushedModel artifact."""
    model = standard_artifacts.Model()
    model.uri = model_uri
    model_blessing = standard_artifacts.ModelBlessing()
    model_blessing.set_int_custom_property("blessed", int(model_blessed))
    infra_blessing = standard_artifacts.InfraBlessing()
    infra_blessing.set_int_custom_property("blessed", int(infra_blessed))
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(archive)
    Executor().Do(
        {"model": [model], "model_blessing": [model_blessing], "infra_blessing": [infra_blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": json_format.MessageToJson(destination(base), preserving_proto_field_name=True)},
    )
    return pushed


def test_a_blessed_model_is_pushed_archived_and_recorded(
    tmp_path: Path, make_model: MakeModel, files_in: FilesIn
) -> None:
    model = make_model()
    pushed = do(str(model.parent), str(tmp_path / "serving"), tmp_path / "archive")
    (version,) = (tmp_path / "serving").iterdir()
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    assert pushed.get_string_custom_property("pushed_version") == version.name
    assert files_in(version) == files_in(model) == files_in(tmp_path / "archive")


@pytest.mark.parametrize("refused_by", ["model_blessed", "infra_blessed"])
def test_without_a_blessing_nothing_is_touched(tmp_path: Path, make_model: MakeModel, refused_by: str) -> None:
    verdicts: dict[str, Any] = {refused_by: False}
    pushed = do(str(make_model().parent), str(tmp_path / "serving"), tmp_path / "archive", **verdicts)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()
    assert not (tmp_path / "archive").exists()


def test_the_same_model_again_reports_the_version_that_is_there(tmp_path: Path, make_model: MakeModel) -> None:
    model = str(make_model().parent)
    first = do(model, str(tmp_path / "serving"), tmp_path / "archive-1")
    second = do(model, str(tmp_path / "serving"), tmp_path / "archive-2")
    for key in ("pushed_destination", "pushed_version"):
        assert second.get_string_custom_property(key) == first.get_string_custom_property(key)
    assert second.get_int_custom_property("pushed") == 1
    assert len(list((tmp_path / "serving").iterdir())) == 1


def test_a_copy_that_fails_leaves_nothing_pushed(tmp_path: Path, make_model: MakeModel) -> None:
    (tmp_path / "archive").write_text("a file where the artifact's folder should be")
    with pytest.raises(tf.errors.OpError):
        do(str(make_model().parent), str(tmp_path / "serving"), tmp_path / "archive" / "copy")
    assert not (tmp_path / "serving").exists()


def test_another_destination_is_refused(tmp_path: Path, make_model: MakeModel) -> None:
    model = standard_artifacts.Model()
    model.uri = str(make_model().parent)
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "archive")
    with pytest.raises(NotImplementedError, match="filesystem"):
        Executor().Do({"model": [model]}, {"pushed_model": [pushed]}, {"push_destination": "{}"})


def test_a_remote_serving_folder_gets_numbered_versions_too(
    tmp_path: Path, make_model: MakeModel, files_in: FilesIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    one, two = make_model("one", b"one"), make_model("two", b"two")
    versions = [
        do(str(model.parent), "gs://bucket/serving", tmp_path / f"archive-{i}").get_string_custom_property(
            "pushed_destination"
        )
        for i, model in enumerate((one, one, two))
    ]
    first, again, second = versions
    assert again == first
    assert int(second.rpartition("/")[2]) > int(first.rpartition("/")[2])
    local = [Path(each.replace("gs:/", str(tmp_path / "storage"))) for each in (first, second)]
    assert [files_in(each) for each in local] == [files_in(one), files_in(two)]


def test_the_file_that_servers_wait_for_is_copied_last(tmp_path: Path, make_model: MakeModel) -> None:
    base = f"file://{tmp_path}/serving"  # has a scheme, so it is pushed as a remote one, and has exact times
    pushed = do(str(make_model(assets=5).parent), base, tmp_path / "archive")
    version = Path(pushed.get_string_custom_property("pushed_destination").removeprefix("file://"))
    times = {str(path.relative_to(version)): path.stat().st_mtime_ns for path in version.rglob("*") if path.is_file()}
    assert len(times) == 9  # with the manifest
    assert max(times, key=lambda name: times[name]) == "saved_model.pb"


def test_a_remote_model_reaches_a_local_serving_folder(
    tmp_path: Path, make_model: MakeModel, files_in: FilesIn
) -> None:
    model = make_model()
    remote = f"ram://{tmp_path.name}/model"
    for name, content in files_in(model).items():
        path = f"{remote}/Format-Serving/{name}"
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(content)
    do(remote, str(tmp_path / "serving"), tmp_path / "archive")
    (version,) = (tmp_path / "serving").iterdir()
    assert files_in(version) == files_in(model)


def test_the_stock_pusher_takes_the_executor() -> None:
    pusher = Pusher(
        model=as_channel([standard_artifacts.Model()]),
        push_destination=destination("serving"),
        custom_executor_spec=ExecutorClassSpec(Executor),
    )
    assert pusher.executor_spec.class_path == "components.pusher.executor.Executor"
    assert issubclass(Executor, stock.Executor)
