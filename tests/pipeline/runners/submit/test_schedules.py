"""A schedule, and a schedule in the place of another: never two that start runs, and never none without a word."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.places import PLACES, Place
from support.rest_server import Reply
from support.vertex_server import LOCATION

from components.cloud.http import Patience
from pipeline.runners.submit.options import Options, Submitted
from pipeline.runners.submit.submission import submit
from preprocessing.errors import UserError

QUICK = Patience(read_seconds=0.5, sleep=lambda _: None)
NO = Reply(403, {"message": "not for you"})


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PLACES[request.param](monkeypatch) as place:
        yield place


def schedule(place: Place, cron: str = "0 3 * * 1", patience: Patience = QUICK, **changes: Any) -> Submitted:
    target = place.with_target(schedule=place.target.schedule.model_copy(update={"cron": cron}), **changes)
    return submit(target, place.compiled, Options(schedule=True, parameters={"epochs": 2}), patience)


def waiting(*actions: Callable[[], object]) -> Patience:
    """What happens in the waits, one after another."""
    left = iter(actions)
    return Patience(sleep=lambda _: next(left)())


def somebodys(place: Place, number: int, made: str = "2026-02-01T00:00:00Z") -> str:
    """Somebody else's schedule of the same name, active; its ID."""
    common = {"cron": "0 4 * * *", "createTime": made, "created_at": made}
    if "apis" in place.create_run:
        identity = f"recurringruns-{number}"
        trigger = {"cron_schedule": {"cron": "0 0 4 * * *"}}
        status = {"status": "ENABLED", "display_name": "penguins", "trigger": trigger}
        place.server.recurring.append({"recurring_run_id": identity} | common | status)
        return identity
    identity = f"{LOCATION}/schedules/{number}"
    place.server.schedules[identity] = {"name": identity, "displayName": "penguins", "state": "ACTIVE"} | common
    return str(number)


FIRST, SOMEBODYS, SECOND = "0 3 * * 1", "0 4 * * *", "0 5 * * *"


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
    first = schedule(place)
    place.server.fails(place.create_schedule, fault)
    error = refused(place)
    assert "probably not created" in error.message
    # The server may still be at it.
    assert place.schedules == [(cron(place, FIRST), False)]
    assert f"left paused, as the new one may be active: {first.link}" in error.message
    assert len(place.server.bodies(place.create_schedule)) == 2


def test_beside_one_that_may_be_there_no_old_one_is_resumed(place: Place) -> None:
    first = schedule(place)
    # The new one is made, its answer gets lost, and it can't be looked for.
    place.server.fails(place.create_schedule, Reply(429, {}))
    place.server.fails(place.create_schedule, "drop", after=True)

    def fail() -> None:
        place.server.fails(place.list_schedules, Reply(403, {"message": "not for you"}))

    with pytest.raises(UserError, match="whether the schedule was created is not known") as caught:
        schedule(place, SECOND, waiting(fail))
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith(f"left paused, as the new one may be active: {first.link}")
    assert "then submit again, which leaves one schedule, active" in caught.value.hint
    assert place.schedules == [(cron(place, FIRST), False), (cron(place, SECOND), True)]
    # The next step is true.
    schedule(place, "0 6 * * *")
    assert place.schedules == [(cron(place, "0 6 * * *"), True)]


def test_a_first_one_that_may_be_there_is_said_without_old_ones(place: Place) -> None:
    place.server.fails(place.create_schedule, "drop")
    error = refused(place)
    assert "probably not created" in error.message
    assert "paused" not in error.message


def test_without_the_right_to_pause_nothing_changes(place: Place) -> None:
    schedule(place)
    place.server.fails("POST .*:(disable|pause)", NO, times=9)
    refused(place)
    assert place.schedules == [(cron(place, "0 3 * * 1"), True)]
    assert len(place.server.bodies(place.create_schedule)) == 1


def test_an_old_one_that_somebody_deletes_meanwhile_is_gone(place: Place) -> None:
    schedule(place)
    place.server.fails("POST .*:(disable|pause)", Reply(404, {}))
    assert schedule(place, SECOND).note == ""
    assert place.schedules == [(cron(place, SECOND), True)]


def test_what_was_not_paused_is_not_resumed(place: Place) -> None:
    schedule(place)
    second = somebodys(place, 7)
    place.server.fails(f"POST .*/{second}:(disable|pause)", NO)
    assert "not for you" in refused(place).message
    assert [active for _, active in place.schedules] == [True, True]
    resumed = [call for call in place.server.calls if call.endswith((":enable", ":resume"))]
    assert len(resumed) == 1
    assert second not in resumed[0]


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
    assert error.hint == f"resume it at {first.link}"


def test_each_old_one_is_resumed_that_can_be(place: Place) -> None:
    first, second, third = schedule(place).id, somebodys(place, 7007), somebodys(place, 8008)
    place.server.fails(place.create_schedule, NO)
    for each in (first, third):
        place.server.fails(f"POST .*/{each}:(enable|resume)", NO)
    error = refused(place)
    assert [active for _, active in place.schedules] == [False, True, False]
    for each in (first, third):
        assert f"{each}, which was paused for this, could not be resumed" in error.message
        assert each in error.hint
    assert second not in error.message


def test_one_that_somebody_paused_stays_paused_where_the_new_one_fails(place: Place) -> None:
    schedule(place)
    if "apis" in place.create_run:
        place.server.recurring[0]["status"] = "DISABLED"
    else:
        next(iter(place.server.schedules.values()))["state"] = "PAUSED"
    place.server.fails(place.create_schedule, NO)
    refused(place)
    assert place.schedules == [(cron(place, "0 3 * * 1"), False)]


def test_one_that_was_made_before_ours_gives_way(place: Place) -> None:
    schedule(place)
    place.server.fails(place.create_schedule, Reply(429, {}))
    theirs: list[Submitted] = []
    ours = schedule(place, SECOND, waiting(lambda: theirs.append(schedule(place, SOMEBODYS))))
    assert place.schedules == [(cron(place, SECOND), True)]
    assert "which somebody else scheduled meanwhile" in ours.note
    assert theirs[0].id in ours.note


def test_one_that_gives_way_and_can_not_be_deleted_is_named(place: Place) -> None:
    place.server.fails(place.create_schedule, Reply(429, {}))
    place.server.fails("DELETE .*", NO)
    note = schedule(place, SECOND, waiting(lambda: somebodys(place, 7, "2025-01-01T00:00:00Z"))).note
    assert "7 is active, but could not be deleted" in note
    assert "scheduled meanwhile" not in note


@pytest.mark.parametrize("made", ["2026-02-01T00:00:00Z", "2026-01-01T00:00:01.5Z", "2026-01-01T00:00:01.000Z"])
def test_ours_gives_way_to_a_newer_one(place: Place, made: str) -> None:
    """Of the same moment the one with the larger ID stays."""
    place.server.fails(place.create_schedule, Reply(429, {}))
    with pytest.raises(UserError, match="somebody else scheduled this pipeline at the same time") as caught:
        schedule(place, SECOND, waiting(lambda: somebodys(place, 9999, made)))
    assert "9999, stays" in caught.value.message
    assert "to have yours instead, submit again" in caught.value.hint
    assert place.schedules == [(cron(place, SOMEBODYS), True)]


def test_ours_is_replaced_before_we_look_again(place: Place) -> None:
    schedule(place)
    place.server.fails(place.create_schedule, Reply(429, {}))
    patience = waiting(
        lambda: place.server.fails(place.list_schedules, Reply(503, {})),
        lambda: schedule(place, SOMEBODYS),
    )
    ours = schedule(place, SECOND, patience)
    assert place.schedules == [(cron(place, SOMEBODYS), True)]
    assert "somebody else has paused or deleted the schedule" in ours.note
    assert ours.id in ours.note


def test_two_that_are_submitted_at_the_same_time_agree(place: Place) -> None:
    schedule(place)
    place.server.fails(place.create_schedule, Reply(429, {}), times=2)
    # In the first wait both have paused the old one, in the second both have made theirs and seen neither.
    actions = iter([lambda: place.server.fails(place.list_schedules, Reply(503, {}), times=2), lambda: None])
    barrier = threading.Barrier(2, action=lambda: next(actions)(), timeout=30)
    said: dict[str, str] = {}

    def one(text: str) -> None:
        try:
            said[text] = schedule(place, text, Patience(sleep=lambda _: barrier.wait())).note
        except UserError as error:
            said[text] = error.message

    both = [threading.Thread(target=one, args=[text]) for text in (SOMEBODYS, SECOND)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    [(text, active)] = place.schedules
    assert active
    crons = [body["cron"] if "cron" in body else body["trigger"]["cron_schedule"]["cron"] for body in made(place)]
    assert text == crons[-1]
    [loser] = [each for each in (SOMEBODYS, SECOND) if cron(place, each) != text]
    assert "somebody else" in said[loser]


def made(place: Place) -> list[Any]:
    """The schedules that were asked for, in order."""
    return place.server.bodies(place.create_schedule)


def test_that_nobody_could_look_again_is_said(place: Place) -> None:
    schedule(place)
    place.server.fails(place.create_schedule, Reply(429, {}))
    note = schedule(place, SECOND, waiting(lambda: place.server.fails(place.list_schedules, NO))).note
    assert "whether somebody else's schedule is active is not known: GET" in note
    assert place.schedules == [(cron(place, SECOND), True)]
