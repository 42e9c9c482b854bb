"""A tiny model of three raw columns, exported as the trainer does, sound or broken in one way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

CLASSES = ["Adelie", "Gentoo", "Chinstrap"]
LABEL = "species"
ROWS = 40
MISSING_INT = np.iinfo(np.int64).min
# Raw column -> argument of serve_features and dtype.
INPUTS = {
    "bill length": {"argument": "c_bill_length", "dtype": "float32"},
    "year": {"argument": "year", "dtype": "int64"},
    "island": {"argument": "island", "dtype": "string"},
}
SCHEMA = """
feature { name: "bill length" type: FLOAT }
feature { name: "year" type: INT }
feature { name: "island" type: BYTES }
feature { name: "species" type: BYTES }
"""
SPEC = {
    "bill length": tf.io.FixedLenFeature([], tf.float32, np.float32("nan")),
    "year": tf.io.FixedLenFeature([], tf.int64, MISSING_INT),
    "island": tf.io.FixedLenFeature([], tf.string, ""),
}
RAW_SPEC = SPEC | {"species": tf.io.FixedLenFeature([], tf.string)}  # required: as a curated schema may have it

Raw = dict[str, tf.Tensor]
Outputs = dict[str, tf.Tensor]
Corrupt = Callable[[Raw, Outputs], Outputs]


class Exported(NamedTuple):
    """Where one export and its test rows are."""

    model: Path
    examples: Path
    schema: Path


def raw_rows() -> list[dict[str, Any]]:
    """Row i; every fifth bill length and every seventh island is missing."""
    return [
        {
            "bill length": None if i % 5 == 4 else 30.0 + i,
            "year": 2007 + i % 3,
            "island": None if i % 7 == 6 else ("Biscoe", "Dream", "Torgersen")[i % 3],
            "species": CLASSES[i % 3],
        }
        for i in range(ROWS)
    ]


def write_examples(folder: Path, rows: list[dict[str, Any]], split: str = "test") -> None:
    (folder / f"Split-{split}").mkdir(parents=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for row in rows:
            writer.write(as_example(row))


def as_example(row: dict[str, Any]) -> bytes:
    features = {}
    for name, value in row.items():
        if value is None:
            features[name] = tf.train.Feature()
        elif isinstance(value, str):
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        elif isinstance(value, int):
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


class TinyModel(tf.Module):
    """Linear in bill length, with a table for the island: a variable and a resource to reload."""

    def __init__(self, task: str, corrupt: dict[str, Corrupt]) -> None:
        super().__init__()
        self._task, self._corrupt = task, corrupt
        self._kernel = tf.Variable([[0.02, -0.03, 0.01], [0.5, 0.1, -0.4]], name="kernel")
        self._islands = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(["Biscoe", "Dream", "Torgersen"], [1.0, 2.0, 3.0]), 0.0
        )

    def outputs(self, raw: Raw) -> Outputs:
        length = raw["bill length"]
        length = tf.where(tf.math.is_nan(length), 43.0, length)
        inputs = tf.stack([length, self._islands.lookup(raw["island"])], axis=1)
        logits = inputs @ self._kernel
        if self._task == "regression":
            return {"value": 1000.0 * logits[:, 0]}
        names = tf.constant(CLASSES)
        return {
            "probabilities": tf.nn.softmax(logits),
            "classes": tf.repeat(names[tf.newaxis, :], tf.shape(logits)[0], axis=0),
            "label": tf.gather(names, tf.argmax(logits, axis=1)),
        }

    def row_key(self, raw: Raw) -> tf.Tensor:
        parts = [tf.strings.as_string(raw["bill length"]), tf.strings.as_string(raw["year"]), raw["island"]]
        return tf.strings.to_hash_bucket_fast(tf.strings.join(parts, "|"), 2**62)

    def signatures(self) -> dict[str, Any]:
        def answer(name: str, raw: Raw) -> Outputs:
            corrupt = self._corrupt.get(name, lambda _, outputs: outputs)
            return corrupt(raw, self.outputs(raw))

        examples = [tf.TensorSpec([None], tf.string, name="examples")]
        columns = [tf.TensorSpec([None], each["dtype"], name=each["argument"]) for each in INPUTS.values()]

        @tf.function(input_signature=examples)
        def serving_default(examples: tf.Tensor) -> Outputs:
            return answer("serving_default", tf.io.parse_example(examples, SPEC))

        @tf.function(input_signature=columns)
        def serve_features(*values: tf.Tensor) -> Outputs:
            return answer("serve_features", dict(zip(INPUTS, values, strict=True)))

        @tf.function(input_signature=examples)
        def transform_features(examples: tf.Tensor) -> Outputs:
            return {"row_key_xf": self.row_key(tf.io.parse_example(examples, RAW_SPEC))[:, tf.newaxis]}

        return {
            "serving_default": serving_default,
            "serve_features": serve_features,
            "transform_features": transform_features,
        }


def write_golden(folder: Path, model: TinyModel, task: str, rows: list[dict[str, Any]], wrong_row: int | None) -> None:
    raw = {
        "bill length": tf.constant([np.nan if row["bill length"] is None else row["bill length"] for row in rows]),
        "year": tf.constant([row["year"] for row in rows], tf.int64),
        "island": tf.constant([row["island"] or "" for row in rows]),
    }
    name = "value" if task == "regression" else "probabilities"
    predictions = model.outputs(raw)[name].numpy()
    if wrong_row is not None:
        predictions[wrong_row] *= 1.001
    folder.mkdir(parents=True)
    # Only the rows with an odd number: a row's place in the report is its place among the examples.
    np.savez(folder / "predictions.npz", row_key=model.row_key(raw).numpy()[1::2], **{name: predictions[1::2]})
    classes = None if task == "regression" else CLASSES
    contract = {"task": task, "classes": classes, "row_key": "row_key_xf", "label": LABEL, "inputs": INPUTS}
    (folder / "contract.json").write_text(json.dumps(contract))


Export = Callable[..., Exported]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Exports the tiny model: `corrupt` changes what a signature answers, `wrong_row` one stored prediction."""

    def make(
        *,
        task: str = "multiclass",
        corrupt: dict[str, Corrupt] | None = None,
        without: str = "",
        wrong_row: int | None = None,
    ) -> Exported:
        model = TinyModel(task, corrupt or {})
        folder = tmp_path / "model"
        signatures = {name: function for name, function in model.signatures().items() if name != without}
        tf.saved_model.save(model, str(folder / "Format-Serving"), signatures=signatures)
        rows = raw_rows()
        write_golden(folder / "golden", model, task, rows, wrong_row)
        write_examples(tmp_path / "examples", rows)
        (tmp_path / "schema").mkdir()
        (tmp_path / "schema" / "schema.pbtxt").write_text(SCHEMA)
        return Exported(folder, tmp_path / "examples", tmp_path / "schema")

    return make
