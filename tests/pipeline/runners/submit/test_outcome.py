"""How a run ended, from what a service says about its steps."""

from typing import Any

import pytest
from support.toy_compiled import STEPS

from pipeline.runners.submit.kubeflow import status as kubeflow
from pipeline.runners.submit.outcome import Outcome, decide
from pipeline.runners.submit.times import seconds_between
from pipeline.runners.submit.vertex import status as vertex

LINK = "https://host/run"
DONE = dict.fromkeys(STEPS, "SUCCEEDED")


def on_kubeflow(state: str, tasks: dict[str, str], **more: Any) -> Outcome:
    details = [{"display_name": name, "state": each} for name, each in tasks.items()]
    run = {"run_id": "r", "state": state, "run_details": {"task_details": details}} | more
    return decide(kubeflow.read(run), STEPS, LINK)


def on_vertex(state: str, tasks: dict[str, str], **details: Any) -> Outcome:
    found = [{"taskName": name, "state": each} | details.get(name, {}) for name, each in tasks.items()]
    return decide(vertex.read({"state": f"PIPELINE_STATE_{state}", "jobDetail": {"taskDetails": found}}), STEPS, LINK)


def gives(output: str, **metadata: Any) -> dict[str, Any]:
    """Outputs of a task on Vertex: JSON has no whole numbers."""
    return {"outputs": {output: {"artifacts": [{"uri": "gs://b/x", "metadata": metadata}]}}}


def test_pushed() -> None:
    assert on_kubeflow("SUCCEEDED", DONE) == Outcome("pushed", "")
    destination = gives("pushed_model", pushed_destination="gs://bucket/serving/1")
    assert on_vertex("SUCCEEDED", DONE, Pusher=destination) == Outcome("pushed", "gs://bucket/serving/1")


def test_refused_by_an_earlier_rollback() -> None:
    outcome = on_vertex(
        "SUCCEEDED", DONE, Pusher=gives("pushed_model", pushed=0.0, withdrawn="version 7 was withdrawn")
    )
    assert outcome == Outcome("refused", "Pusher: version 7 was withdrawn")


def test_refused_by_the_data_gate() -> None:
    tasks = DONE | {"DataStop": "FAILED", "Trainer": "", "Evaluator": "", "SmokeTest": "", "Pusher": ""}
    outcome = on_kubeflow("FAILED", tasks)
    assert outcome.state == "refused"
    assert outcome.reason == f"DataGate: it refused the data, or DataStop itself failed; see their logs at {LINK}"
    outcome = on_vertex("FAILED", tasks | {"Pusher": "NOT_TRIGGERED"}, DataGate=gives("verdict", blessed=0.0))
    assert outcome == Outcome("refused", f"DataGate: it refuses the data; see its report at {LINK}")


def test_a_stop_that_fails_though_the_gate_said_yes_is_a_failure() -> None:
    outcome = on_vertex(
        "FAILED",
        {"DataGate": "SUCCEEDED", "DataStop": "FAILED"},
        DataGate=gives("verdict", blessed=1.0),
        DataStop={"error": {"code": 9, "message": "out of\nmemory"}},
    )
    assert outcome == Outcome("failed", f"DataStop: out of memory; see the logs at {LINK}")


def test_a_data_gate_that_fails_is_a_failure() -> None:
    assert on_kubeflow("FAILED", {"ExampleGen": "SUCCEEDED", "DataGate": "FAILED"}).state == "failed"


def test_refused_before_the_push() -> None:
    outcome = on_kubeflow("SUCCEEDED", DONE | {"Pusher": "SKIPPED"})
    assert outcome == Outcome("refused", f"Evaluator or SmokeTest did not bless the model; see their logs at {LINK}")


@pytest.mark.parametrize("state", ["NOT_TRIGGERED", "SKIPPED"])
@pytest.mark.parametrize(
    ("evaluator", "smoke_test", "words"),
    [
        (0.0, 1.0, "Evaluator: not blessed; see"),
        (1.0, 0.0, "SmokeTest: not blessed; see"),
        (0.0, 0.0, "Evaluator: not blessed; SmokeTest: not blessed; see"),
    ],
)
def test_vertex_says_which_gate_refused(state: str, evaluator: float, smoke_test: float, words: str) -> None:
    blessings = {
        "Evaluator": gives("blessing", blessed=evaluator),
        "SmokeTest": gives("blessing", blessed=smoke_test, current_model_id=7.0),
    }
    outcome = on_vertex("SUCCEEDED", DONE | {"Pusher": state}, **blessings)
    assert outcome.state == "refused"
    assert outcome.reason.startswith(words)


def test_a_step_from_vertexs_cache_is_done() -> None:
    run = vertex.read({"jobDetail": {"taskDetails": [{"taskName": "Trainer", "state": "SKIPPED"} | gives("model")]}})
    assert run.tasks["Trainer"].state == "cached"


def test_failed() -> None:
    outcome = on_vertex(
        "FAILED",
        DONE | {"Trainer": "FAILED", "Evaluator": "NOT_TRIGGERED", "Pusher": "NOT_TRIGGERED"},
        Trainer={"error": {"message": "The replica exited with code 137"}},
    )
    assert outcome == Outcome("failed", f"Trainer: The replica exited with code 137; see the logs at {LINK}")
    outcome = on_kubeflow("FAILED", {"Trainer": "FAILED", "executor": "FAILED", "root": "FAILED"})
    assert outcome == Outcome("failed", f"Trainer: failed; see the logs at {LINK}")


def test_a_driver_that_fails_on_kubeflow() -> None:
    outcome = on_kubeflow("FAILED", {"Trainer-driver": "FAILED", "Trainer": ""})
    assert outcome.reason.startswith("Trainer: its driver failed")
    assert on_kubeflow("FAILED", {"Trainer": "", "Trainer-driver": "FAILED"}) == outcome


def test_a_failure_without_a_failed_step() -> None:
    assert "names no failed step" in on_kubeflow("FAILED", {}).reason
    assert "quota" in on_kubeflow("FAILED", {}, error={"code": 8, "message": "quota exceeded"}).reason


def test_an_exit_handler_that_fails_after_the_push() -> None:
    outcome = on_vertex(
        "FAILED", DONE | {"FinalState": "FAILED"}, Pusher=gives("pushed_model", pushed_destination="gs://bucket/1")
    )
    assert outcome.state == "failed"
    assert outcome.reason == f"FinalState: failed; but the model was pushed: gs://bucket/1; see the logs at {LINK}"


def test_a_success_that_says_nothing_of_the_push_is_none() -> None:
    outcome = on_kubeflow("SUCCEEDED", {})
    assert outcome.state == "failed"
    assert "not known" in outcome.reason


@pytest.mark.parametrize(("state", "end"), [("CANCELED", "cancelled"), ("PAUSED", "paused")])
def test_other_ends_on_kubeflow(state: str, end: str) -> None:
    assert on_kubeflow(state, {"Trainer": "RUNNING"}).state == end


@pytest.mark.parametrize("state", ["CANCELLED", "PAUSED"])
def test_other_ends_on_vertex(state: str) -> None:
    assert on_vertex(state, {"Trainer": "CANCELLED"}).state == state.lower()


def test_a_run_that_kubeflow_terminated_ends_as_failed() -> None:
    history = [{"state": "RUNNING"}, {"state": "CANCELING"}, {"state": "FAILED"}]
    assert on_kubeflow("FAILED", {"Trainer": "FAILED"}, state_history=history).state == "cancelled"


def test_unknown_states_are_running_and_named() -> None:
    run = kubeflow.read(
        {"state": "HIBERNATING", "run_details": {"task_details": [{"display_name": "a", "state": "NEW"}]}}
    )
    assert (run.state, run.tasks["a"].state, run.unknown) == ("running", "running", ("HIBERNATING", "NEW"))
    run = vertex.read({"state": "PIPELINE_STATE_NEW", "jobDetail": {"taskDetails": [{"taskName": "a", "state": "X"}]}})
    assert (run.state, run.tasks["a"].state, run.unknown) == ("running", "running", ("PIPELINE_STATE_NEW", "X"))


def test_a_run_without_details_is_running() -> None:
    assert kubeflow.read({"run_id": "r", "run_details": None}).state == "running"
    assert vertex.read({"name": "n"}).state == "running"


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:01:30.500000Z", 90.5),
        ("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:01.123456789Z", 1),
        ("1970-01-01T00:00:00Z", "2026-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00Z", "", 0),
        ("", "", 0),
    ],
)
def test_seconds(start: str, end: str, seconds: float) -> None:
    assert seconds_between(start, end) == pytest.approx(seconds)
