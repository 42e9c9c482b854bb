"""Lockgate as a user has it: `lockgate init`, its file unedited, a run up to the Trainer, the export's answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from .tables import Table, on_scale

OURS = "Lockgate"
FAST = "Lockgate, --fast"
ROOT = Path(__file__).parents[3]
_LOCKGATE = (sys.executable, "-c", "from pipeline.cli import main; main(prog_name='lockgate')")
_BATCH = 2048

Array = np.ndarray[Any, Any]


class RunError(Exception):
    """A command of Lockgate's failed; the message has what it said."""


def predicted(
    table: Table, splits: dict[str, pd.DataFrame], classes: list[str], seed: int, folder: Path, *, fast: bool
) -> tuple[Array, dict[str, Any]]:
    """Proposes, trains and predicts `test`.

    `init` sees train and eval alone. What it wrote is not edited: a second file extends it by the seed and by where the
    rows of each split are, which are those of the peers.

    Args:
      table: what is predicted.
      splits: the rows.
      classes: of the label, in the order of the columns of the result.
      seed: of the training.
      folder: for the table, the configuration and the run; it is emptied first.
      fast: with `init --fast`.

    Returns:
      float64 [rows, classes], or [rows] on the scale of the error; and facts: the family, and the seconds of the
      Trainer.

    Raises:
      RunError: a command failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "known").mkdir(parents=True)
    for split, rows in splits.items():
        place = folder if split == "test" else folder / "known"
        rows.to_csv(place / f"{split}.csv", index=False)
    options = ["--fast"] if fast else []
    _lockgate(["init", "own", "--data", "known", "--label", table.label, "--task", table.task, *options], folder)
    inputs = {"train": "../known/train.csv", "eval": "../known/eval.csv", "test": "../test.csv"}
    own = yaml.safe_load((folder / "own" / "pipeline.yaml").read_text(encoding="utf-8"))
    extension = {"extends": "pipeline.yaml", "seed": seed, "data": {"path": None, "inputs": inputs}}
    (folder / "own" / "divided.yaml").write_text(yaml.safe_dump(extension), encoding="utf-8")
    _lockgate(["run", "own/divided.yaml", "--to", "Trainer"], folder)
    root = folder / "own" / "output"
    answers = _answers(root, table, splits["test"], classes)
    return answers, {"family": own["model"]["family"], "training_seconds": _trainer_seconds(root)}


def _lockgate(words: list[str], folder: Path) -> None:
    # Whatever is installed, this checkout is measured.
    ended = subprocess.run(
        [*_LOCKGATE, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RunError(
            f"lockgate {' '.join(words)} ended with {ended.returncode}: {(ended.stdout + ended.stderr)[-3000:]}"
        )


def _trainer_seconds(root: Path) -> float:
    from ..whole.sides import lockgate_result

    return round(float(lockgate_result(root)["seconds"]["Trainer"]), 1)


def _answers(root: Path, table: Table, rows: pd.DataFrame, classes: list[str]) -> Array:
    """The exported model's answers for rows in their order, through its signature for serialized tf.Examples."""
    import tensorflow as tf
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    from ..whole.sides import newest

    [schema_file] = newest(next(root.glob("*SchemaGen")) / "schema").glob("*.pbtxt")
    schema = text_format.Parse(schema_file.read_text(encoding="utf-8"), schema_pb2.Schema())
    kinds = {feature.name: feature.type for feature in schema.feature if feature.name != table.label}
    examples = [_example(row, kinds, schema_pb2) for row in rows.to_dict("records")]
    model = tf.saved_model.load(str(newest(root / "Trainer" / "model") / "Format-Serving"))
    serve = model.signatures["serving_default"]
    batches = [examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH)]
    answers = [serve(examples=tf.constant(batch)) for batch in batches]
    if table.task == "regression":
        values = np.concatenate([each["value"].numpy() for each in answers]).ravel()
        # A logarithm needs a positive number; a model of the plain label may answer others.
        return on_scale(table, np.maximum(values, 1e-9) if table.log else values)
    order = [name.decode() for name in answers[0]["classes"].numpy()[0]]
    probabilities = np.concatenate([each["probabilities"].numpy() for each in answers]).astype(np.float64)
    return probabilities[:, [order.index(each) for each in classes]]


def _example(row: dict[str, Any], kinds: dict[str, int], schema_pb2: Any) -> bytes:
    """A row as a client sends it: what is missing is not there."""
    import tensorflow as tf

    features = {}
    for name, kind in kinds.items():
        value = row.get(name)
        if pd.isna(value):
            continue
        if kind == schema_pb2.INT:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
        elif kind == schema_pb2.FLOAT:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[float(value)]))
        else:
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[str(value).encode()]))
    return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
