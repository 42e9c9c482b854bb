"""The model that the zoo breaks: small, linear, and exported with the signatures and files of Lockgate's trainer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf
from support.zoo import rows as table
from support.zoo.rows import CLASSES, FEATURES, ISLANDS, LABELS, MISSING_INT, SEXES

Tensors = dict[str, tf.Tensor]

ARGUMENTS = {"bill length": "c_bill_length_7d1f0c2a9b", "mass": "mass", "island": "island", "year": "year"}
MISSING = {"float32": np.float32("nan"), "int64": np.int64(MISSING_INT), "string": ""}
TRANSFORMED = {"bill_xf": "float32", "mass_xf": "float32", "island_xf": "int64", "year_xf": "float32"}
ROW_KEY = "row_key_xf"
EXAMPLES = (tf.TensorSpec([None], tf.string, name="examples"),)


class Exported(NamedTuple):
    """Where one export is, and what it is tested with.

    Attributes:
      model: the Model artifact's folder: Format-Serving and golden.
      examples, schema: the artifacts' folders.
      transform_graph: the TransformGraph artifact's folder, or None.
    """

    model: Path
    examples: Path
    schema: Path
    transform_graph: Path | None = None

    @property
    def saved_model(self) -> Path:
        """The folder that a server loads."""
        return self.model / "Format-Serving"


class TinyModel(tf.Module):
    """Sound. A broken kind is a subclass that overrides one step.

    The rows are z-scored (missing is the mean), the island is looked up in a vocabulary file, which travels as an
    asset; then one linear layer.
    """

    task: ClassVar[str] = "multiclass"
    own_golden: ClassVar[bool] = False
    """Whether the trainer itself had this fault, so that the golden predictions have it too."""
    complete_rows: ClassVar[bool] = False
    """Whether the examples have all their values."""
    parsed: ClassVar[dict[str, Any]] = {
        column: tf.io.FixedLenFeature([], tf.dtypes.as_dtype(dtype), MISSING[dtype])
        for column, dtype in FEATURES.items()
    }
    """What `serving_default` reads."""

    def __init__(self, vocabulary: Path) -> None:
        super().__init__()
        units = {"multiclass": 3, "binary": 1, "regression": 1}[self.task]
        kernel = np.array([
            [0.9, -0.7, 0.2], [-0.5, 0.8, 0.3], [0.4, -0.6, 0.9], [1.0, 0.1, -0.8], [-0.7, 0.9, 0.1], [0.3, 0.5, -0.9]
        ])  # fmt: skip
        self.kernel = tf.Variable(kernel[:, :units], dtype=tf.float32, name="kernel")
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self.islands = tf.lookup.StaticHashTable(initializer, -1)

    def transform(self, raw: Tensors) -> Tensors:
        """Raw columns of shape [batch] as model inputs of shape [batch, 1]."""
        features = {
            "bill_xf": scaled(raw["bill length"], 44.0, 5.0),
            "mass_xf": scaled(numbers(raw["mass"]), 4500.0, 1000.0),
            "island_xf": self.islands.lookup(raw["island"]),
            "year_xf": scaled(numbers(raw["year"]), 2008.0, 1.0),
        }
        return {name: tensor[:, tf.newaxis] for name, tensor in features.items()}

    def logits(self, features: Tensors) -> tf.Tensor:
        """Model inputs as float32 [batch, units]."""
        island = tf.one_hot(features["island_xf"][:, 0], len(ISLANDS))
        return tf.concat([features["bill_xf"], features["mass_xf"], features["year_xf"], island], 1) @ self.kernel

    def answer(self, logits: tf.Tensor) -> Tensors:
        """Logits as the outputs of every signature that predicts."""
        if self.task == "regression":
            return {"value": 200.0 + 10.0 * logits[:, 0]}
        if self.task == "binary":
            positive = tf.sigmoid(logits)
            probabilities = tf.concat([1.0 - positive, positive], axis=1)
        else:
            probabilities = tf.nn.softmax(logits)
        return named(probabilities, classes_of(self.task))

    def outputs(self, raw: Tensors) -> Tensors:
        """Raw columns as outputs."""
        return self.answer(self.logits(self.transform(raw)))

    def parse(self, examples: tf.Tensor) -> Tensors:
        """Serialized tf.Examples as raw columns."""
        return tf.io.parse_example(examples, self.parsed)

    def serve(self, signature: str, raw: Tensors) -> Tensors:  # noqa: ARG002 - for those that override it
        """What a signature answers."""
        return self.outputs(raw)

    def signatures(self) -> dict[str, Any]:
        """As components/trainer/signatures.py makes them."""

        @tf.function(input_signature=EXAMPLES)
        def serving_default(examples: tf.Tensor) -> Tensors:
            return self.serve("serving_default", self.parse(examples))

        @tf.function(input_signature=EXAMPLES)
        def transform_features(examples: tf.Tensor) -> Tensors:
            label = {LABELS[self.task]: tf.io.VarLenFeature(tf.float32 if self.task == "regression" else tf.string)}
            raw = tf.io.parse_example(examples, TinyModel.parsed | label)
            return self.transform(raw) | {ROW_KEY: row_key(raw)[:, tf.newaxis]}

        specs = {name: tf.TensorSpec([None, 1], dtype, name=name) for name, dtype in TRANSFORMED.items()}

        @tf.function(input_signature=[specs])
        def predict_transformed(features: Tensors) -> Tensors:
            return self.answer(self.logits(features))

        return {
            "serving_default": serving_default,
            "serve_features": self.by_column(),
            "transform_features": transform_features,
            "predict_transformed": predict_transformed,
        }

    def by_column(self, arguments: Mapping[str, str] = ARGUMENTS, **dtypes: str) -> Any:
        """`serve_features`; the names of the arguments by column, and other dtypes by column, can be given."""
        defaults = {
            arguments[column]: tf.cast(tf.constant([MISSING[dtype]], dtype), dtypes.get(column, dtype))
            for column, dtype in FEATURES.items()
        }
        specs = {name: tf.TensorSpec([None], tensor.dtype, name=name) for name, tensor in defaults.items()}

        def serve(features: Tensors = defaults) -> Tensors:
            sizes = tf.stack([tf.size(tensor) for tensor in features.values()])
            rows = tf.where(tf.reduce_min(sizes) == 0, 0, tf.reduce_max(sizes))
            raw = {}
            for column, dtype in FEATURES.items():
                value = features[arguments[column]]
                value = tf.cond(tf.size(value) == 1, lambda v=value: tf.repeat(v, rows), lambda v=value: v)
                raw[column] = value if value.dtype == dtype else tf.cast(value, dtype)
            return self.serve("serve_features", raw)

        return tf.function(serve, input_signature=[specs])

    def damage(self, exported: Exported) -> None:
        """What happens to the finished files."""


def classes_of(task: str) -> tuple[str, ...]:
    """The label's vocabulary."""
    return SEXES if task == "binary" else CLASSES


def named(probabilities: tf.Tensor, classes: tuple[str, ...]) -> Tensors:
    """The outputs of a classification."""
    names = tf.constant(classes)
    return {
        "probabilities": probabilities,
        "classes": tf.repeat(names[tf.newaxis, :], tf.shape(probabilities)[0], axis=0),
        "label": tf.gather(names, tf.argmax(probabilities, axis=1)),
    }


def row_key(raw: Tensors) -> tf.Tensor:
    """A fingerprint of the raw features, int64 [batch]."""
    columns = [raw[column] for column in FEATURES]
    parts = [each if each.dtype == tf.string else tf.strings.as_string(each) for each in columns]
    return tf.strings.to_hash_bucket_fast(tf.strings.join(parts, "|"), 2**62)


def numbers(column: tf.Tensor) -> tf.Tensor:
    """An integer column as float32 with NaN for missing."""
    return tf.where(tf.equal(column, MISSING_INT), np.float32("nan"), tf.cast(column, tf.float32))


def scaled(column: tf.Tensor, mean: float, deviation: float) -> tf.Tensor:
    """Z-scores within [-4, 4]; 0 for what is missing or not finite."""
    score = tf.clip_by_value((column - mean) / deviation, -4.0, 4.0)
    return tf.where(tf.math.is_finite(column), score, 0.0)


def after(tensors: Tensors, *operations: Any) -> Tensors:
    """The same tensors, computed after the operations."""
    with tf.control_dependencies(operations):
        return {name: tf.identity(tensor) for name, tensor in tensors.items()}


def export(kind: type[TinyModel], folder: Path, transform_graph: Path | None = None) -> Exported:
    """Exports a model of this kind with its golden files, examples and schema."""
    exported = Exported(folder / "model", folder / "examples", folder / "schema", transform_graph)
    training = folder / "training"
    training.mkdir(parents=True)
    vocabulary = training / "islands.txt"
    vocabulary.write_text("\n".join(ISLANDS) + "\n")
    model = kind(vocabulary)
    tf.saved_model.save(model, str(exported.saved_model), signatures=model.signatures())
    rows = table.raw_rows(complete=kind.complete_rows)
    trained = model if kind.own_golden else type("Sound", (TinyModel,), {"task": kind.task})(vocabulary)
    _write_golden(exported.model / "golden", trained, rows)
    table.write_examples(exported.examples, [table.as_example(row) for row in rows])
    table.write_schema(exported.schema)
    # The machine that trained is gone.
    vocabulary.unlink()
    model.damage(exported)
    return exported


def _write_golden(folder: Path, model: TinyModel, rows: list[table.Row]) -> None:
    """What components/trainer/golden.py writes."""
    folder.mkdir()
    raw = table.raw_tensors(rows)
    name = "value" if model.task == "regression" else "probabilities"
    predictions = model.outputs(raw)[name].numpy()
    np.savez(folder / "predictions.npz", row_key=row_key(raw).numpy(), **{name: predictions})
    order = np.random.default_rng(3).permutation(len(rows))
    importance = {}
    for column in FEATURES:
        shuffled = model.outputs(raw | {column: tf.gather(raw[column], order)})[name].numpy()
        importance[column] = float(np.abs(shuffled - predictions).mean())
    label = LABELS[model.task]
    labels = [row[label] for row in rows]
    contract = {
        "task": model.task,
        "classes": None if model.task == "regression" else list(classes_of(model.task)),
        "row_key": ROW_KEY,
        "label": label,
        "weight": None,
        "inputs": {column: {"argument": ARGUMENTS[column], "dtype": dtype} for column, dtype in FEATURES.items()},
        "columns": FEATURES | {label: "float32" if model.task == "regression" else "string"},
        "transformed": {name: {"argument": name, "dtype": dtype, "shape": [1]} for name, dtype in TRANSFORMED.items()},
        "range": [min(labels), max(labels)] if model.task == "regression" else None,
        "missing_words": {"island": ["NA", "n/a"]},
        "importance": importance,
    }
    (folder / "contract.json").write_text(json.dumps(contract, indent=1))
