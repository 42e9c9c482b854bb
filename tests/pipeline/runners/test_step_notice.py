"""What steps of a compiled pipeline tell the webhook, and how they come to know of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.compiled_pipelines import compiled, loaded
from support.rest_server import RestServer

from components.cloud.notify_config import NotifyConfig
from components.final_state.executor import final_state
from pipeline.nodes.run_report import RUN_NAME
from pipeline.preflight.target_check import target_problems
from pipeline.runners.compile.compiled import EXIT_HANDLER, Compiled
from pipeline.runners.container_entrypoint import prepare
from pipeline.runners.step_notice import StepNotice, tell_end, tell_push, tell_refusal

NOTICE = StepNotice(config=NotifyConfig(url_env="HOOK", tries=1), pipeline="penguins", runner="kubeflow")
SECRET = "{secret: hook, env: {HOOK: url}, components: [DataStop, Report, Pusher]}"  # noqa: S105
NOTIFY = "notify={url_env: HOOK}"
ON = {
    "kubeflow": (NOTIFY, f"targets.kubeflow.secrets=[{SECRET}]"),
    "vertex": (NOTIFY, "targets.vertex.secrets={HOOK: projects/p/secrets/hook/versions/latest}"),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestServer]:
    with RestServer() as server:
        monkeypatch.setenv("HOOK", f"{server.url}/hook")
        yield server


def bodies(server: RestServer) -> list[dict[str, Any]]:
    """What it was told, but for the time."""
    return [{name: each for name, each in body.items() if name != "time"} for body in server.bodies("POST /hook")]


def expected(**fields: Any) -> dict[str, Any]:
    common = {"lockgate": "notification", "version": 1, "pipeline": "penguins", "runner": "kubeflow", "run": "p-7"}
    rest = {"reason": "", "gates": [], "metrics": {}, "pushed_version": None}
    return common | rest | fields | {"id": f"penguins/p-7/{fields['event']}"}


def pushed(**metadata: Any) -> dict[str, Any]:
    """An ExecutorOutput of Pusher."""
    return {"artifacts": {"pushed_model": {"artifacts": [{"name": "m", "uri": "gs://b/m", "metadata": metadata}]}}}


def test_a_push_is_told_with_its_version(server: RestServer) -> None:
    done = pushed(pushed=1.0, pushed_destination="/mnt/serving/1772366400", pushed_version="1772366400")
    tell_push(NOTICE, {"run": "p-7"}, done)
    assert bodies(server) == [expected(event="pushed", pushed_version="1772366400")]


@pytest.mark.parametrize("report", [pushed(pushed=0.0), pushed(), {}, {"artifacts": {"pushed_model": {}}}])
def test_of_what_was_not_pushed_nothing_is_told(server: RestServer, report: dict[str, Any]) -> None:
    tell_push(NOTICE, {"run": "p-7"}, report)
    assert server.received == []


def test_a_model_that_a_rollback_withdrew_is_told_as_refused(server: RestServer) -> None:
    tell_push(NOTICE, {"run": "p-7"}, pushed(pushed=0.0, withdrawn="this model is version 7"))
    gate = {"name": "Pusher", "passed": False, "reason": "this model is version 7"}
    assert bodies(server) == [expected(event="refused", reason="Pusher: this model is version 7", gates=[gate])]


def test_the_data_gates_refusal_is_told(server: RestServer) -> None:
    tell_refusal(NOTICE, {"run": "p-7"}, "DataGate: island: drift: too far: 0.5")
    gate = {"name": "DataGate", "passed": False, "reason": "island: drift: too far: 0.5"}
    reason = "DataGate: island: drift: too far: 0.5"
    assert bodies(server) == [expected(event="refused", reason=reason, gates=[gate])]


def test_a_failure_is_told_and_a_refusal_not_twice(server: RestServer) -> None:
    def end(state: str, failed: str) -> None:
        message = f"The DAG failed because some tasks failed. The failed tasks are: [{failed}]."
        status = {"state": state, "pipelineJobName": "p-7", "error": {"message": message}}
        tell_end(NOTICE, final_state("penguins", json.dumps(status)), "DataStop")

    for state in ("SUCCEEDED", "CANCELLED"):
        end(state, "Trainer")
    end("FAILED", "DataStop")
    assert server.received == []
    end("FAILED", "Trainer")
    [body] = bodies(server)
    assert (body["event"], body["run"]) == ("failed", "p-7")
    assert "[Trainer]" in body["reason"]


def test_a_webhook_that_is_not_there_fails_no_step(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    tell_refusal(NOTICE, {}, "DataGate: x")
    assert caplog.messages == ["the webhook was not told: HOOK is not set"]


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_the_steps_know_the_webhook_and_the_runs_name(target: Any) -> None:
    pipeline = compiled("penguins", target, *ON[target])
    executors = pipeline.spec["deploymentSpec"]["executors"]
    told = {}
    for name, component in pipeline.spec["components"].items():
        arguments = executors.get(component.get("executorLabel"), {}).get("container", {}).get("args", [])
        for argument in arguments:
            if argument.startswith("--notify="):
                told[name] = StepNotice.from_json(argument.partition("=")[2])
    assert set(told) == {"DataStop", "Pusher"} | ({EXIT_HANDLER} if target == "vertex" else set())
    assert {(each.pipeline, each.runner, each.config.url_env) for each in told.values()} == {
        ("penguins", target, "HOOK")
    }
    for name in ("DataStop", "Pusher"):
        assert pipeline.tasks[name]["inputs"]["parameters"]["run"] == {"runtimeValue": {"constant": RUN_NAME}}

    job = prepare({"inputs": _inputs(pipeline, "Report"), "outputs": {}}, None, {})["inputs"]["parameterValues"]
    config = json.loads(job["job"])["given"]["config"]
    assert config["notify"]["url_env"] == "HOOK"
    assert config["targets"][target] is not None


def _inputs(pipeline: Compiled, step: str) -> dict[str, Any]:
    """The constants that a step is given."""
    given = pipeline.tasks[step]["inputs"]["parameters"]
    return {"parameterValues": {name: each["runtimeValue"]["constant"] for name, each in given.items()}}


def test_a_pipeline_without_a_webhook_is_compiled_as_before() -> None:
    assert "--notify" not in compiled("penguins", "vertex").text()


def problems(target: Any, *overrides: str) -> list[str]:
    return [str(problem) for problem in target_problems(loaded("penguins", *overrides), target)]


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_secrets_that_the_steps_lack_are_a_problem(target: Any) -> None:
    assert problems(target, *ON[target]) == []
    [problem] = problems(target, NOTIFY)
    assert "notify.url_env" in problem
    assert "does not give this variable to DataStop, Report, Pusher" in problem
    assert "--set notify=null" in problem
    [problem] = problems(target, *ON[target], "notify.token_env=TOKEN")
    assert "notify.token_env" in problem


def test_a_secret_for_one_step_alone_is_not_enough() -> None:
    [problem] = problems(
        "kubeflow", NOTIFY, "targets.kubeflow.secrets=[{secret: s, env: {HOOK: k}, components: [Pusher]}]"
    )
    assert "does not give this variable to DataStop, Report, which" in problem
