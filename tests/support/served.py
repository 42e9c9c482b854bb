"""A root with a pushed version of the zoo's model, and what that model answers, worked out with NumPy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from support.zoo.rows import CLASSES, FEATURES, ISLANDS, SCHEMA
from support.zoo.tiny import TinyModel

from pipeline.config.loader import LoadedConfig, load
from preprocessing.features import argument_names

LABELS = {
    "multiclass": "{column: species, task: multiclass, classes: [Adelie, Gentoo, Chinstrap]}",
    "binary": "{column: sex, task: binary, classes: [female, male]}",
    "regression": "{column: wing, task: regression}",
}
THRESHOLDS = {"multiclass": "accuracy, min: 0", "binary": "accuracy, min: 0", "regression": "rmse, max: 100"}
CONFIG = """\
name: tiny
data:
  path: {table}
  schema: schema.pbtxt
features:
  label: {label}
  numeric:
    - columns: [bill length, mass, year]
  categorical:
    - columns: [island]
evaluate:
  thresholds: [{{metric: {threshold}}}]
"""


def pushed(folder: Path, model: type[TinyModel] = TinyModel, *, table: str = "table.csv", version: int = 7) -> Path:
    """Pushes a version of the model into a root in a new folder; the configuration, which has a curated schema."""
    folder.mkdir(exist_ok=True)
    vocabulary = folder / "islands.txt"
    vocabulary.write_text("\n".join(ISLANDS) + "\n")
    module = model(vocabulary)
    signatures = module.signatures() | {"serve_features": module.by_column(argument_names(FEATURES))}
    tf.saved_model.save(module, str(folder / "output/serving" / str(version)), signatures=signatures)
    (folder / "schema.pbtxt").write_text(SCHEMA)
    (folder / "pipeline.yaml").write_text(
        CONFIG.format(table=table, label=LABELS[model.task], threshold=THRESHOLDS[model.task])
    )
    return folder / "pipeline.yaml"


def configured(config: Path, *overrides: str) -> LoadedConfig:
    """The configuration."""
    return load(config, overrides)


def logits(rows: Sequence[dict[str, Any]], units: int = 3) -> NDArray[np.float64]:
    """What the linear model makes of rows, float64 [rows, units]; None or an absent key is missing."""
    kernel = np.array([
        [0.9, -0.7, 0.2], [-0.5, 0.8, 0.3], [0.4, -0.6, 0.9], [1.0, 0.1, -0.8], [-0.7, 0.9, 0.1], [0.3, 0.5, -0.9]
    ])  # fmt: skip
    scales = {"bill length": (44.0, 5.0), "mass": (4500.0, 1000.0), "year": (2008.0, 1.0)}
    inputs = [
        [
            *(0.0 if row.get(name) is None else np.clip((row[name] - mean) / deviation, -4, 4)
              for name, (mean, deviation) in scales.items()),
            *(float(row.get("island") == island) for island in ISLANDS),
        ]
        for row in rows
    ]  # fmt: skip
    return np.array(inputs).reshape(-1, 6) @ kernel[:, :units]


def probabilities(rows: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
    """Of the three species, float64 [rows, 3]."""
    powers = np.exp(logits(rows))
    return powers / powers.sum(axis=1, keepdims=True)


def species(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The most probable one of each row."""
    return [CLASSES[position] for position in logits(rows).argmax(axis=1)]
