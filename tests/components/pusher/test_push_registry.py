"""The Model Registry after a push: order of calls, bodies, and what a second try finds."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from support.bucket import use_folder_as_storage
from support.vertex_registry import LOCATION, Registry, error, serving
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts

from components.cloud.google_login import TOKEN_VARIABLE
from components.cloud.http import Patience
from components.cloud.vertex import VertexApi, VertexProject
from components.pusher.config import RegistryUpload
from components.pusher.executor import Executor
from components.pusher.registry import register
from preprocessing.errors import UserError

MakeModel = Callable[..., Path]

IMAGE = "europe-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"
MODEL = f"/v1/{LOCATION}/models/orders"
UPLOAD = f"POST /v1/{LOCATION}/models:upload"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    with serving() as running:
        yield running


@pytest.fixture
def upload(registry: Registry) -> RegistryUpload:
    return RegistryUpload(
        model="orders",
        alias="champion",
        serving_image=IMAGE,
        project="shop",
        region="europe-west4",
        api_endpoint=registry.url,
    )


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def api(registry: Registry, waits: list[float]) -> Iterator[VertexApi]:
    project = VertexProject("shop", "europe-west4", registry.url)
    with VertexApi(project, Patience(sleep=waits.append)) as running:
        yield running


def body(version: str, **target: str) -> dict[str, Any]:
    return target | {
        "model": {
            "displayName": "orders",
            "artifactUri": version,
            "containerSpec": {"imageUri": IMAGE},
            "versionAliases": ["champion"],
        }
    }


def test_the_first_version_makes_the_model(
    registry: Registry, upload: RegistryUpload, api: VertexApi, waits: list[float]
) -> None:
    registry.polls = 2
    assert register("gs://bucket/serving/7", upload, api)
    operation = f"GET {MODEL}/operations/1"
    assert registry.asked == [f"GET {MODEL}@champion", f"GET {MODEL}", UPLOAD, *[operation] * 3]
    assert registry.bodies == [body("gs://bucket/serving/7", modelId="orders")]
    assert set(registry.authorizations) == {"Bearer a-secret"}
    assert waits == [5.0] * 3


def test_the_next_version_takes_the_alias(registry: Registry, upload: RegistryUpload, api: VertexApi) -> None:
    registry.add("orders", "gs://bucket/serving/7", "champion")
    assert register("gs://bucket/serving/8", upload, api)
    assert registry.asked == [f"GET {MODEL}@champion", UPLOAD, f"GET {MODEL}/operations/1"]
    assert registry.bodies == [body("gs://bucket/serving/8", parentModel=f"{LOCATION}/models/orders")]
    assert [list(each.version_aliases) for each in registry.versions["orders"]] == [["default"], ["champion"]]


def test_a_model_that_another_alias_stands_at_gets_a_version_too(
    registry: Registry, upload: RegistryUpload, api: VertexApi
) -> None:
    registry.add("orders", "gs://bucket/serving/7", "by-hand")
    assert register("gs://bucket/serving/7", upload, api)
    assert registry.bodies == [body("gs://bucket/serving/7", parentModel=f"{LOCATION}/models/orders")]


@pytest.mark.parametrize("slash", ["", "/"])
def test_what_is_registered_is_not_uploaded_again(
    registry: Registry, upload: RegistryUpload, api: VertexApi, slash: str
) -> None:
    registry.add("orders", f"gs://bucket/serving/7{slash}", "champion")
    assert not register("gs://bucket/serving/7", upload, api)
    assert registry.asked == [f"GET {MODEL}@champion"]


def test_an_upload_that_fails_says_why(registry: Registry, upload: RegistryUpload, api: VertexApi) -> None:
    registry.upload_error = "the service agent may not read gs://bucket"
    with pytest.raises(UserError, match="as orders: the service agent may not read gs://bucket\n  next: ") as caught:
        register("gs://bucket/serving/7", upload, api)
    assert "\n" not in caught.value.message
    assert registry.versions == {}


def test_a_question_that_is_refused_uploads_nothing(registry: Registry, upload: RegistryUpload, api: VertexApi) -> None:
    registry.faults = [(403, error(403, "aiplatform.models.get denied"))]
    with pytest.raises(UserError, match=r"HTTP 403, aiplatform.models.get denied\n.*roles/aiplatform.user"):
        register("gs://bucket/serving/7", upload, api)
    assert registry.bodies == []


def do(model: Path, base: str, archive: Path, upload: RegistryUpload) -> standard_artifacts.PushedModel:
    artifact = standard_artifacts.Model()
    artifact.uri = str(model.parent)
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(archive)
    destination = pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=base))
    properties = {
        "push_destination": json_format.MessageToJson(destination, preserving_proto_field_name=True),
        # As the graph makes it.
        "registry": json.dumps(upload.model_dump(mode="json"), sort_keys=True),
    }
    Executor().Do({"model": [artifact]}, {"pushed_model": [pushed]}, properties)
    return pushed


def test_a_run_that_pushed_and_could_not_register_is_completed_by_the_next(
    registry: Registry,
    upload: RegistryUpload,
    make_model: MakeModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("components.cloud.vertex._POLL_SECONDS", 0.0)
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    model = make_model()
    registry.faults = [(403, error(403, "denied"))]
    with pytest.raises(UserError, match="HTTP 403, denied"):
        do(model, "gs://bucket/serving", tmp_path / "archive-1", upload)
    [version] = (tmp_path / "storage/bucket/serving").iterdir()
    assert registry.versions == {}

    pushed = do(model, "gs://bucket/serving", tmp_path / "archive-2", upload)
    assert [each.name for each in (tmp_path / "storage/bucket/serving").iterdir()] == [version.name]
    assert pushed.get_string_custom_property("pushed_destination") == f"gs://bucket/serving/{version.name}"
    [registered] = registry.versions["orders"]
    assert registered.artifact_uri == f"gs://bucket/serving/{version.name}"

    do(model, "gs://bucket/serving", tmp_path / "archive-3", upload)
    assert len(registry.versions["orders"]) == 1


def test_a_serving_folder_that_the_registry_cannot_read_is_refused_before_the_push(
    registry: Registry, upload: RegistryUpload, make_model: MakeModel, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"expected a push to Google Cloud Storage, received .*\n.*push_directory"):
        do(make_model(), str(tmp_path / "serving"), tmp_path / "archive", upload)
    assert not (tmp_path / "serving").exists()
    assert registry.asked == []
