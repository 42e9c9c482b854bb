"""The page that a step leaves which fails, with the compiled pipeline carried out step by step on both targets."""

from pathlib import Path
from typing import Any

import pytest
from support.compiled_pipelines import REPOSITORY, compiled
from support.launcher import Command, Launcher, Ran
from support.page_text import said_by

from pipeline.config.targets import TARGETS, TargetName

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
BOTH = pytest.mark.parametrize("target", TARGETS)
PENGUINS = REPOSITORY / "data/penguins/penguins.csv"
BEFORE = ("ExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "Champion", "DataGate", "DataStop")


def carried_out(
    target: TargetName, folder: Path, command: Command, root: str | None = None, table: Path = PENGUINS
) -> Ran:
    """A run whose store is a folder that the steps see under the same path, or a URL whose launcher copies."""
    given = {"data_path": str(table), "push_directory": str(folder / "serving")}
    pipeline, mounted = compiled("penguins", target), target == "kubeflow"
    return Launcher(pipeline, root or str(folder / "root"), folder, given, mounted=mounted, command=command).run()


def page_of(ran: Ran, step: str) -> Path:
    """The page that the step's log names, in its last line."""
    return Path(ran.logs[step].splitlines()[-1].removeprefix("report: "))


@BOTH
def test_a_table_that_is_not_there(target: TargetName, tmp_path: Path, forks: Any) -> None:
    ran = carried_out(target, tmp_path, forks.step, table=tmp_path / "birds.csv")
    assert ran.states["ExampleGen"] == "FAILED"
    page = page_of(ran, "ExampleGen")
    assert page == tmp_path / "root/penguins/run-1/ExampleGen/report.html"
    said = said_by(page)
    assert said.startswith("Failed: penguins, run run-1 penguins run run-1 ✗ Failed failed in ExampleGen: ")
    assert f"{tmp_path}/birds.csv" in said
    assert "✗ ExampleGen" in said
    assert "data: the page is of the step ExampleGen, which failed" in said
    assert "What the step ExampleGen was given" in said


@BOTH
def test_a_training_that_fails(target: TargetName, tmp_path: Path, forks: Any) -> None:
    def step(arguments: list[str], environment: Any, cwd: Path, log: Path) -> int:
        if cwd.parent.name == "Trainer":
            for shard in (tmp_path / "root").glob("**/transformed_examples/**/*.gz"):
                shard.write_bytes(shard.read_bytes()[:-40])
        code: int = forks.step(arguments, environment, cwd, log)
        return code

    ran = carried_out(target, tmp_path, step)
    assert {ran.states[each] for each in BEFORE} == {"SUCCEEDED"}
    assert ran.states["Trainer"] == "FAILED"
    assert ran.states["Evaluator"] == "NOT_TRIGGERED"
    said = said_by(page_of(ran, "Trainer"))
    assert "✗ Failed failed in Trainer: " in said
    # What the data gate left in the same run.
    assert "train: 204 rows, eval: 66 rows, test: 74 rows" in said
    assert "DataGate: " in said.partition("What passed")[2]
    # The champion is looked up beside the steps that the page knows of.
    for step in {*BEFORE, "Transform"} - {"Champion"}:
        assert f"✓ {step}" in said
    assert "✗ Trainer" in said


def test_a_store_that_tensorflow_does_not_reach_is_one_line(tmp_path: Path, forks: Any) -> None:
    ran = carried_out("kubeflow", tmp_path, forks.step, "minio://mlpipeline/penguins", tmp_path / "birds.csv")
    assert ran.states["ExampleGen"] == "FAILED"
    *_, error, last = [each for each in ran.logs["ExampleGen"].splitlines() if not each.startswith("  next: ")]
    assert error.startswith("error: ")
    assert last == ("report: not written: TensorFlow reaches no minio://, where ExampleGen keeps its outputs")
