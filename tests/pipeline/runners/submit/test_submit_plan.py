"""A plan is what is sent: the same requests in the same order, for every way that a submission can go."""

import json
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from support.places import BEARER, PLACES, Place
from support.rest_server import Received

from components.cloud.http import HttpRequest, Patience
from pipeline.runners.submit.options import Options
from pipeline.runners.submit.planned import Planned
from pipeline.runners.submit.submission import plan, printed, submit
from preprocessing.errors import UserError

QUICK = Patience(sleep=lambda _: None)
ONE, SCHEDULED = Options(run_name="first", parameters={"epochs": 2}), Options(schedule=True)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PLACES[request.param](monkeypatch, experiment="weekly", service_account="runner@example.com") as place:
        yield place


def as_request(place: Place, received: Received) -> HttpRequest:
    return HttpRequest(received.method, place.server.url + received.path, received.query, received.body)


def planned(place: Place, options: Options, answers: dict[str, str], *, only: bool) -> list[HttpRequest]:
    """The plan with what the answers said; without what hangs on them, unless `only`."""
    found = []
    for each in plan(place.target, place.compiled, options):
        if only or not each.only or each.only.startswith("until"):
            text = json.dumps(asdict(each.request))
            for placeholder, answer in answers.items():
                text = text.replace(placeholder, answer)
            found.append(HttpRequest(**json.loads(text)))
    return found


def submitted(place: Place, options: Options) -> list[HttpRequest]:
    place.server.received.clear()
    submit(place.target, place.compiled, options, QUICK)
    return [as_request(place, each) for each in place.server.received]


CONTEXT = "projects/my-project/locations/europe-west4/metadataStores/default/contexts/first"
ANSWERS = {"{experiment_id}": "experiments-1", "{pipeline_run_context}": CONTEXT}


def test_one_run_where_everything_is_missing(place: Place) -> None:
    if hasattr(place.server, "has_store"):
        place.server.has_store = False
    sent = submitted(place, ONE)
    # The SDK's way to a metadata store is an operation; that it has ended is seen by asking for the store again.
    sent = [each for number, each in enumerate(sent) if not each.url.endswith("/default") or each not in sent[:number]]
    assert sent == planned(place, ONE, ANSWERS, only=True)


def test_one_run_where_the_experiment_is_there(place: Place) -> None:
    submit(place.target, place.compiled, Options(), QUICK)
    assert submitted(place, ONE) == planned(place, ONE, ANSWERS, only=False)


def test_the_first_schedule(place: Place) -> None:
    submit(place.target, place.compiled, ONE, QUICK)  # makes the experiment
    assert submitted(place, SCHEDULED) == planned(place, SCHEDULED, ANSWERS, only=False)


def test_a_schedule_in_the_place_of_another(place: Place) -> None:
    submit(place.target, place.compiled, SCHEDULED, QUICK)
    old = {
        "{old_schedule}": "recurringruns-1"
        if "apis" in place.create_run
        else "projects/my-project/locations/europe-west4/schedules/1000"
    }
    wanted = planned(place, SCHEDULED, ANSWERS | old, only=True)
    assert submitted(place, SCHEDULED) == [
        each for each in wanted if not each.url.endswith("/experiments") or each.body is None
    ]


def test_a_plan_needs_neither_a_server_nor_credentials(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEFLOW_TOKEN", raising=False)
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN", raising=False)
    assert plan(place.target, place.compiled, ONE)
    assert place.server.received == []


def test_a_printed_plan_holds_no_token(place: Place) -> None:
    text = printed(place.target, plan(place.target, place.compiled, ONE))
    assert BEARER not in text
    assert text.count("Authorization: Bearer [") == len(plan(place.target, place.compiled, ONE))
    assert '"epochs": 2' in text
    assert "# where there is no such experiment" in text


def test_a_schedule_that_the_target_does_not_have(place: Place) -> None:
    with pytest.raises(UserError, match="`schedule` is missing"):
        plan(place.with_target(schedule=None), place.compiled, SCHEDULED)


def test_a_request_as_text() -> None:
    request = HttpRequest("POST", "https://host/runs", {"id": "a b"}, {"name": "é"})
    assert Planned(request, "where there is none").text("Bearer [VARIABLE]").splitlines() == [
        "# where there is none",
        "POST https://host/runs?id=a+b",
        "Authorization: Bearer [VARIABLE]",
        "Content-Type: application/json",
        "",
        "{",
        ' "name": "é"',
        "}",
    ]
    assert Planned(HttpRequest("GET", "https://host/runs")).text() == "GET https://host/runs\n"
