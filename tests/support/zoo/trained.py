"""Models that the trainer's own code trains and exports: every family, three tasks."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from support.transforms import Table
from support.zoo.rows import Row, as_example, write_examples, write_schema
from support.zoo.tiny import Exported
from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, TrainerJob
from components.trainer.run_fn import run_fn
from preprocessing.config import FeaturesConfig
from preprocessing.missing import MissingWords

TASKS = ("binary", "multiclass", "regression")
FAMILIES: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": [8]},
    # What behaves in another way in training must not in serving.
    "wide_deep": {"hidden": [8], "batch_norm": True, "dropout": 0.2},
    "dcn": {"hidden": [8]},
    "gbt": {"trees": 12, "learning_rate": 0.3, "leaf_rows": 5, "leaves": 8},
    "tabm": {"k": 3, "width": 8},
}
MORE_PAIRS = {
    f"{family}_{task}" for i, family in enumerate(FAMILIES) for j, task in enumerate(TASKS) if i % len(TASKS) != j
}
"""Of a family and a task, besides those in which every family is once and every task at least once."""
LABELS: dict[str, dict[str, Any]] = {
    "binary": {"label": {"column": "bought", "task": "binary"}, "weight": "weight"},
    "multiclass": {"label": {"column": "kind", "task": "multiclass", "classes": ["c", "a", "b"]}},
    "regression": {"label": {"column": "price", "task": "regression", "transform": "log"}},
}
FEATURES: dict[str, Any] = {
    "numeric": [{"columns": ["size (cm)", "count"]}],
    "categorical": [{"columns": ["colour"]}],
    "boolean": [{"columns": ["flag"]}],
    "datetime": [{"columns": ["day"], "parts": ["month"]}],
}
SPEC = {
    "size (cm)": tf.io.VarLenFeature(tf.float32),
    "count": tf.io.FixedLenFeature([1], tf.int64),
    "colour": tf.io.VarLenFeature(tf.string),
    "flag": tf.io.VarLenFeature(tf.string),
    "day": tf.io.VarLenFeature(tf.string),
    "bought": tf.io.VarLenFeature(tf.string),
    "kind": tf.io.VarLenFeature(tf.string),
    "price": tf.io.VarLenFeature(tf.float32),
    "weight": tf.io.VarLenFeature(tf.float32),
}
SCHEMA = """
feature { name: "size (cm)" type: FLOAT value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "count" type: INT shape { dim { size: 1 } } presence { min_fraction: 1 min_count: 1 } }
feature { name: "colour" type: BYTES value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "flag" type: BYTES value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "day" type: BYTES value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "bought" type: BYTES value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "kind" type: BYTES value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "price" type: FLOAT value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "weight" type: FLOAT value_count { min: 0 max: 1 } presence { min_count: 1 } }
"""
WORDS = MissingWords(table=("NA", "n/a"), columns={"flag": ("unknown",)})
SPLITS = {"train": slice(0, 160), "eval": slice(160, 200), "test": slice(200, 280)}


def raw_rows() -> list[Row]:
    """Labels follow from the features, with noise; a few values are missing."""
    random = np.random.default_rng(7)
    rows = []
    for number in range(280):
        size, colour = float(np.float32(random.normal(30, 5))), str(random.choice(["red", "green", "blue"]))
        count, month = int(random.integers(0, 9)), int(random.integers(1, 13))
        score = (size - 30) / 5 + {"red": 1, "green": 0, "blue": -1}[colour] + (count - 4) / 4 + (month - 6) / 6
        score = (score + float(random.normal(0, 0.4))) / 2
        rows.append({
            "size (cm)": None if number % 11 == 0 else size,
            "count": count,
            "colour": None if number % 17 == 0 else colour,
            "flag": "yes" if score + float(random.normal()) > 0 else "no",
            "day": f"2024-{month:02}-{number % 28 + 1:02}",
            "bought": "yes" if score > 0 else "no",
            "kind": "a" if score > 0.4 else "b" if score < -0.4 else "c",
            "price": float(np.exp(3 + score / 2)),
            "weight": float(random.integers(1, 4)),
        })  # fmt: skip
    return rows


class World(NamedTuple):
    """One table as the Trainer and the gate find it: folders of artifacts, and the transform graph."""

    features: FeaturesConfig
    graph: Path
    transformed: Path
    examples: Path
    schema: Path


def make_world(task: str, folder: Path) -> World:
    """Runs Transform's executor on the table."""
    features = FeaturesConfig.model_validate_json(json.dumps(FEATURES | LABELS[task]))
    used = {*features.columns(), features.label.column, features.weight}
    spec = {name: each for name, each in SPEC.items() if name in used}
    rows = raw_rows()
    table = Table(folder / "table", {name: each.dtype for name, each in spec.items()})
    table.write({split: [[{name: row[name] for name in spec} for row in rows[part]]] for split, part in SPLITS.items()})
    # Without Beam, which tests/components/transform compares with: seconds less.
    table.transform(folder / "transform", "auto", features, WORDS)
    for split, part in SPLITS.items():
        write_examples(folder / "examples", [as_example(row) for row in rows[part]], split)
    write_schema(folder / "schema", SCHEMA)
    return World(
        features, folder / "transform/graph", folder / "transform/transformed", folder / "examples", folder / "schema"
    )


def train(world: World, family: str, folder: Path) -> Exported:
    """A whole training through `run_fn`."""
    job = {
        "features": json.loads(world.features.to_json()),
        "model": {"family": family, "params": FAMILIES[family]},
        "train": {
            "batch_size": 16, "epochs": 6, "learning_rate": 0.02, "early_stopping": None, "tensorboard": False,
        },
        "seed": 1,
        "deterministic": False,
        "golden_split": "test",
        "missing": json.loads(WORDS.to_json()),
    }  # fmt: skip
    splits = {split: [str(world.transformed / f"Split-{split}" / "*")] for split in SPLITS}
    run_fn(
        FnArgs(
            train_files=splits["train"],
            eval_files=[*splits["eval"], *splits["test"]],
            transform_graph_path=str(world.graph),
            serving_model_dir=str(folder / "model" / "Format-Serving"),
            model_run_dir=str(folder / "run"),
            base_model=None,
            custom_config={JOB_KEY: TrainerJob.from_json(json.dumps(job)).to_json(), FINGERPRINT_KEY: "code"},
        )
    )
    return Exported(folder / "model", world.examples, world.schema, world.graph)
