"""A rollback in a metadata store that TFX's own launcher has written: champion and baseline follow it."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from support.pushed import model
from support.stored_runs import StoredRuns
from support.toy_graph import graph
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

from components.artifacts.version_manifest import Provenance
from components.pusher.config import SigningConfig
from components.pusher.manifest import completing, pushed_now
from components.pusher.push import push
from pipeline.nodes.champion import latest_blessed
from pipeline.operate.pushing import (
    begun_now,
    make_version,
    record_killed_push,
    settle,
    to_record,
    unrecorded,
    unsettled,
)
from pipeline.operate.recorded import lost, newest_rows, record
from pipeline.operate.serving import Serving
from pipeline.results.operations import begin, operations
from pipeline.results.runs import sha256
from pipeline.results.store import stored_run
from pipeline.runners import local
from pipeline.selection import Selection

pytestmark = pytest.mark.slow


class Runs:
    """Runs of the toy graph in one root, each with a push of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.statistics: dict[str, str] = {}
        self.models: dict[str, tuple[int, str]] = {}
        self._number = 0

    def __call__(self, content: str, *, push: int = 1) -> None:
        found = self._run(graph(self.root, content=content, push=push), uncached=["Pusher"])
        self.statistics[content] = found["StatisticsGen"]["statistics"][0].uri
        [made] = found["Trainer"]["model"]
        self.models[content] = made.id, made.uri

    def champion(self) -> str:
        """Which run's model is it; "" for none."""
        node = latest_blessed()
        pipeline = Pipeline(
            pipeline_name="toy",
            pipeline_root=str(self.root),
            components=[node],
            metadata_connection_config=sqlite_metadata_connection_config(str(self.root / "metadata.sqlite")),
        )
        found = [each.id for each in self._run(pipeline)["Champion"].get("model", [])]
        return next((name for name, (number, _) in self.models.items() if [number] == found), "")

    def baseline(self) -> str:
        """Whose statistics are those that drift is measured against."""
        found = self._run(graph(self.root, content=f"look {self._number}", push=0), uncached=["Pusher"])
        uris = [each.uri for each in found["Baseline"].get("baseline_statistics", [])]
        return next((name for name, uri in self.statistics.items() if [uri] == uris), "")

    def rolled_back(self, back_from: str, to: str) -> str:
        version = model(self.root / f"serving/{1000 + self._number}", to)
        operation = begun_now(
            "rollback",
            Serving(str(self.root / "serving"), root=self.root),
            "toy",
            model=self.models[to][0],
            rolled_back_from=back_from,
            version=str(version),
        )
        record(self.root, operation.model_copy(update={"id": f"operation-{self._number}"}))
        return str(version)

    def _run(self, pipeline: Pipeline, uncached: tuple[str, ...] | list[str] = ()) -> dict:
        self._number += 1
        results = local.run(pipeline, f"run-{self._number}", Selection(), lambda _: None, seed=1, uncached=uncached)
        return {result.name: result.outputs for result in results}


@pytest.fixture
def run(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_the_newest_push_decides_and_what_was_rolled_back_from_never_does(run: Runs) -> None:
    assert run.champion() == ""
    run("a")
    run("b")
    assert (run.champion(), run.baseline()) == ("b", "b")
    run("c", push=0)
    assert run.champion() == "b"
    version = run.rolled_back("b", "a")
    assert (run.champion(), run.baseline()) == ("a", "a")
    run("d", push=0)
    assert run.champion() == "a"
    # The old model's files are gone: what was rolled back from does not come back for that.
    assert lost(run.root, version, "last_push") == ()
    shutil.rmtree(run.models["a"][1])
    [no_champion] = lost(run.root, version, "last_push")
    shutil.rmtree(run.statistics["a"])
    assert lost(run.root, version, "none") == (no_champion,)
    assert [each.partition(" of ")[0] for each in lost(run.root, version, "last_push")] == [
        "the Model artifact",
        "the statistics",
    ]
    assert (run.champion(), run.baseline()) == ("", "")
    run("d")
    assert (run.champion(), run.baseline()) == ("d", "d")


def test_what_was_killed_after_the_push_is_recorded_by_the_next(run: Runs) -> None:
    run("a")
    run("b")
    serving = Serving(str(run.root / "serving"), root=run.root)
    killed = begun_now("rollback", serving, "toy", model=run.models["a"][0], rolled_back_from="7")
    begin(run.root, killed)  # before the push
    begun = begin(run.root, killed)  # after it
    complete = completing(Provenance(), pushed_now("rollback", operation=begun.id), None)
    version, _ = push(model(run.root / "old", "a"), Path(serving.base), {}, complete)
    assert f"was killed: the rollback {begun.id} and" in unsettled(run.root, serving.base)
    [(foreseen, node)] = to_record(run.root, serving.base)
    assert (foreseen.id, foreseen.version, node) == (begun.id, str(version), "")
    assert run.champion() == "b", "a plan records nothing here"
    finished = settle(run.root)
    assert [(each.id, each.version) for each in finished] == [(begun.id, str(version))]
    assert [each.state for each in operations(run.root)] == ["done", "abandoned"]
    assert run.champion() == "a"
    assert settle(run.root) == []


def test_a_run_that_was_killed_after_its_push_is_recorded_by_the_next(run: Runs) -> None:
    base = run.root / "serving"
    run("a")
    run("b", push=0)  # TFX's record of a push is what is missing
    name = "run-2"
    (run.root / "runs" / name).mkdir(parents=True)
    config = run.root / "runs" / name / "config.yaml"
    config.write_text("name: toy\n")
    made_from = Provenance(pipeline="toy", run=name, config_sha256=sha256(config))
    version, _ = push(model(run.root / "b", "b"), base, {}, completing(made_from, pushed_now("run"), None))
    assert run.champion() == "a"
    config.write_text("name: of another root\n")
    assert unrecorded(run.root, str(base)) is None
    config.write_text("name: toy\n")
    assert f"was killed: the push of {version}; the next" in unsettled(run.root, str(base))
    [(foreseen, node)] = to_record(run.root, str(base))
    assert (foreseen.version, foreseen.model, node) == (str(version), run.models["b"][0], "Pusher")
    assert record_killed_push(run.root, str(base)) == f"the push of {version} by run {name}, which was killed in it"
    assert (run.champion(), run.baseline()) == ("b", "b")
    assert record_killed_push(run.root, str(base)) == ""
    assert unsettled(run.root, str(base)) == ""
    assert stored_run(run.root, name)["Pusher"].output("pushed_model") is not None


def test_the_smoke_test_of_a_rollback_reads_the_rows_of_its_own_pipeline(tmp_path: Path) -> None:
    found = {}
    for name in ("birds", "orders"):
        runs = StoredRuns(tmp_path, name)
        outputs = {"examples": "Examples", "schema": "Schema"}
        made = runs.node(f"run of {name}", "ExampleGen", outputs=outputs, properties={"input_fingerprint": "x"})
        rows, schema = runs.folder(made[0]) / "Split-train", runs.folder(made[1]) / "schema.pbtxt"
        rows.mkdir()
        schema.touch()
        found[name] = rows, schema
    assert {name: newest_rows(tmp_path, name, "train") for name in found} == found
    assert newest_rows(tmp_path, "another", "train") is None


def test_a_push_that_is_killed_in_the_middle_leaves_no_version_and_is_told_of(tmp_path: Path) -> None:
    killing = SigningConfig(
        sign=("sh", "-c", "kill -9 $PPID; sleep 10", "{file}", "{signature}"), verify=("true", "{file}", "{signature}")
    )
    base, old = tmp_path / "serving", model(tmp_path / "old", "a")
    child = os.fork()
    if child == 0:
        serving = Serving(str(base), killing)
        make_version(tmp_path, serving, begun_now("rollback", serving, "toy"), str(old), Provenance())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert [each.name.startswith(".pushing-") for each in base.iterdir()] == [True]
    serving = Serving(str(base))
    assert settle(tmp_path, serving) == []
    assert [each.state for each in operations(tmp_path)] == ["abandoned"]
    made = make_version(tmp_path, serving, begun_now("rollback", serving, "toy"), str(old), Provenance())
    assert made.state == "done"
    assert [str(each) for each in base.iterdir()] == [made.version]
    # What is served already is not pushed again.
    again = make_version(tmp_path, serving, begun_now("push", serving, "toy"), str(old), Provenance())
    assert (again.state, again.version, again.why) == ("abandoned", "", f"{made.version} already is this model")
    assert [str(each) for each in base.iterdir()] == [made.version]
