"""The baseline of each kind, found in a metadata store that TFX's own launcher has written."""

import shutil
from pathlib import Path

import pytest
from support.toy_graph import BASELINE_FILE, graph

from pipeline.nodes.baseline import baseline
from pipeline.runners import local
from pipeline.selection import Selection

# TFX's own calls of protobuf, which Python attributes to the module that calls TFX.
pytestmark = pytest.mark.slow


class Runs:
    """Runs of one graph in one root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._number = 0
        self._state = {}
        self.statistics = ""
        """Where the last run's statistics are."""

    def __call__(self, **settings: object) -> str:
        """Runs once. Where the statistics are that the gate was given, or ""."""
        self._number += 1
        results = local.run(
            graph(self._root, **settings),
            f"run-{self._number}",
            Selection(),
            lambda _: None,
            seed=1,
            uncached=["Pusher"],
            stops={"DataGate": "verdict"},
        )
        outputs = {result.name: result.outputs for result in results}
        self._state = {result.name: result.state for result in results}
        self.statistics = outputs["StatisticsGen"]["statistics"][0].uri
        return Path(outputs["DataGate"]["verdict"][0].uri, BASELINE_FILE).read_text(encoding="utf-8")

    def state(self, name: str) -> str:
        return self._state[name]


@pytest.fixture
def run(tmp_path):
    return Runs(tmp_path)


def test_the_last_push(run, caplog):
    assert run(content="a", push=0) == ""  # the first run
    assert run(content="b") == ""  # the one before did not push
    pushed = run.statistics
    assert run(content="c", blessed=0) == pushed
    assert run(content="d", push=0) == pushed
    assert run(content="a", push=1) == pushed
    # What came from the cache belongs to the first run's execution, and was pushed by the last one.
    assert run.state("Trainer") == "cached"
    again = run.statistics
    assert again != pushed
    assert run(content="e") == again
    newest = run.statistics
    # Without its files the push before it is the measure.
    shutil.rmtree(newest)
    assert run(content="f", push=0) == again
    assert any(newest in record.getMessage() for record in caplog.records if record.name == "lockgate")
    # One more push of the same data: compared with itself.
    assert run(content="b") == again
    assert run(content="b") == run.statistics == pushed


def test_the_span_before(run):
    def spans(**settings):
        return run(kind="previous_span", **settings)

    assert spans(span=3) == ""
    third = run.statistics
    assert spans(span=3, content="version 2") == ""
    corrected = run.statistics
    assert spans(span=5, blessed=0) == corrected
    refused = run.statistics
    assert spans(span=6) == corrected  # not the refused one
    assert spans(span=5) == corrected
    assert run.statistics == refused
    assert spans(span=6) == refused  # accepted meanwhile
    assert run.statistics != refused
    assert spans(span=4) == corrected  # an old span again
    assert third != corrected


def test_no_baseline_is_no_node(run):
    assert baseline("none", None) is None
    assert run(kind="none") == ""
    assert run(kind="none", content="next") == ""
