"""Answers that are JSON, but not what the services' APIs give: one message and where to look, never a stack trace."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.places import PLACES, Place, kubeflow
from support.rest_server import Answers, Reply

from components.cloud.http import Patience
from pipeline.runners.submit.follow import follow
from pipeline.runners.submit.kubeflow import status as kubeflow_status
from pipeline.runners.submit.options import Options
from pipeline.runners.submit.outcome import Outcome, RunStatus, TaskStatus
from pipeline.runners.submit.submission import submit
from pipeline.runners.submit.vertex import status as vertex_status
from preprocessing.errors import UserError

QUICK = Patience(sleep=lambda _: None)
ONE = Options(run_name="first")
BEGIN = "2026-01-01T00:00:00Z"
ANYTHING: list[Any] = ["text", 7, True, [], [1], [None], {"a": 1}, {"message": 1}, None]
Read = Callable[[dict[str, Any]], RunStatus]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PLACES[request.param](monkeypatch) as place:
        yield place


def followed(place: Place, *progress: Any) -> Outcome:
    run = submit(place.target, place.compiled, ONE, QUICK)
    place.server.progress = Answers(*progress)
    return follow(place.target, place.compiled, run, lambda *_: None, patience=QUICK)


def of_run(place: Place, state: Any, task: Any, **more: Any) -> dict[str, Any]:
    """An answer about a run with one task."""
    if "apis" in place.create_run:
        return {"state": state, "run_details": {"task_details": [task]}} | more
    return {"state": state, "jobDetail": {"taskDetails": [task]}} | more


def failed(place: Place) -> str:
    return "FAILED" if "apis" in place.create_run else "PIPELINE_STATE_FAILED"


def named(place: Place, name: Any, **more: Any) -> dict[str, Any]:
    return {"display_name" if "apis" in place.create_run else "taskName": name} | more


def mistake_in(read: Read, answer: dict[str, Any]) -> str:
    """The message about an answer that can't be read; empty where it can."""
    try:
        read(answer)
    except UserError as error:
        return error.message
    return ""


def test_a_list_that_is_null_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    with kubeflow(monkeypatch) as place:
        place.server.fails("GET .*/experiments", Reply(200, {"experiments": None, "next_page_token": None}))
        place.server.fails("GET .*/runs", Reply(200, {"runs": [None]}))
        submit(place.target, place.compiled, ONE, QUICK)
        assert place.runs == ["first"]


@pytest.mark.parametrize("listed", [["text"], [7], "text", {"a": 1}, [{"display_name": "Default"}]])
def test_a_list_that_is_none(listed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with kubeflow(monkeypatch) as place:
        place.server.fails("GET .*/experiments", Reply(200, {"experiments": listed}))
        with pytest.raises(UserError, match=r"GET http://.*/experiments.*: unexpected answer: expected ") as caught:
            submit(place.target, place.compiled, ONE, QUICK)
        assert "check that the address is the service's API" in caught.value.hint
        assert place.runs == []


@pytest.mark.parametrize("identity", [{}, {"recurring_run_id": None, "name": None}])
def test_schedules_without_an_id(place: Place, identity: dict[str, Any]) -> None:
    name = place.compiled.name
    each = {"display_name": name, "displayName": name, **identity}
    place.server.fails(place.list_schedules, Reply(200, {"recurringRuns": [each], "schedules": [each]}))
    with pytest.raises(UserError, match=r"unexpected answer: expected (recurring_run_id|name) in each item"):
        submit(place.target, place.compiled, Options(schedule=True), QUICK)
    assert place.schedules == []


@pytest.mark.parametrize(
    ("read", "fields"),
    [
        (kubeflow_status.read, ["state", "run_details", "state_history", "error"]),
        (vertex_status.read, ["state", "jobDetail", "error"]),
    ],
)
def test_a_run_with_anything_in_a_field(read: Read, fields: list[str]) -> None:
    for field in fields:
        for value in ANYTHING:
            mistake = mistake_in(read, {"state": "FAILED", field: value})
            assert not mistake or mistake.startswith(field), (field, value)


def test_a_step_with_anything_in_a_field() -> None:
    for value in ANYTHING:
        for field in ("display_name", "state", "start_time", "end_time", "error"):
            task = {"display_name": "a", "state": "FAILED", "start_time": BEGIN, field: value}
            assert mistake_in(kubeflow_status.read, {"run_details": {"task_details": [task]}}) == ""
        for field in ("taskName", "state", "startTime", "endTime", "error"):
            task = {"taskName": "a", "state": "FAILED", "startTime": BEGIN, field: value}
            assert mistake_in(vertex_status.read, {"jobDetail": {"taskDetails": [task]}}) == ""


def test_outputs_with_anything_in_them() -> None:
    for value in ANYTHING:
        for outputs in (value, {"a": value}, {"a": {"artifacts": value}}, {"a": {"artifacts": [value]}}):
            task = {"taskName": "a", "state": "SUCCEEDED", "outputs": outputs}
            mistake = mistake_in(vertex_status.read, {"jobDetail": {"taskDetails": [task]}})
            assert not mistake or mistake.startswith("outputs"), outputs


@pytest.mark.parametrize("output", [None, {}, {"artifacts": None}, {"artifacts": [None]}])
def test_an_output_that_is_null_is_none(output: Any) -> None:
    job = {"jobDetail": {"taskDetails": [{"taskName": "a", "state": "SKIPPED", "outputs": {"model": output}}]}}
    assert vertex_status.read(job).tasks["a"] == TaskStatus("skipped")


def test_metadata_that_is_none() -> None:
    outputs = {"model": {"artifacts": [{"metadata": "text"}]}}
    with pytest.raises(UserError, match=r"outputs.model.metadata: .* received \"text\""):
        vertex_status.read({"jobDetail": {"taskDetails": [{"taskName": "a", "outputs": outputs}]}})


def test_a_step_that_is_null_is_none(place: Place) -> None:
    outcome = followed(place, of_run(place, failed(place), None))
    assert "names no failed step" in outcome.reason


@pytest.mark.parametrize("task", ["text", 7, [1]])
def test_a_step_that_is_no_object_ends_the_wait_with_the_link(place: Place, task: Any) -> None:
    with pytest.raises(UserError, match=r"\[0\]: unexpected answer: expected an object, received") as caught:
        followed(place, of_run(place, "PENDING", task))
    assert "look at http" in caught.value.hint
    assert "\n" not in caught.value.message


def test_unknown_states_may_be_numbers_beside_text(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    running = of_run(place, "DREAMING", named(place, "Trainer", state=4))
    outcome = followed(place, running, of_run(place, 3.5, None), {"state": failed(place)})
    assert outcome.state == "failed"
    warned = [each.split("the state ")[1].split(",")[0] for each in caplog.messages]
    assert warned == ["4", "DREAMING", "3.5"]


def test_an_error_as_text_is_shown(place: Place) -> None:
    task = named(place, "Trainer", state="FAILED", error="out of\nmemory")
    assert followed(place, of_run(place, failed(place), task)).reason.startswith("Trainer: out of memory")


def test_times_that_are_none() -> None:
    task = {"display_name": "a", "start_time": 1767225600, "end_time": "0001-01-01T00:00:00"}
    found = kubeflow_status.read({"run_details": {"task_details": [task]}}).tasks["a"]
    assert (found.started, found.seconds) == ("1767225600", 0)
