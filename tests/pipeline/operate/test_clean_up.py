"""What a clean-up keeps and removes, on stores that hold what TFX's launcher would have written."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.pushed import model, provenance, pushed
from support.stored_runs import SIZE, Execution, StoredRuns

from pipeline.operate.clean_up import Rule, clean_up
from pipeline.operate.inside import Inside
from pipeline.operate.removal import remove
from pipeline.operate.retention import Keeper
from pipeline.operate.stored import connection, stored_pipeline
from pipeline.report.written import cleaned
from pipeline.results.operations import Operation, begin, store

FIRST, SECOND, THIRD = "20260101T000000Z", "20260102T000000Z", "20260103T000000Z"


class Toy:
    """Three runs: the second takes the first one's data from the cache, the third reads new data."""

    def __init__(self, root: Path) -> None:
        self.runs = StoredRuns(root)
        node = self.runs.node
        self.runs.run(FIRST, state="pushed")
        self.examples, self.model = self._data(FIRST), []
        [self.graph, self.transformed] = node(
            FIRST, "Transform", [self.examples], {"graph": "TransformGraph", "transformed": "Examples"}
        )
        self.model += self._train(FIRST, [])
        self.runs.run(SECOND, state="refused")
        node(SECOND, "ExampleGen", cached=[self.examples])
        node(SECOND, "Transform", [self.examples], cached=[self.graph, self.transformed])
        self.model += self._train(SECOND, self.model[:1])
        self.runs.run(THIRD, state="pushed")
        self.new_examples = self._data(THIRD)
        [self.new_graph] = node(THIRD, "Transform", [self.new_examples], {"graph": "TransformGraph"})
        self.transformed_before, self.graph_before = self.transformed, self.graph
        self.graph, self.transformed = self.new_graph, self.new_graph
        self.model += self._train(THIRD, self.model[:1])

    def _data(self, run: str) -> int:
        return self.runs.node(run, "ExampleGen", (), {"examples": "Examples"})[0]

    def _train(self, run: str, champion: list[int]) -> list[int]:
        self.runs.node(run, "Champion", found=champion)
        model, logs = self.runs.node(
            run, "Trainer", [self.graph, self.transformed], {"model": "Model", "model_run": "ModelRun"}
        )
        self.runs.node(run, "Evaluator", [model, *champion], {"blessing": "ModelBlessing"})
        self.logs = logs
        return [model]

    def outputs_of(self, node: str) -> list[int]:
        """The outputs of a node."""
        return [each.id for each in self.runs.store.get_artifacts() if Path(each.uri).parts[-3] == node]

    def plan(self, keep: int, *others: Keeper, age: int | None = None, records: bool = False, base: str = "/nowhere"):
        rule = Rule(keep, 1, age, records)
        stored = stored_pipeline(connection(self.runs.root), "toy")
        return clean_up(Inside(self.runs.root), stored, rule, others, base, idle=True)

    def clean(self, keep: int, *others: Keeper, records: bool = False) -> int:
        store = connection(self.runs.root, writes=True)
        stored = stored_pipeline(store, "toy")
        found = clean_up(Inside(self.runs.root), stored, Rule(keep, 1, None, records), others, "/nowhere", idle=True)
        return remove(Inside(self.runs.root), store, stored, found)


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path / "root")


def going(plan) -> set[int]:
    return {each.number for each in plan.going}


def test_everything_stays_where_every_run_is_kept(toy):
    plan = toy.plan(3)
    assert plan.going == ()
    assert plan.records == ()
    assert plan.size() == 0
    assert [each.name for each in plan.stays] == [f"run {each}" for each in (THIRD, SECOND, FIRST)]


def test_a_kept_run_keeps_its_ancestors_and_what_it_compared_with(toy):
    plan = toy.plan(1)
    # The third run's own, and the champion that it found, with what the same execution made; not the champion's past.
    live = {artifact.id for artifact in toy.runs.store.get_artifacts()}
    champion_run = {toy.model[0], toy.model[0] + 1}
    third = {each for each in live if each >= toy.new_examples}
    assert live - going(plan) == champion_run | third
    assert plan.size() == SIZE * len(plan.going) + SIZE  # and the log of the second run, of which nothing is kept
    assert [each.path.parent.name for each in plan.records] == [SECOND]


def test_what_came_from_the_cache_belongs_to_the_run_that_used_it(toy):
    plan = toy.plan(2)
    assert not going(plan) & {toy.examples, toy.graph_before, toy.transformed_before}
    # Of the first run only its verdict on the model goes: nobody kept reads it.
    assert {each.kind for each in plan.going} == {"ModelBlessing"}


def test_what_is_served_is_kept_with_its_ancestors(toy):
    plan = toy.plan(0, Keeper("served version 7", frozenset([toy.model[0]])))
    live = {artifact.id for artifact in toy.runs.store.get_artifacts()}
    trained = {toy.model[0], toy.model[0] + 1}
    assert live - going(plan) == {toy.examples, toy.graph_before, toy.transformed_before, *trained}
    assert [(each.name, each.artifacts, each.size) for each in plan.stays] == [("served version 7", 5, 5 * SIZE)]


def test_younger_runs_are_kept(toy):
    age = int(time.time() - 1767312000) + 3600  # an hour before 2026-01-02T00:00:00Z
    assert going(toy.plan(0, age=age)) == going(toy.plan(2))
    assert going(toy.plan(1, age=60)) == going(toy.plan(1))


def test_a_clean_up_removes_files_and_says_so_in_the_store(toy):
    plan = toy.plan(1)
    folders = {each.number: each.path for each in plan.going}
    stay = {artifact.id for artifact in toy.runs.store.get_artifacts()} - set(folders)
    assert toy.clean(1) == plan.size()
    assert {toy.runs.state(each) for each in folders} == {"DELETED"}
    assert not any(folder.exists() for folder in folders.values())
    for each in stay:
        assert toy.runs.state(each) == "LIVE"
        assert (toy.runs.folder(each) / "content").stat().st_size == SIZE
    assert toy.plan(1).size() == 0
    assert not (toy.runs.root / ".trash").exists()
    assert cleaned(toy.runs.root / "runs" / THIRD) == ""
    assert cleaned(toy.runs.root / "runs" / SECOND).startswith("6 of the run's 6 artifacts were removed by lockgate gc")


def test_what_stays_is_the_same_for_the_keys_of_the_cache(toy):
    before = {each.id: each for each in toy.runs.store.get_artifacts()}
    toy.clean(1)
    for each in toy.runs.store.get_artifacts():
        if toy.runs.state(each.id) == "LIVE":
            # TFX hashes the whole of it, its times too.
            assert each.SerializeToString(deterministic=True) == before[each.id].SerializeToString(deterministic=True)


KILLED = """
import os, signal, sys
from pathlib import Path
from support.pushed import model, provenance, pushed
from support.stored_runs import StoredRuns
from pipeline.operate.clean_up import Rule, clean_up
from pipeline.operate.inside import Inside
from pipeline.operate.removal import remove
from pipeline.operate.stored import connection, stored_pipeline

left = int(sys.argv[2])
def look(event, arguments):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

root = Path(sys.argv[1])
store = connection(root, writes=True)
stored = stored_pipeline(store, "toy")
found = clean_up(Inside(root), stored, Rule(1, 1, None, False), (), "/nowhere", idle=True)
sys.addaudithook(look)
remove(Inside(root), store, stored, found)
"""


@pytest.mark.parametrize("moment", [1, 4, 9, 20])
def test_the_next_one_finishes_what_a_killed_one_began(tmp_path, moment):
    undisturbed, toy = Toy(tmp_path / "undisturbed"), Toy(tmp_path / "root")
    undisturbed.clean(1)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(toy.runs.root), str(moment)], env=environment, timeout=120)
    assert done.returncode == -9
    # What was marked is out of the cache's reach; what is live has its files.
    for artifact in toy.runs.store.get_artifacts():
        if toy.runs.state(artifact.id) == "LIVE":
            assert (Path(artifact.uri) / "content").exists()
    toy.clean(1)
    states = [
        [toy.runs.state(artifact.id) for artifact in each.runs.store.get_artifacts()] for each in (toy, undisturbed)
    ]
    assert states[0] == states[1]
    names = [{path.relative_to(each.runs.root) for path in each.runs.root.rglob("*")} for each in (toy, undisturbed)]
    assert names[0] == names[1]


def test_what_leads_out_of_the_root_is_left(toy, tmp_path):
    outside = tmp_path / "outside"
    (toy.runs.root / "Evaluator").rename(outside)
    (toy.runs.root / "Evaluator").symlink_to(outside)
    inside = sorted(outside.rglob("*"))
    model = toy.runs.folder(toy.model[1])
    target = tmp_path / "target"
    model.rename(target)
    model.symlink_to(target)
    (toy.runs.folder(toy.examples) / "link").symlink_to(outside)
    plan = toy.plan(0)
    assert set(plan.foreign) == {str(toy.runs.folder(each)) for each in toy.outputs_of("Evaluator")} | {str(model)}
    toy.clean(0)
    assert sorted(outside.rglob("*")) == inside
    assert (target / "content").exists()
    assert model.is_symlink()
    assert not toy.runs.folder(toy.examples).exists()


def test_another_pipelines_files_are_left(toy):
    other = StoredRuns(toy.runs.root, "other")
    other.run("20250101T000000Z", state="pushed")
    [examples] = other.node("20250101T000000Z", "ExampleGen", (), {"examples": "Examples"})
    other.node("20250101T000000Z", "Trainer", state=Execution.RUNNING)
    partial = toy.runs.root / "Trainer/model" / str(max(each.id for each in other.store.get_executions()))
    partial.mkdir()
    toy.clean(0, records=True)
    assert other.state(examples) == "LIVE"
    assert other.folder(examples).exists()
    assert partial.exists()
    assert (toy.runs.root / "runs/20250101T000000Z/log.txt").exists()


def test_records_stay_without_the_log(toy):
    folder = toy.runs.root / "runs" / FIRST
    (folder / "report-against-20260102T000000Z.html").write_text("x")
    (folder / "report.json").write_text("{}")
    toy.clean(0)
    assert sorted(each.name for each in folder.iterdir()) == [
        "cleaned.json",
        "config.yaml",
        "report.json",
        "result.json",
    ]


def test_records_go_when_asked_unless_the_version_is_there(tmp_path):
    toy = Toy(tmp_path / "root")
    version = tmp_path / "serving/7"
    version.mkdir(parents=True)
    runs = toy.runs.root / "runs"
    (runs / FIRST / "result.json").write_text(f'{{"state": "pushed", "pushed": "{version}"}}')
    (runs / SECOND / "result.json").write_text(f'{{"state": "pushed", "pushed": "{version}9"}}')
    toy.clean(0, records=True)
    assert sorted(each.name for each in runs.iterdir()) == [FIRST]


def test_records_of_a_run_that_was_pushed_by_hand_or_rolled_back_to_stay(tmp_path):
    toy = Toy(tmp_path / "root")
    root, base = toy.runs.root, tmp_path / "serving"
    served = pushed(model(tmp_path / "model", "x"), str(base), provenance(SECOND))
    elsewhere = model(tmp_path / "elsewhere/7", "y")
    push = Operation(id="", kind="push", state="begun", by="me", pipeline="toy", run=THIRD, serving="elsewhere")
    begun = begin(root, push)
    store(root, begun.model_copy(update={"state": "done", "version": str(elsewhere)}))

    def going() -> set[str]:
        found = toy.plan(0, records=True, base=str(base)).records
        return {each.path.name for each in found if each.path.parent == root / "runs"}

    assert going() == {FIRST}
    shutil.rmtree(elsewhere)
    assert going() == {FIRST, THIRD}
    shutil.rmtree(served)
    assert going() == {FIRST, SECOND, THIRD}


def test_leftovers_of_killed_executions_go(toy):
    runs, root = toy.runs, toy.runs.root
    runs.run("20260104T000000Z")
    runs.node("20260104T000000Z", "Trainer", state=Execution.RUNNING)
    number = str(max(each.id for each in runs.store.get_executions()))
    made = str(max(each.id for each in runs.store.get_executions() if each.last_known_state == Execution.COMPLETE))
    lost = [
        root / "Trainer/model" / number / "Format-Serving/half",
        root / "Trainer/.system/executor_execution" / number / ".temp/x",
        root / "ExampleGen/examples" / toy.runs.folder(toy.new_examples).name / ".ingest-0123abcd/part",
        root / "ExampleGen/.system/driver_execution/17/driver_output.pb",
        root / "runs/20260105T000000Z/.config.yaml",
        root / "runs/20260104T000000Z/.result.json",
    ]
    stays = [root / "Trainer/model/999999/x", root / "notes/of a person", root / "Evaluator/blessing" / made / "more"]
    for file in (*lost, *stays):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x" * SIZE)
    plan = toy.plan(4)
    assert plan.going == ()
    assert plan.size() == SIZE * len(lost)
    assert toy.clean(4) == SIZE * len(lost)
    assert [file for file in lost if file.exists()] == []
    assert [file for file in stays if not file.exists()] == []
    assert not (root / "Trainer/model" / number).exists()


def test_an_unfinished_training_of_a_kept_run_stays(toy):
    root = toy.runs.root
    for name, moment in (("old", 1767225600), ("new", 1767398400 + 60)):  # 2026-01-01, and after the third run began
        folder = root / "Trainer/.checkpoints" / name
        folder.mkdir(parents=True)
        (folder / "state").write_text("x")
        for each in (folder / "state", folder):
            os.utime(each, (moment, moment))
    toy.clean(1)
    assert [each.name for each in (root / "Trainer/.checkpoints").iterdir()] == ["new"]


def test_what_a_component_of_a_kept_run_wrote_that_failed_stays(toy):
    runs, root = toy.runs, toy.runs.root
    for run, name in (("20260104T000000Z", "kept"), ("20251231T000000Z", "gone")):
        runs.run(run)
        runs.node(run, "Trainer", state=Execution.FAILED)
        number = max(each.id for each in runs.store.get_executions())
        (root / "Trainer/model" / str(number)).mkdir()
        (root / "Trainer/model" / str(number) / name).write_text("x")
    toy.clean(1)
    assert [each.name for each in (root / "Trainer/model").glob("*/*") if each.name in ("kept", "gone")] == ["kept"]
