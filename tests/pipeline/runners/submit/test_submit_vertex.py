"""What Vertex is sent for one run."""

from collections.abc import Iterator

import pytest
from support.places import BEARER, Place, vertex
from support.rest_server import Answers, Reply
from support.toy_compiled import toy
from support.vertex_server import LOCATION, STORE

from components.cloud.http import Patience
from pipeline.runners.submit.options import Options, Submitted
from pipeline.runners.submit.submission import submit
from preprocessing.errors import UserError

QUICK = Patience(sleep=lambda _: None)
NETWORK = "projects/123/global/networks/private"
KEY = "projects/my-project/locations/europe-west4/keyRings/ring/cryptoKeys/key"
CONSOLE = "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with vertex(monkeypatch) as place:
        yield place


def test_a_run(place: Place) -> None:
    target = place.with_target(
        labels={"team": "birds"}, service_account="runner@example.com", network=NETWORK, encryption_key=KEY
    )
    submitted = submit(target, place.compiled, Options(run_name="first", parameters={"epochs": 2}), QUICK)
    look, received = place.server.received
    assert look.call == f"GET /v1/{LOCATION}/pipelineJobs/first"
    assert received.call == f"POST /v1/{LOCATION}/pipelineJobs"
    assert received.query == {"pipelineJobId": "first"}
    assert received.headers["authorization"] == f"Bearer {BEARER}"
    assert received.body == {
        "displayName": "first",
        "pipelineSpec": place.compiled.spec,
        "labels": {"team": "birds"},
        "runtimeConfig": {
            "gcsOutputDirectory": "gs://bucket/root",
            "parameterValues": {"data_path": "gs://bucket/penguins.csv", "epochs": 2},
        },
        "serviceAccount": "runner@example.com",
        "network": NETWORK,
        "encryptionSpec": {"kmsKeyName": KEY},
    }
    assert submitted.id == "first"
    assert submitted.link == f"{CONSOLE}/runs/first?project=my-project"


def test_without_settings_nothing_is_sent_for_them(place: Place) -> None:
    submit(place.target, place.compiled, Options(), QUICK)
    assert set(place.server.received[0].body) == {"displayName", "pipelineSpec", "runtimeConfig"}


def test_a_name_that_is_taken_is_refused(place: Place) -> None:
    submit(place.target, place.compiled, Options(run_name="first"), QUICK)
    place.server.received.clear()
    # Without a look first, the second try's 409 would pass for a sign that the first one worked.
    place.server.fails(place.create_run, Reply(503, ""))
    with pytest.raises(UserError, match="a run named 'first' already") as caught:
        submit(place.with_target(experiment="weekly"), place.compiled, Options(run_name="first"), QUICK)
    assert f"choose another name; see {CONSOLE}/runs/first" in caught.value.hint
    assert place.server.calls == [f"GET /v1/{LOCATION}/pipelineJobs/first"]


def test_a_name_that_somebody_else_takes_meanwhile_is_refused(place: Place) -> None:
    submit(place.target, place.compiled, Options(run_name="first"), QUICK)
    place.server.fails(place.get_run, Reply(404, {}))
    with pytest.raises(UserError, match=r"HTTP 409, PipelineJob .*first already exists"):
        submit(place.target, place.compiled, Options(run_name="first"), QUICK)
    assert place.runs == ["first"]


def test_a_name_that_was_made_up_is_not_looked_for(place: Place) -> None:
    submit(place.target, place.compiled, Options(), QUICK)
    assert place.server.calls == [f"POST /v1/{LOCATION}/pipelineJobs"]


@pytest.mark.parametrize("name", ["First", "1st", "first_run", "a" * 129])
def test_a_name_that_can_be_no_id_is_refused_before_anything_is_sent(place: Place, name: str) -> None:
    with pytest.raises(UserError, match="can't be the ID of a Vertex job"):
        submit(place.target, place.compiled, Options(run_name=name), QUICK)
    assert place.server.received == []


@pytest.mark.parametrize("name", ["a" * 128, "2024-penguins"])
def test_every_pipeline_name_makes_a_valid_id(place: Place, name: str) -> None:
    submit(place.target, toy(name=name, exit_handler=True), Options(), QUICK)
    assert len(place.runs) == 1


def test_an_experiment_that_is_there(place: Place) -> None:
    context = f"{STORE}/contexts/weekly"
    place.server.contexts[context] = {"name": context, "schemaTitle": "system.Experiment"}
    submit(place.with_target(experiment="weekly"), place.compiled, Options(run_name="first"), QUICK)
    assert place.server.calls == [
        f"GET /v1/{LOCATION}/pipelineJobs/first",
        f"GET /v1/{STORE}",
        f"GET /v1/{context}",
        f"POST /v1/{LOCATION}/pipelineJobs",
        f"GET /v1/{LOCATION}/pipelineJobs/first",
        f"POST /v1/{context}:addContextChildren",
    ]
    assert place.server.children == {context: [f"{STORE}/contexts/first"]}


def test_an_experiment_in_a_new_project(place: Place) -> None:
    place.server.has_store = False
    submit(place.with_target(experiment="weekly", encryption_key=KEY), place.compiled, Options(), QUICK)
    [store] = place.server.bodies("POST .*/metadataStores")
    assert store == {"encryptionSpec": {"kmsKeyName": KEY}}
    [experiment] = place.server.bodies(f"POST /v1/{STORE}/contexts")
    assert experiment == {
        "displayName": "weekly",
        "schemaTitle": "system.Experiment",
        "schemaVersion": "0.0.1",
        "metadata": {"experiment_deleted": False},
    }
    assert len(place.server.children[f"{STORE}/contexts/weekly"]) == 1


def test_no_run_without_its_experiment(place: Place) -> None:
    place.server.fails(f"POST /v1/{STORE}/contexts", Reply(403, {"error": {"message": "no permission"}}))
    with pytest.raises(UserError, match="no permission"):
        submit(place.with_target(experiment="weekly"), place.compiled, Options(), QUICK)
    assert place.runs == []


def test_the_runs_context_is_waited_for(place: Place) -> None:
    place.server.progress = Answers({"jobDetail": {}}, {"jobDetail": {}}, {})
    submitted = submit(place.with_target(experiment="weekly"), place.compiled, Options(), QUICK)
    assert place.server.calls.count(f"GET /v1/{LOCATION}/pipelineJobs/{submitted.id}") == 3
    assert submitted.note == ""


def test_the_run_is_told_of_before_its_context_is_waited_for(place: Place) -> None:
    heard: list[tuple[Submitted, str]] = []
    target = place.with_target(experiment="weekly")
    submitted = submit(
        target, place.compiled, Options(), QUICK, lambda made: heard.append((made, place.server.calls[-1]))
    )
    assert heard == [(submitted, f"POST /v1/{LOCATION}/pipelineJobs")]


@pytest.mark.parametrize(
    ("call", "words"), [("POST .*:addContextChildren", "no permission"), ("GET .*/pipelineJobs/.*", "no permission")]
)
def test_a_run_that_gets_into_no_experiment_is_a_run_all_the_same(place: Place, call: str, words: str) -> None:
    place.server.fails(call, Reply(403, {"error": {"message": "no permission"}}), times=99)
    submitted = submit(place.with_target(experiment="weekly"), place.compiled, Options(), QUICK)
    assert place.runs == [submitted.id]
    assert "could not be put into the experiment" in submitted.note
    assert words in submitted.note


@pytest.mark.parametrize("detail", ["text", ["text"], {"pipelineRunContext": "text"}])
def test_a_job_with_anything_in_its_detail_is_a_run_all_the_same(place: Place, detail: object) -> None:
    place.server.fails("GET .*/pipelineJobs/.*", Reply(200, {"jobDetail": detail}))
    submitted = submit(place.with_target(experiment="weekly"), place.compiled, Options(), QUICK)
    assert place.runs == [submitted.id]
    assert "unexpected answer: expected an object" in submitted.note


def test_a_context_that_never_comes(place: Place) -> None:
    place.server.progress = Answers({"jobDetail": {}})
    submitted = submit(place.with_target(experiment="weekly"), place.compiled, Options(run_name="first"), QUICK)
    assert "no context" in submitted.note


def test_the_address_of_the_region(place: Place) -> None:
    from pipeline.runners.submit.submission import plan

    [planned] = plan(place.with_target(api_endpoint=None), place.compiled, Options())
    assert planned.request.url == f"https://europe-west4-aiplatform.googleapis.com/v1/{LOCATION}/pipelineJobs"
