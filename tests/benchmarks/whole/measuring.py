"""How each kind of measurement is made."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from . import sides
from .process import Cost, measure
from .results import ROOT, Key, code_hash
from .tables import Table, flights_table, write_csv

Measured = tuple[dict[str, float], dict[str, float]]
"""Values by name, and seconds by component."""

COMMANDS = ("--help", "validate", "compile")
EXAMPLES = ("penguins", "diamonds", "flights")
ROWS = 15_000
"""The table of the trainings, and of the models that are served."""
FEW_STEPS, MANY_STEPS = 500, 3500
"""The loop's speed is that of the steps in between: starting, tracing and exporting fall out of the difference."""
_RUNS_UNTIL_CACHED = 4
"""A first run, one that has a champion now, one whose champion is the model itself, and one to spare."""


class Bench:
    """Measures in a folder for tables, roots and logs.

    Args:
      work: the folder; what it holds is used again.
    """

    def __init__(self, work: Path) -> None:
        # Absolute: a configuration's paths start from its own folder.
        self._work = work.resolve()
        self._log = self._work / "log.txt"
        work.mkdir(parents=True, exist_ok=True)

    def measure(self, key: Key, table: Table | None) -> Measured:
        """Makes one measurement.

        Raises:
          ProcessError: a command failed.
          NotPushedError: a run refused its model.
        """
        if key.what == "command":
            return self._command(key.detail)
        if key.what == "example":
            return self._example(key.table)
        if key.what == "training":
            return self._training(key)
        if key.what == "serving":
            return self._serving(key)
        kinds: dict[str, Callable[[Key, Table], Measured]] = {
            "first": self._first, "champion": self._champion, "cached": self._cached,
        }  # fmt: skip
        if table is None:
            raise ValueError(f"{key.what} needs a table")
        return kinds[key.what](key, table)

    def data(self, table: Table) -> Path:
        """The folder of the table's CSV file, written when it is not there yet."""
        folder = self._work / "tables" / f"{table.kind}-{table.rows}"
        write_csv(table, folder)
        return folder

    def root(self, table: str, side: str) -> Path:
        """Where a side's runs of a table write."""
        return self._work / "roots" / f"{table.replace(',', '')}-{side}"

    def _first(self, key: Key, table: Table) -> Measured:
        """A whole run in an empty root, to a pushed model."""
        root, data = self.root(key.table, key.side), self.data(table)
        shutil.rmtree(root, ignore_errors=True)
        if key.side == "stock":
            root.mkdir(parents=True)
            cost = self._run(sides.stock(table, data, root))
            components = sides.stock_components(root)
        else:
            cost = self._run(sides.lockgate("run", str(sides.write_config(table, data, root, key.side))))
            components = sides.lockgate_components(root)
        root.with_suffix(".code").write_text(code_hash(), encoding="ascii")
        return asdict(cost), components

    def _after_first(self, key: Key, table: Table) -> Path:
        """The root of a first run of this code, made now where there is none, and not measured then."""
        root = self.root(key.table, key.side)
        stamp = root.with_suffix(".code")
        if not (root.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == code_hash()):
            self._first(key, table)
        return root

    def _champion(self, key: Key, table: Table) -> Measured:
        """Everything again, with the first run's model as champion and another seed."""
        root = self._after_first(key, table)
        config = sides.write_config(table, self.data(table), root, key.side)
        cost = self._run(sides.lockgate("run", str(config), "--no-cache", "--set", sides.CHANGED_SEED))
        return asdict(cost), sides.lockgate_components(root)

    def _cached(self, key: Key, table: Table) -> Measured:
        """A run in which nothing has changed since the one before."""
        root = self.root(key.table, key.side)
        config = sides.write_config(table, self.data(table), root, key.side)
        for _ in range(_RUNS_UNTIL_CACHED):
            cost = self._run(sides.lockgate("run", str(config), "--set", sides.CHANGED_SEED))
            components = sides.lockgate_components(root)
            if sides.all_cached(root):
                return asdict(cost), components
        raise sides.NotPushedError(f"{key.table}: not cached after {_RUNS_UNTIL_CACHED} runs with nothing changed")

    def _command(self, name: str) -> Measured:
        """A command that runs nothing, on the penguins' configuration."""
        penguins = str(ROOT / "data" / "penguins" / "pipeline.yaml")
        compiled = str(self._work / "compiled.yaml")
        arguments = {
            "--help": ["--help"],
            "validate": ["validate", penguins],
            "compile": ["compile", penguins, "--target", "kubeflow", "--output", compiled],
        }
        return asdict(self._run(sides.lockgate(*arguments[name]))), {}

    def _example(self, name: str) -> Measured:
        """A first run of one of the data sets' own pipelines."""
        root = self.root(name, "example")
        shutil.rmtree(root, ignore_errors=True)
        config = ROOT / "data" / name / "pipeline.yaml"
        cost = self._run(sides.lockgate("run", str(config), "--set", f"root={root}"))
        return asdict(cost), sides.lockgate_components(root)

    def _training(self, key: Key) -> Measured:
        """Steps a second of the training loop, by two trainings that differ in their steps alone."""
        table = replace(flights_table(ROWS), batch=int(key.detail))
        root = self.root("training", key.side)
        # The second training takes all before it from the first one's cache; nothing is left of an earlier turn.
        shutil.rmtree(root, ignore_errors=True)
        few, many = (
            self._trainer_seconds(replace(table, steps=steps), root, key.side) for steps in (FEW_STEPS, MANY_STEPS)
        )
        return {"steps_per_s": round((MANY_STEPS - FEW_STEPS) / (many - few), 1), "few_s": few, "many_s": many}, {}

    def _serving(self, key: Key) -> Measured:
        """Answers of both exports of the small table, in one process that has TensorFlow alone."""
        table = flights_table(ROWS)
        both = (key.side, "stock")
        roots = {side: self._after_first(replace(key, table=table.name, side=side), table) for side in both}
        examples = sides.newest(roots[key.side] / "ExampleGen" / "examples") / "Split-test" / "*.gz"
        exports = [str(sides.newest(root / "serving")) for root in roots.values()]
        answers = self._work / "serving.json"
        script = str(ROOT / "tests" / "benchmarks" / "serving.py")
        self._run([sys.executable, script, str(examples), *exports, "--json", str(answers)])
        return sides.serving_values(json.loads(answers.read_text(encoding="utf-8"))), {}

    def _trainer_seconds(self, table: Table, root: Path, side: str) -> float:
        """The seconds of the Trainer alone."""
        data = self.data(table)
        if side == "stock":
            root.mkdir(parents=True, exist_ok=True)
            self._run(sides.stock(table, data, root, "--cache"))
            return sides.stock_components(root)["Trainer"]
        config = sides.write_config(table, data, root, side)
        self._run(sides.lockgate("run", str(config), "--to", "Trainer"))
        return float(sides.lockgate_result(root)["seconds"]["Trainer"])

    def _run(self, command: list[str]) -> Cost:
        return measure(command, self._log, sides.ENV)
