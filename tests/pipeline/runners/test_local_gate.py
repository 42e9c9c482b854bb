"""A graph run by TFX's launcher, with a gate that refuses."""

import pytest
from support.toy_graph import graph

from pipeline.runners import local
from pipeline.selection import Selection

# TFX's own calls of protobuf, which Python attributes to the module that calls TFX.
pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path):
    """Runs the graph once more in the same root. The state of each node, and what the listener heard at its end."""
    heard = []

    def run_(selection=None, **settings):
        heard.clear()
        number = sum(1 for _ in tmp_path.glob("run-*"))
        (tmp_path / f"run-{number}").mkdir()
        results = local.run(
            graph(tmp_path, **settings),
            f"run-{number}",
            selection or Selection(),
            heard.append,
            seed=1,
            uncached=["Pusher"],
            stops={"DataGate": "verdict"},
        )
        assert [node for node in heard if node.state != "running"] == results
        return {result.name: result.state for result in results}

    return run_


BEFORE = ("ExampleGen", "StatisticsGen", "ExampleValidator", "Baseline")
AFTER = ("Transform", "Trainer", "Pusher")


def test_nothing_after_a_gate_that_says_no_runs_and_a_refusal_from_the_cache_is_one_too(run):
    first = run(blessed=0)
    assert [first[name] for name in (*BEFORE, "DataGate")] == ["done"] * 5
    assert [first[name] for name in AFTER] == ["skipped"] * 3
    second = run(blessed=0)
    assert second["DataGate"] == "cached"
    assert [second[name] for name in AFTER] == ["skipped"] * 3
    # Not even what `--from` asks for, or what an earlier run left behind.
    assert run(blessed=1)["Pusher"] == "done"
    third = run(Selection(first="Trainer"), blessed=0)
    assert [third[name] for name in AFTER] == ["skipped"] * 3


def test_to_the_gate_and_behind_it(run):
    stopped = run(Selection(last="DataGate"), blessed=1)
    assert stopped["DataGate"] == "done"
    assert [stopped[name] for name in AFTER] == ["skipped"] * 3
    assert run(Selection(last="Transform"), blessed=1)["Transform"] == "done"
    assert run(Selection(last="Transform"), blessed=0)["Transform"] == "skipped"
    assert run(Selection(last="StatisticsGen"), blessed=0)["DataGate"] == "skipped"
