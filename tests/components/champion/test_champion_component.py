"""The lookup and the push as Kubeflow and Vertex compile them."""

import pytest
from support.kubeflow import Compiled, compiled_job, parameters
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.types.channel_utils import as_channel

from components.champion.component import ChampionLookup
from components.pusher.component import Pusher


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("compiled")
    lookup = ChampionLookup(source="gs://bucket/serving", code_fingerprint="f00").with_id("Champion")
    pusher = Pusher(
        model=lookup.outputs["model"],
        statistics=lookup.outputs["baseline_statistics"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory="gs://bucket/serving")
        ),
        registry="",
        code_fingerprint="f01",
    )
    return compiled_job(Pipeline("orders", str(folder), components=[lookup, pusher]), folder)


def test_every_parameter_is_a_string(compiled: Compiled) -> None:
    assert parameters(compiled, "Champion") == {
        "source": "gs://bucket/serving",
        "project": "",
        "region": "",
        "api_endpoint": "",
        "code_fingerprint": "f00",
    }
    pushed = parameters(compiled, "Pusher")
    assert (pushed["registry"], pushed["code_fingerprint"]) == ("", "f01")
    assert "gs://bucket/serving" in pushed["push_destination"]


def test_the_outputs_are_the_types_that_a_resolver_gives(compiled: Compiled) -> None:
    outputs = compiled["components"]["Champion"]["outputDefinitions"]["artifacts"]
    types = {name: each["artifactType"]["instanceSchema"].splitlines()[0] for name, each in outputs.items()}
    assert types == {"model": "title: tfx.Model", "baseline_statistics": "title: tfx.ExampleStatistics"}


@pytest.mark.parametrize(("step", "executor"), [("Champion", "champion"), ("Pusher", "pusher")])
def test_the_container_runs_our_executor(compiled: Compiled, step: str, executor: str) -> None:
    label = compiled["components"][step]["executorLabel"]
    args = compiled["deploymentSpec"]["executors"][label]["container"]["args"]
    assert f"components.{executor}.executor.Executor" in args


def test_statistics_may_be_left_out() -> None:
    pusher = Pusher(
        model=as_channel([standard_artifacts.Model()]),
        push_destination=pusher_pb2.PushDestination(),
        code_fingerprint="f00",
    )
    assert set(pusher.inputs) == {"model"}
