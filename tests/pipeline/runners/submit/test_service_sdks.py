"""The local servers against the services' own clients: these get along with them, and ask for the same as we do."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform import initializer
from google.protobuf import json_format
from kfp.client import Client
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec
from support.kubeflow_server import KubeflowServer
from support.places import SCHEDULE
from support.rest_server import Answers
from support.toy_compiled import toy
from support.vertex_server import STORE, VertexServer

from components.cloud.http import Patience
from pipeline.config.targets import KubeflowTarget, VertexTarget
from pipeline.runners.compile.compiled import Compiled
from pipeline.runners.submit.options import Options
from pipeline.runners.submit.submission import submit

QUICK = Patience(sleep=lambda _: None)
BEARER = "not-a-real-token"


pytestmark = pytest.mark.filterwarnings("ignore:This client only works with Kubeflow Pipeline")


@pytest.fixture
def kubeflow() -> Iterator[KubeflowServer]:
    with KubeflowServer() as server:
        server.accepts = BEARER
        yield server


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexServer]:
    with VertexServer() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", BEARER)
        # A configuration of its own: the SDK's is the whole process's.
        config = initializer._Config()
        config.init(
            project="my-project",
            location="europe-west4",
            api_endpoint=server.url,
            api_transport="rest",
            credentials=AnonymousCredentials(),
        )
        monkeypatch.setattr(initializer, "global_config", config)
        yield server


@pytest.fixture
def compiled() -> Compiled:
    return toy(platforms=True)


def written(compiled: Compiled, folder: Path) -> str:
    file = folder / "pipeline.yaml"
    file.write_text(compiled.text())
    return str(file)


def normal(body: Any) -> Any:
    """A body with its pipeline as the client's protobuf messages write it, which leave out what is empty."""
    if "pipeline_spec" not in body:
        return body
    spec = body["pipeline_spec"]
    pipeline, platforms = PipelineSpec(), PlatformSpec()
    json_format.ParseDict(spec["pipeline_spec"], pipeline)
    json_format.ParseDict(spec["platform_spec"], platforms)
    both = [json_format.MessageToDict(each) for each in (pipeline, platforms)]
    return body | {"pipeline_spec": both}


def test_kubeflows_client_sends_what_we_send(kubeflow: KubeflowServer, compiled: Compiled, tmp_path: Path) -> None:
    client = Client(host=kubeflow.url, existing_token=BEARER, namespace="team-a")
    file = written(compiled, tmp_path)
    experiment = client.create_experiment("weekly", namespace="team-a")
    assert client.create_experiment("weekly", namespace="team-a").experiment_id == experiment.experiment_id
    parameters = compiled.parameters
    settings = {"params": parameters, "pipeline_root": "minio://bucket/root", "service_account": "runner"}
    run = client.run_pipeline(experiment.experiment_id, "first", file, **settings)
    client.create_recurring_run(
        experiment.experiment_id,
        "penguins",
        cron_expression="0 0 3 * * 1",
        max_concurrency=2,
        no_catchup=True,
        pipeline_package_path=file,
        **settings,
    )
    assert client.get_run(run.run_id).display_name == "first"
    theirs = [each for each in kubeflow.received if each.method == "POST"]
    kubeflow.received.clear()
    kubeflow.experiments.clear()
    kubeflow.runs.clear()

    target = KubeflowTarget.model_validate(
        {
            "host": kubeflow.url,
            "namespace": "team-a",
            "experiment": "weekly",
            "service_account": "runner",
            "root": "minio://bucket/root",
            "image": "i",
            "schedule": SCHEDULE,
        },
        strict=False,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEFLOW_TOKEN", BEARER)
        submit(target, compiled, Options(run_name="first"), QUICK)
        kubeflow.recurring.clear()
        submit(target, compiled, Options(schedule=True), QUICK)
    ours = [each for each in kubeflow.received if each.method == "POST"]
    assert [(each.path, normal(each.body)) for each in ours] == [(each.path, normal(each.body)) for each in theirs]


def test_kubeflows_client_waits_for_a_run(kubeflow: KubeflowServer, compiled: Compiled, tmp_path: Path) -> None:
    client = Client(host=kubeflow.url, existing_token=BEARER)
    experiment = client.create_experiment("weekly")
    run = client.run_pipeline(experiment.experiment_id, "first", written(compiled, tmp_path))
    details = {"run_details": {"task_details": [{"display_name": "Trainer", "state": "SUCCEEDED"}]}}
    kubeflow.progress = Answers({"state": "RUNNING"}, {"state": "SUCCEEDED"} | details)
    found = client.wait_for_run_completion(run.run_id, timeout=30, sleep_duration=0)
    assert found.run_details.task_details[0].display_name == "Trainer"


def test_googles_client_sends_what_we_send(vertex: VertexServer, tmp_path: Path) -> None:
    compiled = toy(exit_handler=True)
    key = "projects/my-project/locations/europe-west4/keyRings/ring/cryptoKeys/key"
    job = aiplatform.PipelineJob(
        display_name="first",
        job_id="first",
        template_path=written(compiled, tmp_path),
        pipeline_root="gs://bucket/root",
        parameter_values=compiled.parameters,
        labels={"team": "birds"},
        encryption_spec_key_name=key,
    )
    job.submit(service_account="runner@example.com", network="projects/1/global/networks/n", experiment="weekly")
    job.create_schedule(
        cron="0 3 * * 1",
        display_name="penguins",
        max_concurrent_run_count=2,
        service_account="runner@example.com",
        network="projects/1/global/networks/n",
    )
    assert vertex.children == {f"{STORE}/contexts/weekly": [f"{STORE}/contexts/first"]}
    theirs = sent(vertex)
    for kept in (vertex.received, vertex.jobs, vertex.schedules, vertex.contexts, vertex.children):
        kept.clear()
    vertex.scheduled = itertools.count(1)

    target = VertexTarget.model_validate(
        {
            "project": "my-project",
            "region": "europe-west4",
            "api_endpoint": vertex.url,
            "root": "gs://bucket/root",
            "image": "i",
            "experiment": "weekly",
            "labels": {"team": "birds"},
            "service_account": "runner@example.com",
            "network": "projects/1/global/networks/n",
            "encryption_key": key,
            "schedule": SCHEDULE,
        },
        strict=False,
    )
    submit(target, compiled, Options(run_name="first"), QUICK)
    submit(target, compiled, Options(schedule=True), QUICK)
    assert sent(vertex) == theirs


def sent(vertex: VertexServer) -> list[tuple[str, Any]]:
    """What was made, as the server understood it: the SDK writes some fields in another way."""
    posts = [each.call for each in vertex.received if each.method == "POST" and each.path.startswith("/v1/")]
    made = [*vertex.jobs.values(), *vertex.schedules.values(), *vertex.contexts.values()]
    return [*[(call, None) for call in posts], *[("made", each) for each in made]]
