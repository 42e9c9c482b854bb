"""How good is the pushed model? scikit-learn's HistGradientBoosting on the very same rows, side by side.

    python tests/benchmarks/hist_gradient_boosting.py data/flights/pipeline.yaml

reads the splits that the pipeline's last run made, so run the pipeline first. The peer gets the raw columns
that the configuration uses, with fixed settings, and as many trees as serve the eval split best; the test
split is for the numbers in the table alone, as it is for Lockgate.
"""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import click
import numpy as np
import pandas as pd
import tensorflow as tf
from google.protobuf import text_format
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, roc_auc_score
from tensorflow_metadata.proto.v0 import schema_pb2

from components.artifacts.splits import SPLITS
from pipeline.config.loader import load
from preprocessing.config import FeaturesConfig, Label
from preprocessing.errors import UserError

SETTINGS = {"max_iter": 600, "learning_rate": 0.06, "l2_regularization": 1.0, "early_stopping": False}
"""The same for every data set. The number of trees is then chosen on the eval split, not on random rows of
the training split as `early_stopping` would: where the splits are months, those flatter it."""
MOST_CATEGORIES = 254
"""HistGradientBoosting takes 255 categories; rarer ones count as missing."""
_DTYPES = {schema_pb2.BYTES: tf.string, schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32}
_BATCH = 4096
Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Split:
    """One split as ExampleGen wrote it.

    Attributes:
      examples: serialized tf.Examples without the label, as a client would send them.
      table: the same rows, label included; missing numbers are NaN, missing strings None.
    """

    examples: list[bytes]
    table: pd.DataFrame


def newest(folder: Path) -> Path:
    """The sub-folder with the highest number.

    Raises:
      UserError: there is none.
    """
    numbered = [path for path in folder.glob("*") if path.name.isdecimal()]
    if not numbered:
        raise UserError(f"{folder}: nothing here", hint="run the pipeline first; it must have pushed a model")
    return max(numbered, key=lambda path: int(path.name))


def read_split(folder: Path, schema: schema_pb2.Schema, label: str) -> Split:
    """Reads the gzip TFRecords of one split.

    Raises:
      UserError: there are no files.
    """
    files = sorted(str(path) for path in folder.glob("*.gz"))
    if not files:
        raise UserError(f"{folder}: expected gzip TFRecord files, found none")
    spec = {feature.name: tf.io.VarLenFeature(_DTYPES[feature.type]) for feature in schema.feature}
    examples: list[bytes] = []
    tables: list[pd.DataFrame] = []
    for batch in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_BATCH):
        serialized = batch.numpy()
        parsed = tf.io.parse_example(serialized, spec)
        tables.append(pd.DataFrame({name: _column(parsed[name], len(serialized)) for name in spec}))
        examples.extend(_without(label, row) for row in serialized)
    return Split(examples, pd.concat(tables, ignore_index=True))


def _column(values: tf.SparseTensor, rows: int) -> Array:
    """Object [rows] for strings, float64 [rows] for numbers."""
    present = values.indices.numpy()[:, 0]
    if values.dtype == tf.string:
        column = np.full(rows, None, object)
        column[present] = [text.decode() for text in values.values.numpy()]
        return column
    column = np.full(rows, np.nan)
    column[present] = values.values.numpy()
    return column


def _without(label: str, serialized: bytes) -> bytes:
    example = tf.train.Example.FromString(serialized)
    example.features.feature.pop(label, None)
    return bytes(example.SerializeToString())


def peer_table(table: pd.DataFrame, features: FeaturesConfig, categories: dict[str, pd.Index]) -> pd.DataFrame:
    """The columns that the configuration uses, as HistGradientBoosting takes them.

    Args:
      categories: the values of each categorical column in the training split; filled when it is empty.
    """
    columns: dict[str, pd.Series] = {}
    for column in (name for group in features.numeric for name in group.columns):
        columns[column] = table[column]
    named = [name for group in features.categorical for name in group.columns]
    named += [name for group in features.boolean for name in group.columns]
    for column in named:
        known = categories.setdefault(column, table[column].value_counts().index[:MOST_CATEGORIES])
        columns[column] = pd.Series(pd.Categorical(table[column], categories=known))
    for group in features.datetime:
        for column in group.columns:
            moments = pd.to_datetime(table[column], format=group.format).dt
            columns |= {f"{column} {part}": getattr(moments, part) for part in group.parts}
    return pd.DataFrame(columns)


def on_training_scale(label: Label, values: pd.Series | Array) -> Array:
    """Class names as they are; numbers after the label's transform, float64 [rows]."""
    if label.task != "regression":
        return np.asarray(values)
    numbers = np.asarray(values, float)
    if label.transform == "none":
        return numbers
    return np.log(numbers) if label.transform == "log" else np.log1p(numbers)


def metrics(label: Label, classes: list[str], truth: Array, predicted: Array) -> dict[str, float]:
    """Metrics by name.

    Args:
      truth: class names, or the label on its training scale; [rows].
      predicted: probabilities [rows, classes], or predictions on that scale [rows].
    """
    if label.task == "regression":
        scale = "" if label.transform == "none" else f" of {label.transform}({label.column})"
        return {f"RMSE{scale}": float(np.sqrt(mean_squared_error(truth, predicted)))}
    ids = np.asarray([classes.index(name) for name in truth])
    found = {
        "accuracy": float(accuracy_score(ids, predicted.argmax(axis=1))),
        "log loss": float(log_loss(ids, predicted, labels=range(len(classes)))),
    }
    return {"AUC": float(roc_auc_score(ids, predicted[:, 1])), **found} if label.task == "binary" else found


def lockgate_predictions(model: Path, label: Label, examples: list[bytes]) -> tuple[list[str], Array]:
    """The pushed model's answers, as `metrics` takes them, with its classes in output order."""
    loaded = tf.saved_model.load(str(model))
    answer = loaded.signatures["serving_default"]
    batches = [examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH)]
    answers = [answer(examples=tf.constant(batch)) for batch in batches]
    if label.task == "regression":
        return [], on_training_scale(label, np.concatenate([each["value"].numpy() for each in answers]))
    classes = [name.decode() for name in answers[0]["classes"].numpy()[0]]
    return classes, np.concatenate([each["probabilities"].numpy() for each in answers])


def peer_predictions(
    features: FeaturesConfig, classes: list[str], splits: dict[str, pd.DataFrame]
) -> tuple[int, Array]:
    """Trains HistGradientBoosting.

    Returns:
      The number of trees per class that the eval split likes best, and the test split's predictions.
    """
    label, categories = features.label, dict[str, pd.Index]()
    x = {split: peer_table(splits[split], features, categories) for split in SPLITS}
    y = {split: on_training_scale(label, splits[split][label.column]) for split in SPLITS}
    family = HistGradientBoostingRegressor if label.task == "regression" else HistGradientBoostingClassifier
    model = family(**SETTINGS, categorical_features="from_dtype", random_state=0).fit(x["train"], y["train"])

    def staged(split: str) -> Any:
        if label.task == "regression":
            return model.staged_predict(x[split])
        order = [list(model.classes_).index(name) for name in classes]
        return (probabilities[:, order] for probabilities in model.staged_predict_proba(x[split]))

    def loss(predicted: Array) -> float:
        found = metrics(label, classes, y["eval"], predicted)
        return found["log loss"] if classes else next(iter(found.values()))

    best = int(np.argmin([loss(predicted) for predicted in staged("eval")]))
    return best + 1, next(itertools.islice(staged("test"), best, None))


def compare(config_path: Path, overrides: tuple[str, ...]) -> None:
    """Prints the table for one pipeline.

    Raises:
      UserError: the pipeline has not run yet.
    """
    loaded = load(config_path, overrides)
    features, root = loaded.config.features, loaded.root()
    examples = newest(root / "ExampleGen" / "examples")
    pushed = newest(root / loaded.config.push.directory)
    schema_file = next(iter(sorted(newest(next(root.glob("*SchemaGen")) / "schema").glob("*.pbtxt"))))
    schema = text_format.Parse(schema_file.read_text(), schema_pb2.Schema())
    splits = {split: read_split(examples / f"Split-{split}", schema, features.label.column) for split in SPLITS}
    tables = {split: content.table.dropna(subset=[features.label.column]) for split, content in splits.items()}

    truth = on_training_scale(features.label, tables["test"][features.label.column])
    classes, ours = lockgate_predictions(pushed, features.label, splits["test"].examples)
    ours = ours[tables["test"].index]
    trees, theirs = peer_predictions(features, classes, tables)
    found = [metrics(features.label, classes, truth, predicted) for predicted in (theirs, ours)]

    rows = ", ".join(f"{split} {len(table):,}" for split, table in tables.items())
    click.echo(f"{loaded.config.name}: {rows} rows; {trees} iterations; model {pushed}")
    click.echo(f"  {'metric':<24}{'HistGradientBoosting':>22}{'Lockgate':>12}")
    for name in found[0]:
        click.echo(f"  {name:<24}{found[0][name]:>22.4f}{found[1][name]:>12.4f}")


@click.command()
@click.argument("configs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, help="As for `lockgate run`, for example root=/tmp/output.")
def main(configs: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Compares the pushed model of each pipeline.yaml with HistGradientBoosting."""
    for config in configs:
        try:
            compare(config, overrides)
        except UserError as error:
            raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
