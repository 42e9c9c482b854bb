"""Ctrl-C and SIGTERM while something is submitted: what may be there all the same is said, with the place to look."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.places import PLACES, Place
from support.rest_server import Answers

from components.cloud.http import Patience
from pipeline.runners.submit.options import Options
from pipeline.runners.submit.submission import submit

QUICK = Patience(sleep=lambda _: None)
SCHEDULED = Options(schedule=True)
PENGUINS = Path(__file__).parents[4] / "data/penguins/pipeline.yaml"


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PLACES[request.param](monkeypatch) as place:
        yield place


@contextmanager
def interrupted(*seen: Callable[[], bool]) -> Iterator[list[str]]:
    """What is done ends with Ctrl-C, which comes as soon as the server has seen something; several times if told so.

    Gives the notes of the KeyboardInterrupt, once it has ended.
    """
    over, notes = threading.Event(), list[str]()

    def press() -> None:
        for each in seen:
            while not each():
                if over.wait(0.005):
                    return
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            yield notes
        notes += getattr(caught.value, "__notes__", [])
    finally:
        over.set()
        finger.join()


def asked(place: Place, call: str, times: int = 1) -> Callable[[], bool]:
    return lambda: len(place.server.bodies(call)) >= times


def active(place: Place) -> list[bool]:
    return [each for _, each in place.schedules]


def test_a_run_that_is_being_made_may_exist(place: Place) -> None:
    place.server.fails(place.create_run, "hang", after=True)
    with interrupted(lambda: bool(place.runs)) as notes:
        submit(place.target, place.compiled, Options(), QUICK)
    # Its name is made up, so that nobody else knows it.
    [name], [note] = place.runs, notes
    assert note.startswith(f"the run {name} may exist; look for it at http")
    assert "/runs" in note


def test_a_run_that_is_looked_for_may_exist(place: Place) -> None:
    place.server.fails(place.create_run, "drop", times=9)
    # On Kubeflow one look before the creation and one after it are answered.
    looks, number = ("GET .*/runs", 3) if "apis" in place.create_run else (place.get_run, 1)
    patience = Patience(sleep=lambda _: place.server.fails(looks, "hang"))
    with interrupted(asked(place, looks, number)) as notes:
        submit(place.target, place.compiled, Options(), patience)
    [note] = notes
    assert note.startswith("the run penguins-")
    assert " may exist; look for it at http" in note


def test_before_a_run_is_made_nothing_is_said(place: Place) -> None:
    place.server.fails(".*", "hang")
    with interrupted(asked(place, ".*")) as notes:
        submit(place.target, place.compiled, Options(run_name="first"), QUICK)
    assert notes == []


@pytest.mark.parametrize("worked", [True, False])
def test_an_old_schedule_stays_paused_beside_one_that_may_be_there(place: Place, worked: bool) -> None:
    first = submit(place.target, place.compiled, SCHEDULED, QUICK)
    place.server.fails(place.create_schedule, "hang", after=worked)
    with interrupted(lambda: asked(place, place.create_schedule, 2)() and len(place.schedules) == 1 + worked) as notes:
        submit(place.target, place.compiled, SCHEDULED, QUICK)
    assert active(place) == ([False, True] if worked else [False])
    may_exist, paused = notes
    assert may_exist.startswith("the schedule may exist; look for it at http")
    assert paused == (
        f"left paused, as the new one may be active: {first.link}; submit again, which leaves one schedule, active"
    )
    submit(place.target, place.compiled, SCHEDULED, QUICK)
    assert active(place) == [True]


def test_a_first_schedule_has_no_old_one_to_speak_of(place: Place) -> None:
    place.server.fails(place.create_schedule, "hang")
    with interrupted(asked(place, place.create_schedule)) as notes:
        submit(place.target, place.compiled, SCHEDULED, QUICK)
    assert [note.partition(";")[0] for note in notes] == ["the schedule may exist"]


def test_before_a_schedule_is_made_the_old_one_is_resumed(place: Place) -> None:
    submit(place.target, place.compiled, SCHEDULED, QUICK)
    place.server.fails("POST .*:(disable|pause)", "hang", after=True)
    with interrupted(lambda: active(place) == [False]) as notes:
        submit(place.target, place.compiled, SCHEDULED, QUICK)
    assert active(place) == [True]
    assert notes == []


def test_an_old_schedule_that_can_not_be_resumed_is_named_after_ctrl_c(place: Place) -> None:
    first = submit(place.target, place.compiled, SCHEDULED, QUICK)
    place.server.fails("POST .*:(disable|pause)", "hang", after=True)
    place.server.fails("POST .*:(enable|resume)", "drop", times=9)
    with interrupted(lambda: active(place) == [False]) as notes:
        submit(place.target, place.compiled, SCHEDULED, QUICK)
    [note] = notes
    assert "could not be resumed" in note
    assert note.endswith(f"resume it at {first.link}")


def test_ctrl_c_again_while_the_old_one_is_resumed(place: Place) -> None:
    first = submit(place.target, place.compiled, SCHEDULED, QUICK)
    pause, resume = "POST .*:(disable|pause)", "POST .*:(enable|resume)"
    place.server.fails(pause, "hang", after=True)
    place.server.fails(resume, "hang")
    with interrupted(lambda: active(place) == [False], asked(place, resume)) as notes:
        submit(place.target, place.compiled, SCHEDULED, QUICK)
    assert notes == [f"these schedules may still be paused: {first.link}"]


def test_a_schedule_that_was_made_is_named_where_the_old_ones_could_not_be_deleted_any_more(place: Place) -> None:
    submit(place.target, place.compiled, SCHEDULED, QUICK)
    place.server.fails("DELETE .*", "hang")
    with interrupted(asked(place, "DELETE .*")) as notes:
        submit(place.target, place.compiled, SCHEDULED, QUICK)
    assert active(place) == [False, True]
    [note] = notes
    assert note.startswith("the schedule ")
    assert "was made: http" in note
    assert "submit again, or delete them at http" in note


def command(place: Place, *options: str) -> "subprocess.Popen[str]":
    """`lockgate submit` of a shipped pipeline, as a process of its own."""
    target, address = ("kubeflow", "host") if "apis" in place.create_run else ("vertex", "api_endpoint")
    program = [str(Path(sys.executable).with_name("lockgate")), "submit", str(PENGUINS)]
    settings = [f"targets.{target}.{address}={place.server.url}", f"targets.{target}.schedule={{cron: '0 3 * * 1'}}"]
    given = [each for setting in settings for each in ("--set", setting)]
    return subprocess.Popen(
        [*program, "--target", target, *given, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def signalled(process: "subprocess.Popen[str]", number: int, seen: Callable[[], bool]) -> tuple[int, str, list[str]]:
    """How a process ends that gets a signal as soon as the server has seen something."""
    pause = threading.Event()
    while process.poll() is None and not seen():
        pause.wait(0.02)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr.splitlines()


@pytest.mark.slow
def test_the_command_says_which_run_may_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["kubeflow"](monkeypatch) as place:
        place.server.fails(place.create_run, "hang", after=True)
        code, stdout, said = signalled(command(place), signal.SIGINT, lambda: bool(place.runs))
        assert (code, stdout) == (130, "")
        [name] = place.runs
        assert said == [f"the run {name} may exist; look for it at {place.server.url}/#/runs", "interrupted"]


@pytest.mark.slow
def test_the_command_prints_a_runs_link_before_it_waits_for_the_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["vertex"](monkeypatch) as place:
        place.server.progress = Answers({"jobDetail": {}})
        process = command(place, "--set", "targets.vertex.experiment=weekly")
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(2)]
        code, rest, said = signalled(process, signal.SIGTERM, asked(place, place.get_run))
        [name] = place.runs
        assert shown[0] == f"submitted: {name}\n"
        assert f"/runs/{name}?project=" in shown[1]
        assert (code, rest) == (143, "")
        assert said == [f"the run {name} goes on, perhaps outside of its experiment: {shown[1].strip()}", "terminated"]


@pytest.mark.slow
def test_the_command_says_which_schedule_is_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["vertex"](monkeypatch) as place:
        first = submit(place.target, place.compiled, SCHEDULED, QUICK)
        place.server.fails(place.create_schedule, "hang", after=True)
        process = command(place, "--schedule")
        code, stdout, said = signalled(process, signal.SIGINT, lambda: len(place.schedules) == 2)
        assert (code, stdout) == (130, "")
        assert active(place) == [False, True]
        assert said[0].startswith("the schedule may exist; look for it at https://console.cloud.google.com/")
        assert said[1].startswith(f"left paused, as the new one may be active: {first.link}; submit again")
        assert said[2:] == ["interrupted"]
