"""Two nodes at once, each through TFX's launcher: their order, their ends, and what a run after them finds."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from support import toy_beside
from support.toy_beside import graph

from components import alongside
from pipeline.runners import local
from pipeline.selection import Selection

pytestmark = pytest.mark.slow

SECONDS = 60
"""After which a test has failed."""


@pytest.fixture
def acts(monkeypatch):
    """What the components do."""
    monkeypatch.setattr(toy_beside, "acts", {})
    return toy_beside.acts


@pytest.fixture
def heard():
    """What the listener heard, in order: (node, state)."""
    return []


@pytest.fixture
def run(tmp_path, heard):
    """Runs the graph once more in the same root. The state of each node."""

    def run_(selection=None, data=0, prepare=None):
        heard.clear()
        number = sum(1 for _ in tmp_path.glob("run-*"))
        (tmp_path / f"run-{number}").mkdir()
        results = local.run(
            graph(tmp_path, data=data),
            f"run-{number}",
            selection or Selection(),
            lambda node: heard.append((node.name, node.state, node.error)),
            seed=1,
            beside=["SmokeTest"],
            prepare=prepare,
        )
        return {result.name: result.state for result in results}

    return run_


def recorded(root: Path) -> dict[str, list[str]]:
    """The states in the metadata store, by component, in the order of the executions."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.sqlite")
    store = MetadataStore(connection)
    states: dict[str, list[str]] = {}
    for kind in store.get_execution_types():
        name = kind.name.rpartition(".")[2].removesuffix("_component")
        for execution in sorted(store.get_executions_by_type(kind.name), key=lambda each: each.id):
            states.setdefault(name, []).append(metadata_store_pb2.Execution.State.Name(execution.last_known_state))
    return states


def until_interrupted():
    """What a component does that waits for something which never comes."""
    ended = threading.Event()
    for _ in range(int(SECONDS / alongside.SECONDS_BETWEEN_CHECKS)):
        alongside.check_interrupt()
        ended.wait(alongside.SECONDS_BETWEEN_CHECKS)
    pytest.fail("nobody interrupted it")


def threads():
    return {thread.name for thread in threading.enumerate()}


def test_both_work_at_once_but_for_what_is_measured_alone(run, acts, heard, tmp_path):
    meeting, asking, order = threading.Barrier(2), threading.Event(), []

    def smoke_test():
        order.append("measured")
        alongside.let_others_work()
        meeting.wait(SECONDS)
        order.append("asks for the machine")
        asking.set()
        alongside.wait_until_alone()
        order.append("measured again")

    def evaluator():
        order.append("evaluates")
        meeting.wait(SECONDS)
        assert asking.wait(SECONDS)
        order.append("evaluated")

    acts.update(SmokeTest=smoke_test, Evaluator=evaluator)
    assert run() == dict.fromkeys(("ExampleGen", "Trainer", "Evaluator", "SmokeTest", "Pusher"), "done")
    assert order == ["measured", "evaluates", "asks for the machine", "evaluated", "measured again"]
    began = [name for name, state, _ in heard if state == "running"]
    assert began == ["ExampleGen", "Trainer", "SmokeTest", "Evaluator", "Pusher"]
    assert [name for name, state, _ in heard if state == "done"][-3:] == ["Evaluator", "SmokeTest", "Pusher"]
    assert set(map(tuple, recorded(tmp_path).values())) == {("COMPLETE",)}
    acts.clear()
    assert run() == dict.fromkeys(("ExampleGen", "Trainer", "Evaluator", "SmokeTest", "Pusher"), "cached")
    assert "SmokeTest" not in threads()


def test_one_that_never_shares_the_machine_is_over_before_the_other_begins(run, acts):
    order = []
    acts.update(SmokeTest=lambda: order.append("SmokeTest"), Evaluator=lambda: order.append("Evaluator"))
    run()
    assert order == ["SmokeTest", "Evaluator"]


@pytest.mark.parametrize(("failing", "other"), [("SmokeTest", "Evaluator"), ("Evaluator", "SmokeTest")])
def test_a_failure_names_its_component_and_the_other_one_is_finished_and_kept(run, acts, heard, failing, other):
    meeting, failed = threading.Barrier(2), threading.Event()

    def meet():
        alongside.let_others_work()
        meeting.wait(SECONDS)

    def fail():
        meet()
        failed.set()
        raise ValueError(f"{failing} is wrong")

    def finish():
        meet()
        assert failed.wait(SECONDS)

    acts.update({failing: fail, other: finish})
    with pytest.raises(ValueError, match=f"{failing} is wrong") as caught:
        run()
    ends = {name: (state, error) for name, state, error in heard if state != "running"}
    assert ends == {
        "ExampleGen": ("done", None),
        "Trainer": ("done", None),
        other: ("done", None),
        failing: ("failed", caught.value),
    }
    acts.clear()
    again = run()
    assert again == {"ExampleGen": "cached", "Trainer": "cached", other: "cached", failing: "done", "Pusher": "done"}


def test_where_both_fail_the_run_ends_with_one_error_and_the_log_has_the_other(run, acts, heard, caplog):
    meeting = threading.Barrier(2)

    def fail(name):
        alongside.let_others_work()
        meeting.wait(SECONDS)
        raise ValueError(f"{name} is wrong")

    acts.update({name: lambda name=name: fail(name) for name in ("Evaluator", "SmokeTest")})
    with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="Evaluator is wrong"):
        run()
    [record] = [record for record in caplog.records if record.getMessage() == "SmokeTest failed too"]
    assert str(record.exc_info[1]) == "SmokeTest is wrong"
    assert sorted(name for name, state, _ in heard if state == "failed") == ["Evaluator", "SmokeTest"]


@pytest.mark.parametrize("where", ["Evaluator", "Pusher"])
def test_an_interrupt_ends_both_and_the_next_run_goes_on(run, acts, heard, tmp_path, where):
    """In a component of the main thread, and while the main thread waits for the other."""
    meeting, interrupted = threading.Barrier(2), threading.Event()

    def smoke_test():
        alongside.let_others_work()
        meeting.wait(SECONDS)
        if where == "Pusher":
            # The main thread has nothing to do any more but to wait for this one.
            alongside.wait_until_alone()
            os.kill(os.getpid(), signal.SIGINT)
        try:
            until_interrupted()
        finally:
            interrupted.set()

    def evaluator():
        meeting.wait(SECONDS)
        if where == "Evaluator":
            signal.raise_signal(signal.SIGINT)

    acts.update(SmokeTest=smoke_test, Evaluator=evaluator)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert interrupted.is_set()
    assert "SmokeTest" not in threads()
    failed = {name for name, _, error in heard if isinstance(error, KeyboardInterrupt)}
    assert failed == ({"Evaluator", "SmokeTest"} if where == "Evaluator" else {"SmokeTest"})
    acts.clear()
    states = run()
    assert states["Trainer"] == "cached"
    assert {name for name, state in states.items() if state == "done"} == {*failed, "Pusher"}
    assert recorded(tmp_path)["SmokeTest"] == ["RUNNING", "COMPLETE"]


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from support import toy_beside
from components import alongside
from pipeline.runners import local
from pipeline.selection import Selection

meeting = threading.Barrier(2)

def smoke_test():
    alongside.let_others_work()
    meeting.wait(60)
    threading.Event().wait()

def evaluator():
    meeting.wait(60)
    os.kill(os.getpid(), signal.SIGKILL)

toy_beside.acts.update(SmokeTest=smoke_test, Evaluator=evaluator)
local.run(toy_beside.graph(Path(sys.argv[1])), "killed", Selection(), lambda node: None, seed=1, beside=["SmokeTest"])
"""


def test_after_a_kill_the_next_run_goes_on_behind_what_was_done(run, forks, tmp_path):
    program, log = tmp_path / "program", tmp_path / "log.txt"
    program.mkdir()
    (program / "killed_beside.py").write_text(KILLED)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in (str(program), *sys.path) if path)}
    code = forks.step(["python", "-m", "killed_beside", str(tmp_path)], environment, tmp_path, log)
    assert code == -signal.SIGKILL, log.read_text()
    states = recorded(tmp_path)
    assert (states["Evaluator"], states["SmokeTest"]) == (["RUNNING"], ["RUNNING"])
    assert run() == {
        "ExampleGen": "cached", "Trainer": "cached", "Evaluator": "done", "SmokeTest": "done", "Pusher": "done"
    }  # fmt: skip
    assert set(run().values()) == {"cached"}


def test_what_prepares_is_called_once_when_something_before_is_executed(run, acts):
    calls = []
    acts.update(ExampleGen=lambda: calls.append("ExampleGen"), Evaluator=lambda: calls.append("Evaluator"))
    prepare = {"SmokeTest": lambda: calls.append("prepared")}
    run(Selection(last="Trainer"), prepare=prepare)
    assert calls == ["ExampleGen"]  # SmokeTest will not run
    run(prepare=prepare)
    assert calls == ["ExampleGen", "Evaluator"]  # nothing that it depends on is new
    run(data=1, prepare=prepare)
    assert calls[2:] == ["prepared", "ExampleGen", "Evaluator"]
    calls.clear()
    run(Selection(first="Trainer"), data=1, prepare=prepare)
    assert calls == ["prepared", "Evaluator"]
