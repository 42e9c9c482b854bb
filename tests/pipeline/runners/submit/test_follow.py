"""A run is followed to its end, through what goes wrong on the way."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.places import PLACES, Place
from support.rest_server import Answers, Reply

from components.cloud.http import Patience
from pipeline.runners.submit.follow import follow
from pipeline.runners.submit.options import Options, Submitted
from pipeline.runners.submit.outcome import Outcome
from pipeline.runners.submit.submission import submit
from preprocessing.errors import UserError

BEGIN, END = "2026-01-01T00:00:00Z", "2026-01-01T00:00:42Z"


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PLACES[request.param](monkeypatch) as place:
        yield place


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def run(place: Place) -> Submitted:
    submitted = submit(place.target, place.compiled, Options(run_name="first"))
    place.server.received.clear()
    return submitted


def answer(place: Place, state: str, **tasks: str) -> dict[str, Any]:
    """What the service says; states in Kubeflow's words."""
    if "apis" in place.create_run:
        detail = {"start_time": BEGIN, "end_time": END}
        details = [{"display_name": name, "state": each} | detail for name, each in tasks.items()]
        return {"state": state, "run_details": {"task_details": details}}
    words = {"CANCELED": "CANCELLED", "CANCELING": "CANCELLING"}
    found = [
        {"taskName": name, "state": "NOT_TRIGGERED" if each == "SKIPPED" else each, "startTime": BEGIN, "endTime": END}
        for name, each in tasks.items()
    ]
    return {"state": f"PIPELINE_STATE_{words.get(state, state)}", "jobDetail": {"taskDetails": found}}


class Followed:
    """A run that was followed: the outcome, and what the listener heard."""

    def __init__(self, place: Place, run: Submitted, waits: list[float], interval: float = 10) -> None:
        self.heard: list[tuple[str, str, float]] = []
        self.outcome: Outcome = follow(
            place.target,
            place.compiled,
            run,
            lambda *heard: self.heard.append(heard),
            interval=interval,
            patience=Patience(read_seconds=0.5, sleep=waits.append),
        )


def test_every_change_is_told_once(place: Place, run: Submitted, waits: list[float]) -> None:
    place.server.progress = Answers(
        answer(place, "PENDING"),
        answer(place, "RUNNING", ExampleGen="PENDING", root="RUNNING"),
        answer(place, "RUNNING", ExampleGen="RUNNING", root="RUNNING"),
        answer(place, "RUNNING", ExampleGen="RUNNING", executor="RUNNING"),
        answer(place, "RUNNING", ExampleGen="SUCCEEDED", Trainer="RUNNING"),
        answer(place, "SUCCEEDED", ExampleGen="SUCCEEDED", Trainer="SUCCEEDED", Pusher="SKIPPED"),
    )
    followed = Followed(place, run, waits, interval=3)
    assert followed.heard == [
        ("ExampleGen", "running", 42),
        ("ExampleGen", "done", 42),
        ("Trainer", "running", 42),
        ("Trainer", "done", 42),
        ("Pusher", "skipped", 42),
    ]
    assert followed.outcome.state == "refused"
    assert run.link in followed.outcome.reason
    assert waits == [3] * 5


@pytest.mark.parametrize(
    ("state", "tasks", "end"),
    [
        ("SUCCEEDED", {"Pusher": "SUCCEEDED"}, "pushed"),
        ("SUCCEEDED", {"Pusher": "SKIPPED"}, "refused"),
        ("FAILED", {"DataGate": "SUCCEEDED", "DataStop": "FAILED"}, "refused"),
        ("FAILED", {"Trainer": "FAILED"}, "failed"),
        ("CANCELED", {"Trainer": "RUNNING"}, "cancelled"),
        ("PAUSED", {"Trainer": "PENDING"}, "paused"),
    ],
)
def test_every_end(
    place: Place, run: Submitted, waits: list[float], state: str, tasks: dict[str, str], end: str
) -> None:
    place.server.progress = Answers(answer(place, "CANCELING"), answer(place, state, **tasks))
    assert Followed(place, run, waits).outcome.state == end
    assert waits == [10]


def test_an_unknown_state_is_said_once(
    place: Place, run: Submitted, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    place.server.progress = Answers(
        answer(place, "HIBERNATING", Trainer="DREAMING"),
        answer(place, "HIBERNATING", Trainer="DREAMING"),
        answer(place, "SUCCEEDED", Trainer="SUCCEEDED", Pusher="SUCCEEDED"),
    )
    followed = Followed(place, run, waits)
    assert followed.outcome.state == "pushed"
    assert ("Trainer", "running", 42) in followed.heard
    assert sum("DREAMING" in each for each in caplog.messages) == 1
    assert sum("HIBERNATING" in each for each in caplog.messages) == 1


@pytest.mark.parametrize("fault", [Reply(500, {}), Reply(503, ""), "drop", Reply(200, {"a": "b"}, cut=True)])
def test_failures_that_pass_are_tolerated(place: Place, run: Submitted, waits: list[float], fault: Reply) -> None:
    place.server.progress = Answers(answer(place, "SUCCEEDED", Pusher="SUCCEEDED"))
    # Four tries a poll: five polls fail altogether.
    place.server.fails(place.get_run, fault, times=20)
    assert Followed(place, run, waits).outcome.state == "pushed"
    assert waits == [1, 2, 4, 10] * 5


def test_failures_that_do_not_pass_are_not(place: Place, run: Submitted, waits: list[float]) -> None:
    place.server.fails(place.get_run, Reply(500, {}), times=999)
    with pytest.raises(UserError, match="can't be followed any more, but goes on") as caught:
        Followed(place, run, waits)
    assert run.link in caught.value.hint
    assert len(place.server.received) == 6 * 4


def test_a_good_answer_begins_the_count_anew(place: Place, run: Submitted, waits: list[float]) -> None:
    place.server.progress = Answers(*[answer(place, "RUNNING")] * 3, answer(place, "SUCCEEDED", Pusher="SUCCEEDED"))
    for _ in range(3):
        place.server.fails(place.get_run, "drop", times=20)
        place.server.fails(place.get_run, Reply(200, answer(place, "RUNNING")))
    assert Followed(place, run, waits).outcome.state == "pushed"


@pytest.mark.parametrize("status", [403, 404])
def test_a_run_that_can_not_be_asked_for(place: Place, run: Submitted, waits: list[float], status: int) -> None:
    place.server.progress = Answers(answer(place, "SUCCEEDED", Pusher="SUCCEEDED"))
    place.server.fails(place.get_run, Reply(status, place.server.error(status, "gone")))
    with pytest.raises(UserError, match=f"HTTP {status}, gone; the run can't be followed any more, but goes on"):
        Followed(place, run, waits)
    assert waits == []


def test_an_expired_token_is_fetched_again(place: Place, run: Submitted, monkeypatch: pytest.MonkeyPatch) -> None:
    place.server.progress = Answers(answer(place, "RUNNING"), answer(place, "SUCCEEDED", Pusher="SUCCEEDED"))
    variable = "KUBEFLOW_TOKEN" if "apis" in place.create_run else "GOOGLE_OAUTH_ACCESS_TOKEN"

    class Expires(list[float]):
        def append(self, wait: float) -> None:
            super().append(wait)
            place.server.accepts = "fresh"
            monkeypatch.setenv(variable, "fresh")

    assert Followed(place, run, Expires()).outcome.state == "pushed"


def test_a_token_that_stays_refused(place: Place, run: Submitted, waits: list[float]) -> None:
    place.server.accepts = "another"
    with pytest.raises(UserError, match=r"HTTP 401, the token is not valid; .* goes on") as caught:
        Followed(place, run, waits)
    assert "oken" in caught.value.hint
    assert run.link in caught.value.hint
    assert len(place.server.received) == 1


def test_what_the_exit_handler_does_is_told(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    with PLACES["vertex"](monkeypatch) as place:
        run = submit(place.target, place.compiled, Options())
        place.server.progress = Answers(answer(place, "SUCCEEDED", Pusher="SUCCEEDED", FinalState="SUCCEEDED"))
        assert [name for name, *_ in Followed(place, run, waits).heard] == ["Pusher", "FinalState"]
