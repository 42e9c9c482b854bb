"""A service that repeats the token in what it says about a run: nothing of it is shown."""

import string
from collections.abc import Iterator

import pytest
from support.places import PLACES, Place
from support.rest_server import Answers

from components.cloud.http import Patience
from pipeline.runners.submit.follow import follow
from pipeline.runners.submit.options import Options
from pipeline.runners.submit.submission import submit

LONG = ((string.ascii_letters + string.digits) * 13)[:803]
PIECE = 8
"""So many characters of a token in a row are too many."""
QUICK = Patience(sleep=lambda _: None)


def assert_hidden(text: str) -> None:
    found = [LONG[at : at + PIECE] for at in range(len(LONG) - PIECE + 1) if LONG[at : at + PIECE] in text]
    assert not found


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PLACES[request.param](monkeypatch) as place:
        monkeypatch.setenv("KUBEFLOW_TOKEN", LONG)
        monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", LONG)
        place.server.accepts = LONG
        yield place


def test_a_token_in_the_errors_of_a_run_and_its_steps(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    run = submit(place.target, place.compiled, Options(run_name="first"), QUICK)
    error = {"error": {"message": f"the proxy refused: Authorization: Bearer {LONG}"}}
    kubeflow = {"display_name": "Trainer", "state": "FAILED"} | error
    vertex = {"taskName": "Trainer", "state": "FAILED"} | error
    details = {"run_details": {"task_details": [kubeflow]}, "jobDetail": {"taskDetails": [vertex]}}
    states = {"state": "FAILED"} if "apis" in place.create_run else {"state": "PIPELINE_STATE_FAILED"}
    place.server.progress = Answers({"state": f"Bearer {LONG}"}, states | details, states | error)
    for step in ("Trainer: ", ""):
        outcome = follow(place.target, place.compiled, run, lambda *_: None, patience=QUICK)
        assert outcome.reason.startswith(f"{step}the proxy refused: Authorization: Bearer [token]")
        assert_hidden(outcome.reason)
    assert_hidden(caplog.text)
    assert "the state Bearer [token]" in caplog.text
