"""Tables of any number of rows and columns, drawn with a fixed seed, and the configuration of a run on one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

SEED = 19
PIECE = 100_000
"""Rows that are drawn at once, and that one row group holds."""
LABEL, CLASSES = "label", ("no", "yes")
STEPS, BATCH = 200, 256
"""Of each training, whatever the table is: training costs by the step and not by the row."""
KINDS = ("float", "float", "whole", "category")
"""What the columns beside the label are, in turn."""


@dataclass(frozen=True)
class Shape:
    """How large a table is.

    Attributes:
      columns: with the label.
    """

    rows: int
    columns: int

    @property
    def name(self) -> str:
        """What folders of it are called."""
        return f"{self.rows}x{self.columns}"


def features(columns: int) -> dict[str, list[str]]:
    """The names of the columns beside the label, by kind; each kind of `KINDS` is there, if empty."""
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for place in range(columns - 1):
        kind = KINDS[place % len(KINDS)]
        found[kind].append(f"{kind}_{place}")
    return found


def write_table(shape: Shape, folder: Path) -> Path:
    """Writes a table as one Parquet file, once; a kill leaves the whole file or none."""
    path = folder / f"{shape.name}.parquet"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{path.name}"
    first = piece(shape, 0)
    with pq.ParquetWriter(temporary, first.schema) as writer:
        for start in range(0, shape.rows, PIECE):
            writer.write_table(piece(shape, start) if start else first)
    temporary.replace(path)
    return path


def piece(shape: Shape, start: int) -> pa.Table:
    """The rows from `start` on, `PIECE` of them or what is left: the same ones whatever was drawn before.

    Floats are normal, whole numbers are Poisson, categories have 10 to 200 texts, small ones more often. Of every
    third float a twentieth is missing. The label depends on the first two floats and on the first category.
    """
    random = np.random.default_rng([SEED, shape.columns, start])
    rows = min(PIECE, shape.rows - start)
    names = features(shape.columns)
    columns: dict[str, pa.Array] = {}
    score = np.zeros(rows)
    for place, name in enumerate(names["float"]):
        values = random.normal(place % 10, 2, rows).round(3)
        missing = random.random(rows) < 0.05 if place % 3 == 2 else None
        columns[name] = pa.array(values, mask=missing)
        score += 2 * (values - place % 10) if place < 2 else 0
    for place, name in enumerate(names["whole"]):
        columns[name] = pa.array(random.poisson(5 + place % 20, rows))
    for place, name in enumerate(names["category"]):
        size = 10 + 10 * (place % 20)
        ids = (random.random(rows) ** 2 * size).astype(np.int64)
        texts = pa.array([f"text {each}" for each in range(size)])
        columns[name] = texts.take(pa.array(ids))
        score += np.where(ids == 0, 2.0, 0.0) if place == 0 else 0
    truth = random.random(rows) < 1 / (1 + np.exp(-score))
    columns[LABEL] = pa.array(np.where(truth, CLASSES[1], CLASSES[0]))
    return pa.table(columns)


def write_config(shape: Shape, data: Path, root: Path, engine: str) -> Path:
    """Writes the configuration of a run beside its root.

    Args:
      shape: of the table.
      data: its file.
      root: where the run writes.
      engine: `auto` or `beam`.
    """
    path = root.with_suffix(".yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config(shape, data, root, engine), sort_keys=False), encoding="utf-8")
    return path


def config(shape: Shape, data: Path, root: Path, engine: str) -> dict[str, Any]:
    """The configuration: each gate at its defaults, a small model, a fixed number of steps."""
    names = features(shape.columns)
    return {
        "name": "scale",
        "seed": 42,
        "root": str(root),
        "engine": engine,
        "data": {"path": str(data), "split": {"train": 3, "eval": 1, "test": 2}},
        "features": {
            "label": {"column": LABEL, "task": "binary", "classes": list(CLASSES)},
            "numeric": [
                {"columns": names["float"], "missing": {"fill": "constant", "value": 0}},
                {"columns": names["whole"], "quantile_buckets": 10},
            ],
            "categorical": [{"columns": names["category"], "top_k": 100, "oov_buckets": 1}],
        },
        "model": {"family": "wide_deep", "params": {"hidden": [16, 8], "embedding_dim": 4}},
        "train": {
            "batch_size": BATCH,
            "epochs": 1,
            "steps_per_epoch": STEPS,
            "learning_rate": 0.01,
            "early_stopping": None,
        },
        "evaluate": {"thresholds": [{"metric": "accuracy", "min": 0.1}]},
    }


def pieces(shape: Shape) -> Iterator[pa.Table]:
    """The whole table, piece by piece."""
    for start in range(0, shape.rows, PIECE):
        yield piece(shape, start)
