"""A schedule, and a schedule in the place of another: never two that start runs, and never none."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.places import PLACES, Place
from support.rest_server import Reply
from support.vertex_server import LOCATION

from pipeline.runners.http import Patience
from pipeline.runners.options import Options, Submitted
from pipeline.runners.submission import submit
from preprocessing.errors import UserError

QUICK = Patience(read_seconds=0.5, sleep=lambda _: None)
NO = Reply(403, {"message": "not for you"})


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PLACES[request.param](monkeypatch) as place:
        yield place


def schedule(place: Place, cron: str = "0 3 * * 1", **changes: Any) -> Submitted:
    target = place.with_target(schedule=place.target.schedule.model_copy(update={"cron": cron}), **changes)
    return submit(target, place.compiled, Options(schedule=True, parameters={"epochs": 2}), QUICK)


def cron(place: Place, text: str) -> str:
    """Kubeflow's has seconds."""
    return f"0 {text}" if "apis" in place.create_run else text


def refused(place: Place) -> UserError:
    with pytest.raises(UserError) as caught:
        schedule(place, "0 5 * * *")
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_on_kubeflow(monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["kubeflow"](monkeypatch, service_account="runner") as place:
        submitted = schedule(place)
        [body] = place.server.bodies(place.create_schedule)
        assert {name: body[name] for name in body if name != "pipeline_spec"} == {
            "display_name": "penguins",
            "experiment_id": "experiments-1",
            "runtime_config": {
                "parameters": {"data_path": "gs://bucket/penguins.csv", "epochs": 2},
                "pipeline_root": "minio://bucket/root",
            },
            "service_account": "runner",
            "trigger": {"cron_schedule": {"cron": "0 0 3 * * 1"}},
            "max_concurrency": 2,
            "mode": "ENABLE",
            "no_catchup": True,
        }
        assert submitted.id == "recurringruns-1"
        assert submitted.link == f"{place.server.url}/#/recurringrun/details/recurringruns-1"
        assert place.runs == []


def test_on_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["vertex"](monkeypatch, labels={"team": "birds"}, experiment="weekly") as place:
        zone = place.target.schedule.model_copy(update={"timezone": "Europe/Paris"})
        submitted = submit(place.with_target(schedule=zone), place.compiled, Options(schedule=True), QUICK)
        [body] = place.server.bodies(place.create_schedule)
        request = body.pop("createPipelineJobRequest")
        assert body == {"displayName": "penguins", "cron": "TZ=Europe/Paris 0 3 * * 1", "maxConcurrentRunCount": 2}
        assert request["parent"] == LOCATION
        assert "displayName" not in request["pipelineJob"]
        assert request["pipelineJob"]["labels"] == {"team": "birds"}
        assert request["pipelineJob"]["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/root"
        page = "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/schedules/1000"
        assert (submitted.id, submitted.link) == ("1000", f"{page}?project=my-project")
        assert "experiment" in submitted.note
        assert not any("metadataStores" in call for call in place.server.calls)


def test_in_the_place_of_another(place: Place) -> None:
    first = schedule(place)
    second = schedule(place, "0 5 * * *")
    assert first.id != second.id
    assert place.schedules == [(cron(place, "0 5 * * *"), True)]
    assert second.note == ""
    # In this order: no moment has two that start runs.
    changes = [call for call in place.server.calls if not call.startswith("GET") and first.id in call]
    assert [call.partition(first.id)[2] for call in changes] in ([":disable", ""], [":pause", ""])


def test_other_pipelines_schedules_stay(place: Place) -> None:
    schedule(place)
    others = place.server.recurring if "apis" in place.create_run else [*place.server.schedules.values()]
    name = "display_name" if "apis" in place.create_run else "displayName"
    others[0][name] = "penguins-2"
    schedule(place, "0 5 * * *")
    assert len(place.schedules) == 2
    assert all(active for _, active in place.schedules)


def test_a_server_that_ignores_the_filter_does_not_get_others_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["kubeflow"](monkeypatch) as place:
        theirs = {"recurring_run_id": "x", "display_name": "theirs", "status": "ENABLED"}
        place.server.fails(place.list_schedules, Reply(200, {"recurringRuns": [theirs]}))
        schedule(place)
        assert not any("recurringruns/x" in call for call in place.server.calls)


def test_the_experiment_may_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["kubeflow"](monkeypatch, namespace="team-a") as place:
        schedule(place)
        schedule(place, "0 5 * * *", experiment="another")
        assert place.schedules == [("0 0 5 * * *", True)]


@pytest.mark.parametrize("status", [400, 403])
def test_a_new_one_that_is_refused_leaves_the_old_one_active(place: Place, status: int) -> None:
    schedule(place)
    place.server.fails(place.create_schedule, Reply(status, place.server.error(status, "not for you")))
    assert "not for you" in refused(place).message
    assert place.schedules == [(cron(place, "0 3 * * 1"), True)]


@pytest.mark.parametrize("fault", [Reply(500, {}), "drop", "hang"])
def test_a_new_one_whose_answer_got_lost_is_found(place: Place, fault: Reply) -> None:
    schedule(place)
    place.server.fails(place.create_schedule, fault, after=True)
    schedule(place, "0 5 * * *")
    assert place.schedules == [(cron(place, "0 5 * * *"), True)]
    assert len(place.server.bodies(place.create_schedule)) == 2


@pytest.mark.parametrize("fault", [Reply(500, {}), "drop", "hang"])
def test_a_new_one_that_was_not_made_is_not_asked_for_twice(place: Place, fault: Reply) -> None:
    schedule(place)
    place.server.fails(place.create_schedule, fault)
    assert "probably not created" in refused(place).message
    assert place.schedules == [(cron(place, "0 3 * * 1"), True)]
    assert len(place.server.bodies(place.create_schedule)) == 2


def test_without_the_right_to_pause_nothing_changes(place: Place) -> None:
    schedule(place)
    place.server.fails("POST .*:(disable|pause)", NO, times=9)
    refused(place)
    assert place.schedules == [(cron(place, "0 3 * * 1"), True)]
    assert len(place.server.bodies(place.create_schedule)) == 1


def test_without_the_right_to_delete_the_old_one_is_paused_and_named(place: Place) -> None:
    first = schedule(place)
    place.server.fails("DELETE .*", NO, times=9)
    second = schedule(place, "0 5 * * *")
    assert place.schedules == [(cron(place, "0 3 * * 1"), False), (cron(place, "0 5 * * *"), True)]
    assert first.id in second.note
    assert "is paused, but could not be deleted" in second.note


def test_a_delete_whose_answer_got_lost_is_done(place: Place) -> None:
    schedule(place)
    place.server.fails("DELETE .*", "drop", after=True)
    assert schedule(place, "0 5 * * *").note == ""
    assert len(place.schedules) == 1


def test_an_old_one_that_stays_paused_is_named(place: Place) -> None:
    first = schedule(place)
    place.server.fails(place.create_schedule, NO)
    place.server.fails("POST .*:(enable|resume)", Reply(500, {}), times=9)
    error = refused(place)
    assert "not for you" in error.message
    assert first.id in error.message
    assert "could not be resumed" in error.message
    assert "resume it at" in error.hint


def test_one_that_somebody_paused_stays_paused_where_the_new_one_fails(place: Place) -> None:
    schedule(place)
    if "apis" in place.create_run:
        place.server.recurring[0]["status"] = "DISABLED"
    else:
        next(iter(place.server.schedules.values()))["state"] = "PAUSED"
    place.server.fails(place.create_schedule, NO)
    refused(place)
    assert place.schedules == [(cron(place, "0 3 * * 1"), False)]


def test_ctrl_c_leaves_the_old_one_active(place: Place) -> None:
    schedule(place)
    place.server.fails(place.create_schedule, Reply(429, {}))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit(place.target, place.compiled, Options(schedule=True), Patience(sleep=interrupt))
    assert place.schedules == [(cron(place, "0 3 * * 1"), True)]
