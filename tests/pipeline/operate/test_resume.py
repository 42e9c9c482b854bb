"""Which runs can be gone on with, and what is left of one."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from pipeline.config.loader import load
from pipeline.operate.resume import candidates, make_ready, unfinished
from pipeline.operate.run_view import run_view
from pipeline.results.listing import listed_runs, named_run, run_of
from pipeline.results.operations import Operation, begin, store
from pipeline.results.runs import RunRecord, only_run
from pipeline.selection import Selection
from preprocessing.errors import UserError

PENGUINS = Path(__file__).resolve().parents[3] / "data/penguins/pipeline.yaml"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def made(root):
    """Makes the record of a run that ended in a state; the runs get newer from call to call."""

    def make(state: str, *overrides: str, selection: Selection | None = None, **result: object) -> Path:
        loaded = load(PENGUINS, [f"root={root}", *overrides])
        number = sum(1 for _ in root.glob("runs/*"))
        record = RunRecord(root, loaded, selection)
        folder = record.folder.rename(record.folder.with_name(f"20260101T00000{number}Z"))
        if state != "killed":
            (folder / "result.json").write_text(json.dumps({"state": state, **result}))
        return folder

    return make


def ids(root):
    return [each.folder.name for each in candidates(root)]


def test_without_a_name_the_runs_after_the_last_good_end_are_meant_one_for_each_configuration(root, made):
    made("failed", "seed=1")
    made("pushed")
    same = [made("failed", "seed=2"), made("refused", "seed=2"), made("killed", "seed=2")]
    other = made("interrupted", "seed=3", component="Trainer")
    assert ids(root) == [other.name, same[-1].name]
    told = f"--set root={root} --set seed=3"
    assert candidates(root)[0].line() == f"{other.name} ({told}): interrupted in Trainer"
    assert [each.state for each in candidates(root)] == ["interrupted", "killed"]
    # Another part of the graph is another attempt.
    part = made("failed", "seed=2", selection=Selection(last="Transform"))
    assert ids(root) == [part.name, other.name, same[-1].name]
    made("stopped")
    with pytest.raises(UserError, match=r"no run is unfinished; the last one, .*, is stopped"):
        candidates(root)


def test_a_named_run_may_be_older_but_must_be_unfinished(made, tmp_path):
    failed = made("failed", "seed=1", component="Trainer", error="first\nsecond")
    pushed = made("pushed")
    assert unfinished(failed).line().endswith(": failed in Trainer: first")
    with pytest.raises(UserError, match="is pushed: nothing is left"):
        unfinished(pushed)
    copy = shutil.copytree(failed, tmp_path / "copied" / failed.name)
    with pytest.raises(UserError, match="a copy of a run's records"):
        unfinished(copy)


def test_a_run_without_an_end_is_running_only_while_its_root_is_held(root, made):
    made("killed", "seed=1")
    made("pushed", "seed=2")
    newest = made("killed", "seed=3")
    assert [each.state for each in listed_runs(root)] == ["killed", "pushed", "killed"]
    assert (run_view(newest)["state"], run_view(newest)["next_step"]) == ("killed", f"lockgate resume {newest}")
    with only_run(root):
        assert [each.state for each in listed_runs(root)] == ["running", "pushed", "killed"]
        assert (run_view(newest)["state"], run_view(newest)["error"]) == ("running", "it has not ended yet")


def test_a_run_that_was_pushed_by_hand_is_done(root, made):
    made("failed", "seed=1")
    refused = made("refused", "seed=2")
    push = Operation(id="", kind="push", state="begun", by="me", pipeline="penguins", run=refused.name, serving="s")
    begun = begin(root, push)
    assert ids(root)[0] == refused.name
    store(root, begun.model_copy(update={"state": "done", "version": "s/7"}))
    assert [(each.state, each.pushed) for each in listed_runs(root)] == [("pushed", "s/7"), ("failed", "")]
    with pytest.raises(UserError, match=f"the last one, {refused.name}, is pushed"):
        candidates(root)
    with pytest.raises(UserError, match="is pushed: nothing is left"):
        unfinished(refused)


def test_a_run_goes_on_with_what_it_has_stored_and_says_what_has_changed_since(root, tmp_path):
    path = tmp_path / "pipeline.yaml"
    content = yaml.safe_load(PENGUINS.read_text())
    content["data"] |= {"path": str(PENGUINS.parent / "penguins.csv"), "schema": str(PENGUINS.parent / "schema.pbtxt")}
    content["root"] = "root"
    path.write_text(yaml.safe_dump(content))
    loaded = load(path, ["train.epochs=3"])
    folder = RunRecord(root, loaded).folder
    ready = make_ready(candidates(root)[0])
    assert ready.loaded.config == loaded.config
    assert ready.loaded.root() == root
    assert ready.loaded.base == tmp_path
    assert ready.loaded.overrides == ("train.epochs=3",)
    assert ready.notes == ()
    content["train"]["learning_rate"] = 0.5
    path.write_text(yaml.safe_dump(content))
    [note] = make_ready(unfinished(folder)).notes
    assert "pipeline.yaml has changed since (train.learning_rate: 0.01 -> 0.5)" in note
    path.unlink()
    with pytest.raises(UserError, match="is not there any more"):
        make_ready(unfinished(folder))


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        (Selection(), Selection()),
        (Selection(last="Trainer"), Selection(last="Trainer")),
        # What was made anew and is done comes from the cache now; what was to be and is not, doesn't.
        (Selection(use_cache=False), Selection(first="Trainer")),
        (Selection(first="StatisticsGen", last="Evaluator"), Selection(first="Trainer", last="Evaluator")),
        (Selection(first="Evaluator"), Selection(first="Evaluator")),
        (Selection(use_cache=False, push=False), Selection(first="Trainer", push=False)),
        (Selection(last="Trainer", use_cache=False), Selection(first="Trainer", last="Trainer")),
    ],
)
def test_what_is_left_of_what_was_asked_for(made, asked, left):
    done = ["ExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "Baseline", "DataGate", "Champion"]
    states = dict.fromkeys([*done, "Transform"], "done") | {"Trainer": "failed"}
    folder = made("failed", selection=asked, states=states, component="Trainer")
    assert make_ready(unfinished(folder)).selection == left


def test_a_run_is_named_by_its_folder_or_by_its_id_in_the_current_folder(root, made, monkeypatch):
    folder = made("failed")
    made("pushed")
    assert named_run(folder) == folder.resolve()
    assert named_run(root) is None
    root.rename(root.with_name("output"))
    monkeypatch.chdir(root.parent)
    assert run_of(Path(folder.name)) == root.with_name("output") / "runs" / folder.name
    with pytest.raises(UserError, match="no such run"):
        named_run(Path("20200101T000000Z"))
