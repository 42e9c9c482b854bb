"""Vertex's Trainer and Pusher: as they are compiled, and as far as their executors go without Google's servers."""

import copy
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform import initializer
from google.cloud.aiplatform_v1.types import CustomJob
from support.kubeflow import Compiled, compiled_job, parameters
from support.vertex_endpoints import VertexEndpoints
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.io import filesystem_registry
from tfx.extensions.google_cloud_ai_platform import training_clients
from tfx.extensions.google_cloud_ai_platform.pusher import executor as pusher_executor
from tfx.extensions.google_cloud_ai_platform.trainer import executor as trainer_executor
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2
from tfx.scripts import run_executor
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact

from pipeline.config.targets import VertexTarget
from pipeline.nodes.vertex import vertex_pusher, vertex_trainer

pytestmark = pytest.mark.slow

KEY = "projects/p/locations/europe-west4/keyRings/k/cryptoKeys/n"
NETWORK = "projects/123/global/networks/default"
ACCOUNT = "trainer@p.iam.gserviceaccount.com"
TARGET: dict[str, Any] = {
    "root": "gs://bucket/root",
    "image": f"registry.example/lockgate@sha256:{'a' * 64}",
    "project": "p",
    "region": "europe-west4",
    "service_account": ACCOUNT,
    "network": NETWORK,
    "labels": {"team": "birds"},
    "trainer": {"accelerator": {"type": "NVIDIA_TESLA_T4", "count": 2}},
    "endpoint": {"name": "penguins", "max_replicas": 3, "serving_image": "serving"},
}
OWN = {"job": '{"epochs": 3}', "code_fingerprint": "abc"}


def target(**changes: Any) -> VertexTarget:
    return VertexTarget.model_validate_json(json.dumps(TARGET | changes))


def trainer(for_target: VertexTarget, image: str = "image-of-the-step") -> Any:
    examples = Importer("gs://bucket/examples", standard_artifacts.Examples).with_id("Examples")
    graph = Importer("gs://bucket/graph", standard_artifacts.TransformGraph).with_id("Graph")
    node = vertex_trainer(
        for_target,
        image,
        run_fn="own_training_of_vertex_tests.run_fn",
        examples=examples.outputs["result"],
        transform_graph=graph.outputs["result"],
        base_model=None,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
        custom_config=dict(OWN),
    )
    return [examples, graph, node]


def pusher(for_target: VertexTarget) -> Any:
    kinds = {
        "model": standard_artifacts.Model,
        "model_blessing": standard_artifacts.ModelBlessing,
        "infra_blessing": standard_artifacts.InfraBlessing,
    }
    importers = {name: Importer(f"gs://bucket/{name}", kind).with_id(name) for name, kind in kinds.items()}
    node = vertex_pusher(for_target, **{name: each.outputs["result"] for name, each in importers.items()})
    return [*importers.values(), node]


def compiled(components: list[Any], folder: Path) -> Compiled:
    folder.mkdir(exist_ok=True)
    return compiled_job(Pipeline("penguins", "gs://bucket/root", components=components), folder)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return compiled([*trainer(target()), *pusher(target())], tmp_path_factory.mktemp("compiled"))


@pytest.mark.parametrize(
    ("step", "executor"),
    [
        ("Trainer", "tfx.extensions.google_cloud_ai_platform.trainer.executor.GenericExecutor"),
        ("Pusher", "tfx.extensions.google_cloud_ai_platform.pusher.executor.Executor"),
    ],
)
def test_the_nodes_have_their_usual_names_and_vertexs_executors(spec: Compiled, step: str, executor: str) -> None:
    component = spec["components"][step]
    arguments = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]["args"]
    assert arguments[arguments.index("--executor_class_path") + 1] == executor


def test_the_push_waits_for_both_blessings(spec: Compiled) -> None:
    assert set(spec["components"]["Pusher"]["inputDefinitions"]["artifacts"]) == {
        "model",
        "model_blessing",
        "infra_blessing",
    }


def test_the_same_configuration_compiles_to_the_same_text(spec: Compiled, tmp_path: Path) -> None:
    again = compiled([*trainer(target()), *pusher(target())], tmp_path)
    assert json.dumps(again) == json.dumps(spec)


class Stopped(Exception):  # noqa: N818 - the end of what can be run here
    """Raised in place of the call to Google."""


@pytest.fixture
def job_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Compiled], tuple[str, str, dict[str, Any]]]:
    """Runs the Trainer's executor on the compiled parameters up to its one call: endpoint, project and job."""
    credentials = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "t"}
    (tmp_path / "credentials.json").write_text(json.dumps(credentials))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credentials.json"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    called: list[tuple[str, str, dict[str, Any]]] = []

    def launch(client: Any, project: str, job: dict[str, Any]) -> None:
        called.append((client._client.api_endpoint, project, copy.deepcopy(job)))
        raise Stopped

    monkeypatch.setattr(training_clients.VertexJobClient, "launch_job", launch)

    def get(spec: Compiled) -> tuple[str, str, dict[str, Any]]:
        examples, graph = standard_artifacts.Examples(), standard_artifacts.TransformGraph()
        examples.uri, graph.uri, examples.split_names = "gs://bucket/examples", "gs://bucket/graph", '["train", "eval"]'
        model, run = standard_artifacts.Model(), standard_artifacts.ModelRun()
        model.uri, run.uri = str(tmp_path / "model"), str(tmp_path / "model_run")
        with pytest.raises(Stopped):
            trainer_executor.GenericExecutor().Do(
                {"examples": [examples], "transform_graph": [graph]},
                {"model": [model], "model_run": [run]},
                parameters(spec, "Trainer"),
            )
        return called[-1]

    return get


JobOf = Callable[[Compiled], tuple[str, str, dict[str, Any]]]


def test_the_custom_job_is_what_the_target_says(spec: Compiled, job_of: JobOf) -> None:
    endpoint, project, body = job_of(spec)
    assert endpoint == "europe-west4-aiplatform.googleapis.com"
    assert project == "p"
    job = CustomJob(body)  # raises for a field that it does not know
    [pool] = job.job_spec.worker_pool_specs
    assert pool.replica_count == 1
    assert pool.machine_spec.machine_type == "n1-standard-8"
    assert (pool.machine_spec.accelerator_type.name, pool.machine_spec.accelerator_count) == ("NVIDIA_TESLA_T4", 2)
    assert pool.container_spec.image_uri == "image-of-the-step"
    assert list(pool.container_spec.command[:3]) == ["python", "-m", "tfx.scripts.run_executor"]
    assert pool.disk_spec.boot_disk_size_gb == 100
    assert job.job_spec.scheduling.timeout.total_seconds() == 86_400
    assert (job.job_spec.service_account, job.job_spec.network) == (ACCOUNT, NETWORK)
    assert job.labels["team"] == "birds"
    assert job.encryption_spec.kms_key_name == ""


def test_several_machines_are_a_chief_and_a_pool_of_workers(tmp_path: Path, job_of: JobOf) -> None:
    settings = {"machine_type": "n1-standard-4", "replicas": 4, "accelerator": {"type": "NVIDIA_L4"}}
    _, _, body = job_of(compiled(trainer(target(trainer=settings)), tmp_path / "compiled"))
    chief, workers = CustomJob(body).job_spec.worker_pool_specs
    # Vertex takes one machine in the first pool.
    assert (chief.replica_count, workers.replica_count) == (1, 3)
    assert chief.machine_spec == workers.machine_spec
    assert (workers.machine_spec.machine_type, workers.machine_spec.accelerator_count) == ("n1-standard-4", 1)
    assert chief.container_spec == workers.container_spec
    assert chief.container_spec.command[2] == "tfx.scripts.run_executor"


def test_a_machine_without_accelerator_an_own_image_and_a_key(tmp_path: Path, job_of: JobOf) -> None:
    settings = {"machine_type": "e2-standard-4", "image": "gpu-variant", "boot_disk_gb": 200, "timeout_seconds": 60}
    chosen = target(trainer=settings, endpoint=None, encryption_key=KEY, service_account=None, network=None, labels={})
    _, _, body = job_of(compiled(trainer(chosen), tmp_path / "compiled"))
    job = CustomJob(body)
    [pool] = job.job_spec.worker_pool_specs
    assert pool.machine_spec.accelerator_count == 0
    assert (pool.machine_spec.machine_type, pool.disk_spec.boot_disk_size_gb) == ("e2-standard-4", 200)
    assert pool.container_spec.image_uri == "gpu-variant"
    assert job.job_spec.scheduling.timeout.total_seconds() == 60
    assert (job.job_spec.service_account, job.job_spec.network) == ("", "")
    assert job.encryption_spec.kms_key_name == KEY


def test_the_jobs_command_calls_run_fn_with_our_settings_as_a_dictionary(
    spec: Compiled, job_of: JobOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_training_of_vertex_tests.py").write_text(
        "import json, pathlib\n"
        "def run_fn(fn_args):\n"
        "    folder = pathlib.Path(fn_args.serving_model_dir)\n"
        "    folder.mkdir(parents=True)\n"
        "    seen = {'custom_config': fn_args.custom_config, 'train_files': fn_args.train_files}\n"
        "    (folder / 'seen.json').write_text(json.dumps(seen))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    _, _, body = job_of(spec)
    program, *arguments = body["job_spec"]["worker_pool_specs"][0]["container_spec"]["command"][2:]
    assert program == run_executor.__name__
    run_executor.main(run_executor.parse_flags(["program", *arguments]))
    sys.modules.pop("own_training_of_vertex_tests")
    seen = json.loads((tmp_path / "model" / "Format-Serving" / "seen.json").read_text())
    assert OWN.items() <= seen["custom_config"].items()
    assert seen["train_files"] == ["gs://bucket/examples/Split-train/*"]


@pytest.fixture
def vertex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexEndpoints]:
    """A local server that speaks Vertex's REST, where Google's SDK sends its requests; a folder for the bucket."""

    class Bucket:
        """What TFX's copy needs of a file system."""

        @staticmethod
        def _path(url: str) -> Path:
            return tmp_path / "store" / url.removeprefix("gs://")

        @classmethod
        def exists(cls, url: str) -> bool:
            return cls._path(url).exists()

        @classmethod
        def isdir(cls, url: str) -> bool:
            return cls._path(url).is_dir()

        @classmethod
        def makedirs(cls, url: str) -> None:
            cls._path(url).mkdir(parents=True, exist_ok=True)

        @classmethod
        def open(cls, url: str, mode: str = "r") -> Any:
            return cls._path(url).open(mode)

    registry = filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY
    monkeypatch.setitem(registry._preferred_filesystem_by_scheme, "gs://", Bucket)
    settings = dict(vars(initializer.global_config))
    with VertexEndpoints("projects/p/locations/europe-west4") as server:
        aiplatform.init(api_endpoint=server.address, api_transport="rest", credentials=AnonymousCredentials())
        yield server
    vars(initializer.global_config).clear()
    vars(initializer.global_config).update(settings)


def push(spec: Compiled, folder: Path, blessings: tuple[int, int]) -> Artifact:
    """Runs the Pusher's executor on the compiled parameters; what it says about the push."""
    (folder / "model" / "Format-Serving").mkdir(parents=True)
    (folder / "model" / "Format-Serving" / "saved_model.pb").write_bytes(b"model")
    model, pushed = standard_artifacts.Model(), standard_artifacts.PushedModel()
    model.uri, pushed.uri = str(folder / "model"), "gs://bucket/pushed"
    by_evaluator, by_smoke_test = standard_artifacts.ModelBlessing(), standard_artifacts.InfraBlessing()
    by_evaluator.set_int_custom_property("blessed", blessings[0])
    by_smoke_test.set_int_custom_property("blessed", blessings[1])
    pusher_executor.Executor().Do(
        {"model": [model], "model_blessing": [by_evaluator], "infra_blessing": [by_smoke_test]},
        {"pushed_model": [pushed]},
        parameters(spec, "Pusher"),
    )
    return pushed


@pytest.mark.parametrize("blessings", [(0, 1), (1, 0), (0, 0)])
def test_a_model_that_a_gate_refuses_is_not_deployed(
    spec: Compiled, tmp_path: Path, vertex: VertexEndpoints, blessings: tuple[int, int]
) -> None:
    pushed = push(spec, tmp_path, blessings)
    assert pushed.get_int_custom_property("pushed") == 0
    assert vertex.requests == []
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_model_that_both_gates_bless_is_deployed(
    spec: Compiled, tmp_path: Path, vertex: VertexEndpoints, there: bool
) -> None:
    if there:
        vertex.endpoint = {"displayName": "penguins"}
    pushed = push(spec, tmp_path, (1, 1))
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == f"{vertex.parent}/models/9"
    assert (tmp_path / "store" / "bucket" / "pushed" / "saved_model.pb").read_bytes() == b"model"
    made = ["endpoints"] if not there else []
    assert vertex.posts == [*made, "models:upload", "endpoints/7:deployModel"]
    if not there:
        endpoint = vertex.body("endpoints")
        assert endpoint["displayName"] == "penguins"
        assert endpoint["labels"]["team"] == "birds"
    uploaded = vertex.body("models:upload")["model"]
    assert uploaded["artifactUri"] == "gs://bucket/pushed"
    assert uploaded["containerSpec"]["imageUri"] == "serving"
    deployed = vertex.body("endpoints/7:deployModel")
    assert deployed["trafficSplit"] == {"0": 100}
    assert deployed["deployedModel"]["serviceAccount"] == ACCOUNT
    resources = deployed["deployedModel"]["dedicatedResources"]
    assert resources["machineSpec"]["machineType"] == "n1-standard-2"
    assert (resources["minReplicaCount"], resources["maxReplicaCount"]) == (1, 3)
