"""A plan before each of many single edits, beside what the run that follows does: in one root, on penguins."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.fork_server import ForkServer

PENGUINS = Path(__file__).parent.parent.parent / "data/penguins"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CONFIG = """
name: birds
root: output
seed: 7
data: {path: birds.csv, schema: schema.pbtxt}
features:
  label: {column: species, task: multiclass, classes: [Adelie, Chinstrap, Gentoo]}
  numeric:
    - {columns: [bill_length_mm, bill_depth_mm, flipper_length_mm], missing: {fill: mean}, scale: z_score}
  categorical:
    - {columns: [island]}
  preprocessing_fn: birds_own.heavy
  preprocessing_columns: [body_mass_g]
model: {family: mlp, params: {hidden: [8]}}
train: {batch_size: 64, epochs: 1, early_stopping: null, learning_rate: 0.05}
data_gate: {min_rows: {train: 30}}
evaluate:
  thresholds: [{metric: accuracy, min: 0.01}]
  skill: {severity: "off"}
  small_tree: {severity: "off"}
smoke_test:
  rows: 16
  search: {seconds: 0.1}
  budgets: {requests: 10}
  severity: {feature_effect: "off", ignored_features: "off", endurance: "off", constant: "off"}
"""
OWN = """
from preprocessing import raw_columns


def heavy(inputs, custom_config):
    import tensorflow as tf

    mass = raw_columns.numbers(raw_columns.single(inputs["body_mass_g"]))
    return {"heavy": tf.where(tf.math.is_nan(mass), 0.0, mass / 5000.0)}
"""
GATES_AND_PUSH = {"DataGate", "Evaluator", "SmokeTest", "Pusher"}
ASK = {"Baseline", "Champion"}


@dataclass
class Birds:
    """A pipeline of its own, whose files the tests edit."""

    folder: Path
    forks: ForkServer

    def lockgate(self, *arguments: str) -> dict[str, Any]:
        """What a command prints with --json."""
        code, stdout, stderr = self.ended(*arguments, "--json")
        assert code in (0, 3), stderr
        return json.loads(stdout)

    def ended(self, *arguments: str) -> tuple[int, str, str]:
        """How a command ends, and what it prints."""
        files = [self.folder / "stdout", self.folder / "stderr"]
        for each in files:
            each.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")]),
        }
        code = self.forks.lockgate(arguments, environment, self.folder, *files)
        stdout, stderr = (each.read_text(encoding="utf-8") for each in files)
        return code, stdout, stderr

    def planned_and_done(self, *options: str) -> tuple[dict[str, Any], dict[str, str]]:
        """A plan, and the states of the run that follows."""
        before = sorted(self.folder.glob("output/**/*"))
        plan = self.lockgate("plan", "pipeline.yaml", *options)
        assert sorted(self.folder.glob("output/**/*")) == before, "a plan writes nothing"
        return plan, self.lockgate("run", "pipeline.yaml", *options)["states"]

    def step(self, plan: dict[str, Any], name: str) -> dict[str, Any]:
        """One component of a plan."""
        return next(each for each in plan["steps"] if each["name"] == name)


def same(plan: dict[str, Any], states: dict[str, str]) -> set[str]:
    """The names of what ran, when the plan named exactly these."""
    said = {each["name"]: "done" if each["state"] == "runs" else each["state"] for each in plan["steps"]}
    assert said == states
    return {name for name, state in states.items() if state == "done"} - ASK


@pytest.fixture(scope="module")
def birds(forks: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Birds:
    """A root in which a model was pushed, and then a run changed nothing."""
    folder = tmp_path_factory.mktemp("birds")
    shutil.copyfile(PENGUINS / "penguins.csv", folder / "birds.csv")
    shutil.copyfile(PENGUINS / "schema.pbtxt", folder / "schema.pbtxt")
    (folder / "pipeline.yaml").write_text(CONFIG)
    (folder / "birds_own.py").write_text(OWN)
    made = Birds(folder, forks)
    plan, states = made.planned_and_done()
    assert same(plan, states) == {*states} - ASK
    assert all("nothing in the cache" in each["reasons"][0] for each in plan["steps"] if not each["asks"])
    # There is a push now to compare the data and the model with.
    plan, states = made.planned_and_done()
    assert same(plan, states) == GATES_AND_PUSH
    assert [each["field"] for each in made.step(plan, "DataGate")["changes"]] == ["baseline_statistics"]
    assert [(each["field"], each["old"]) for each in made.step(plan, "SmokeTest")["changes"]] == [
        ("champion", "nothing")
    ]
    return made


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = (folder / file).read_text()
        assert text.count(old) == 1
        (folder / file).write_text(text.replace(old, new))

    return edit


def a_row_more(folder: Path) -> None:
    lines = (folder / "birds.csv").read_text().splitlines()
    (folder / "birds.csv").write_text("\n".join([*lines, lines[1]]) + "\n")


@dataclass(frozen=True)
class Edit:
    """An edit, how far the run goes, what runs then, and the one difference that the plan names."""

    make: Callable[[Path], None]
    runs: set[str]
    old: str
    last: str = ""
    setting: str = ""


def set_to(old: str, new: str) -> Callable[[Path], None]:
    return replaced("pipeline.yaml", old, new)


DATA = {"ExampleGen", "StatisticsGen", "ExampleValidator", "DataGate"}
SCHEMA = {"ImportSchemaGen", "ExampleValidator", "DataGate"}
EDITS = {
    "data": Edit(a_row_more, DATA, "1 file, ", "DataGate"),
    "feature": Edit(set_to("z_score", "none"), {"Transform"}, '"z_score"', setting="features.numeric.0.scale"),
    "own code": Edit(replaced("birds_own.py", "5000.0", "6000.0"), {"Transform"}, ""),
    "model parameter": Edit(set_to("[8]", "[4]"), {"Trainer"}, "[8]", setting="model.params.hidden"),
    "seed": Edit(set_to("seed: 7", "seed: 8"), {"Trainer"}, "7", setting="seed"),
    "threshold": Edit(set_to("0.01", "0.02"), {"Evaluator"}, "0.01", setting="evaluate.thresholds.0.min"),
    "data gate": Edit(set_to("train: 30", "train: 31"), {"DataGate"}, "30", setting="data_gate.min_rows.train"),
    "smoke test": Edit(set_to("rows: 16", "rows: 17"), {"SmokeTest"}, "16", setting="smoke_test.rows"),
    "schema": Edit(replaced("schema.pbtxt", "max: 300", "max: 301"), SCHEMA, '"int_domain', "DataGate"),
}


USUAL = ("data", "feature", "model parameter", "threshold")
"""Own code is edited in the test of resume; LOCKGATE_EVERY_EDIT=1 tries all of them."""


@pytest.mark.parametrize("name", EDITS if os.environ.get("LOCKGATE_EVERY_EDIT") else USUAL)
def test_after_any_single_edit_the_plan_names_what_then_runs_and_why(birds: Birds, name: str) -> None:
    edit = EDITS[name]
    saved = {each: (each.read_bytes(), each.stat()) for each in birds.folder.glob("*.*")}
    try:
        edit.make(birds.folder)
        plan, states = birds.planned_and_done("--to", edit.last or next(iter(edit.runs)))
    finally:
        for file, (content, stat) in saved.items():
            file.write_bytes(content)
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert same(plan, states) == edit.runs
    [change] = birds.step(plan, plan["first"])["changes"]
    assert change["old"].startswith(edit.old)
    assert change["new"] != change["old"]
    assert change["setting"] == edit.setting


def test_a_run_that_failed_is_resumed_from_the_step_that_failed(birds: Birds) -> None:
    own = birds.folder / "birds_own.py"
    try:
        own.write_text(OWN.replace("mass / 5000.0", "no_such_name"))
        code, _, stderr = birds.ended("run", "pipeline.yaml", "--to", "Transform")
        assert code == 1
        assert "error: Transform" in stderr
        own.write_text(OWN.replace("5000.0", "7000.0"))
        code, stdout, stderr = birds.ended("resume", "pipeline.yaml", "--json")
    finally:
        own.write_text(OWN)
    assert code == 0, stderr
    [failed] = [
        each for each in json.loads(birds.ended("runs", "pipeline.yaml", "--json")[1]) if each["state"] == "failed"
    ]
    assert f"resume: {failed['id']} (--to Transform): failed in Transform: " in stderr
    assert "first step that runs: Transform" in stderr
    assert "reused: ExampleGen, ImportSchemaGen, StatisticsGen, ExampleValidator, DataGate" in stderr
    result = json.loads(stdout)
    assert result["state"] == "stopped", "as far as the run was asked to go"
    assert [name for name, state in result["states"].items() if state == "done" and name not in ASK] == ["Transform"]
    dry = birds.lockgate("run", "pipeline.yaml", "--dry-run", "--to", "Transform")
    assert {each["name"]: each["state"] for each in dry["steps"]}["Transform"] == "cached"
    why = birds.lockgate("why-cached", result["run_dir"], "Transform")
    assert [each["kind"] for each in why["changes"]] == ["code"]
    assert birds.lockgate("why-cached", result["run_dir"], "DataGate")["state"] == "cached"
