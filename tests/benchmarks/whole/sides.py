"""The three sides of the comparison as commands, and what their runs say of their components.

`stock` is TFX's template, `auto` and `beam` are Lockgate with that `engine`. Lockgate's configuration has the columns,
the hidden layers, the steps and the batch of the stock pipeline, and every gate at its defaults.
"""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from ..stock.features import ACCURACY_THRESHOLD, BUCKETS, HIDDEN_UNITS, LEARNING_RATE, OOV_SIZE
from .results import ROOT
from .tables import Table

SIDES = ("stock", "auto", "beam")
SPLIT = {"train": 3, "eval": 1, "test": 2}
"""TFX's default gives a third of the rows to the Evaluator; so does this."""
ALWAYS = {"Baseline", "Champion", "Pusher"}
"""Components that look again in every run: what was pushed may be another version meanwhile."""
CHANGED_SEED = "seed=43"
"""What makes another model of the same rows, for a run with a champion."""
_COMPLETE = 3
"""ml-metadata's state of an execution that ran to its end (not one that was cached)."""
_LOCKGATE = ("-c", "from pipeline.cli import main; main(prog_name='lockgate')")
ENV = {"PYTHONPATH": str(ROOT)}
"""Whatever is installed, this checkout is measured."""


class NotPushedError(Exception):
    """A run ended without a pushed model, so what it took can't be compared."""


def lockgate(*arguments: str) -> list[str]:
    """The command line of Lockgate, of this checkout."""
    return [sys.executable, *_LOCKGATE, *arguments]


def stock(table: Table, data: Path, root: Path, *options: str) -> list[str]:
    """The command line of the stock pipeline."""
    script = str(ROOT / "tests" / "benchmarks" / "stock_run.py")
    settings = {"data": data, "root": root, "table": table.kind, "steps": table.steps, "batch": table.batch}
    return [sys.executable, script, *(f"--{name}={value}" for name, value in settings.items()), *options]


def write_config(table: Table, data: Path, root: Path, engine: str) -> Path:
    """Writes Lockgate's configuration beside its root.

    Args:
      data: the folder with the table's CSV file.
      root: where the run writes.
      engine: `auto` or `beam`.
    """
    path = root.with_suffix(".yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config(table, data, root, engine), sort_keys=False), encoding="utf-8")
    return path


def config(table: Table, data: Path, root: Path, engine: str) -> dict[str, Any]:
    """Lockgate's configuration of the stock pipeline's model and training."""
    columns = table.columns
    return {
        "name": "bench",
        "seed": 42,
        "root": str(root),
        "engine": engine,
        "data": {"path": str(data / "table.csv"), "split": SPLIT},
        "features": {
            "label": {
                "column": columns.label,
                "task": "binary",
                "classes": [columns.negative, columns.positive],
            },
            "numeric": [
                {"columns": list(columns.dense), "missing": {"fill": "constant", "value": 0}},
                {"columns": list(columns.buckets), "quantile_buckets": BUCKETS},
            ],
            "categorical": [
                {
                    "columns": list(columns.vocabularies),
                    "top_k": columns.vocabulary_size,
                    "oov_buckets": OOV_SIZE,
                }
            ],
        },
        "model": {
            "family": "wide_deep",
            "params": {"hidden": list(HIDDEN_UNITS), "embedding_dim": columns.embedding},
        },
        "train": {
            "batch_size": table.batch,
            "epochs": 1,
            "steps_per_epoch": table.steps,
            "learning_rate": LEARNING_RATE,
            "early_stopping": None,
        },
        "evaluate": {
            "thresholds": [{"metric": "accuracy", "min": ACCURACY_THRESHOLD, "max_regression": 0.1}]
        },
    }  # fmt: skip


def stock_components(root: Path) -> dict[str, float]:
    """The seconds of each component's newest complete execution, from the metadata store.

    Raises:
      NotPushedError: nothing was pushed.
    """
    query = """SELECT Type.name, create_time_since_epoch, last_update_time_since_epoch FROM Execution
               JOIN Type ON Type.id = Execution.type_id WHERE last_known_state = ? ORDER BY Execution.id"""
    with closing(sqlite3.connect(root / "metadata.db")) as store:
        executions = store.execute(query, (_COMPLETE,)).fetchall()
    if not any((root / "serving").glob("*")):
        raise NotPushedError("the stock pipeline pushed nothing: its Evaluator did not bless the model")
    return {kind.rpartition(".")[2]: round((ended - began) / 1000, 2) for kind, began, ended in executions}


def lockgate_result(root: Path) -> dict[str, Any]:
    """The result.json of the newest run of a root."""
    newest = max((root / "runs").iterdir(), key=lambda folder: folder.stat().st_ctime_ns)
    content: dict[str, Any] = json.loads((newest / "result.json").read_text(encoding="utf-8"))
    return content


def lockgate_components(root: Path) -> dict[str, float]:
    """The seconds of each component of the newest run.

    Raises:
      NotPushedError: it pushed nothing.
    """
    result = lockgate_result(root)
    if result["state"] != "pushed":
        raise NotPushedError(f"Lockgate pushed nothing: {result['state']}: {result.get('gates') or result}")
    return {name: round(seconds, 2) for name, seconds in result["seconds"].items()}


def serving_values(measured: dict[str, Any]) -> dict[str, float]:
    """What `serving.py` wrote, as the results have it: times of both, and their ratios, Lockgate / stock."""
    one, many = measured["batch 1"], measured["batch 1024"]
    return {
        "p50_ms": round(one["p50 ms"]["ours"], 3),
        "stock_p50_ms": round(one["p50 ms"]["theirs"], 3),
        "p50_ratio": round(one["ours / theirs, wall"], 3),
        "rows_per_s": round(many["rows/s"]["ours"]),
        "stock_rows_per_s": round(many["rows/s"]["theirs"]),
        "rows_ratio": round(1 / many["ours / theirs, wall"], 3),
    }


def newest(folder: Path) -> Path:
    """The sub-folder with the highest number: the newest version or execution."""
    return max((path for path in folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))


def all_cached(root: Path) -> bool:
    """Whether the newest run took everything from the cache that can come from it."""
    states = lockgate_result(root)["states"]
    return all(state == "cached" for name, state in states.items() if name not in ALWAYS)
