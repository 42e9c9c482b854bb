"""Labels and weights as Keras gets them, and the splits that can't be trained on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.config import TrainConfig
from components.trainer.data import class_weights, keras_batches, training_batches
from preprocessing.config import Label
from preprocessing.errors import UserError
from preprocessing.features import LABEL, WEIGHT
from preprocessing.input_pipeline import LabelSummary, TransformedData

Prepare = Callable[..., Any]
BINARY = Label(column="y", task="binary")
MULTICLASS = Label(column="y", task="multiclass")
REGRESSION = Label(column="y", task="regression")


def schema(*classes: str) -> TransformedData:
    return TransformedData((), classes, {}, False, meaning="")


def convert(
    label: Label, classes: tuple[str, ...], values: list[float], summary: LabelSummary, **options: Any
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The labels and weights of one batch."""
    targets = {LABEL: tf.constant([[value] for value in values], tf.int64 if classes else tf.float32)}
    if "weight" in options:
        targets[WEIGHT] = tf.constant([[weight] for weight in options.pop("weight")])
    batches = tf.data.Dataset.from_tensors(({"x": tf.zeros([len(values), 1])}, targets))
    [(_, labels, weights)] = keras_batches(batches, schema(*classes), summary, label, **options)
    assert labels.dtype == weights.dtype == tf.float32
    assert weights.shape == (len(values), 1)
    return labels.numpy(), weights.numpy()[:, 0]


COUNTS = LabelSummary(8, 8, (6, 2))


def test_binary_labels_are_0_and_1() -> None:
    labels, weights = convert(BINARY, ("n", "p"), [0, 1, 1], COUNTS)
    assert labels.tolist() == [[0], [1], [1]]
    assert weights.tolist() == [1, 1, 1]


def test_multiclass_labels_are_one_hot() -> None:
    labels, _ = convert(MULTICLASS, ("a", "b", "c"), [2, 0], LabelSummary(8, 8, (1, 1, 1)))
    assert labels.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_regression_labels_are_standardised() -> None:
    labels, _ = convert(REGRESSION, (), [10.0, 14.0, 6.0], LabelSummary(3, 3, (), mean=10.0, std=2.0))
    assert labels.tolist() == [[0], [2], [-2]]


def test_weights_of_rows_and_of_classes_multiply() -> None:
    weights = convert(BINARY, ("n", "p"), [0, 1, 1], COUNTS, weight=[1.0, 2.0, 0.0], weights=np.array([0.5, 3.0]))[1]
    assert weights.tolist() == [0.5, 6, 0]


def test_balanced_class_weights() -> None:
    # rows / (classes * rows of the class): 8 / (2 * 6) and 8 / (2 * 2).
    got = class_weights(TrainConfig(class_weights="balanced"), schema("n", "p"), COUNTS)
    np.testing.assert_allclose(got, [2 / 3, 2])


def test_class_weights_by_name_leave_the_others_at_1() -> None:
    got = class_weights(TrainConfig(class_weights={"b": 5.0}), schema("a", "b", "c"), LabelSummary(3, 3, (1, 1, 1)))
    assert got is not None
    assert got.tolist() == [1, 5, 1]
    assert class_weights(TrainConfig(), schema("a", "b"), COUNTS) is None


def test_class_weight_of_an_unknown_class() -> None:
    with pytest.raises(UserError, match=r"no class 'B'; its classes: \['a', 'b'\]"):
        class_weights(TrainConfig(class_weights={"B": 5.0}), schema("a", "b"), COUNTS)


@pytest.mark.slow
def test_a_table_by_its_raw_rows(prepare: Prepare, world: Callable[[str], Any]) -> None:
    data = prepare("binary").data
    labels = [row["bought"] for row in world("binary").rows["train"]]
    assert (data.train.rows, data.train.labelled) == (140, 137)
    assert data.train.counts == (labels.count("no"), labels.count("yes"))
    assert data.batches_per_pass == 5  # 137 rows by 32
    [(_, labels, weights)] = data.eval_batches
    rows = world("binary").rows["eval"]
    assert labels.numpy()[:, 0].tolist() == [float(row["bought"] == "yes") for row in rows]
    assert weights.numpy()[:, 0].tolist() == [row["weight"] for row in rows]


@pytest.mark.slow
def test_training_batches_are_whole_though_labels_are_missing(prepare: Prepare) -> None:
    prepared = prepare("binary")
    sizes = [len(labels) for _, labels, _ in training_batches(prepared.task, prepared.data, 0).take(10)]
    assert sizes == [32, 32, 32, 32, 9] * 2


@pytest.mark.slow
def test_training_batches_from_a_later_one_on(prepare: Prepare) -> None:
    prepared = prepare("binary")

    def batches(first: int, count: int) -> list[Any]:
        taken = training_batches(prepared.task, prepared.data, first).take(count)
        return [{name: tensor.numpy().tolist() for name, tensor in inputs.items()} for inputs, _, _ in taken]

    whole = batches(0, 13)
    assert batches(7, 6) == whole[7:]
    assert batches(5, 1) == whole[5:6]


def copy_split(prepare: Prepare, folder: Path, split: str, keep: Callable[[float], bool], task: str) -> Prepare:
    """All splits in a new folder, one of them with some rows only."""
    source = prepare(task).task
    for name in ("train", "eval", "test"):
        (folder / f"Split-{name}").mkdir(parents=True)
        for file in source.files[name]:
            target = folder / f"Split-{name}" / Path(file).name
            shutil.copyfile(file, target)
            if name == split:
                rows = [row.numpy() for row in tf.data.TFRecordDataset([file], compression_type="GZIP")]
                with tf.io.TFRecordWriter(str(target), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
                    for row in rows:
                        if keep(label_of(row)):
                            writer.write(row)
    return prepare


def label_of(serialized: bytes) -> float:
    feature = tf.train.Example.FromString(serialized).features.feature[LABEL]
    values = feature.int64_list.value or feature.float_list.value
    return float(values[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "split", "keep", "message"),
    [
        ("binary", "train", lambda label: label != 1, "split 'train': label 'bought' has one class only, 'no'"),
        ("binary", "eval", lambda label: label != 0, "split 'eval': label 'bought' has one class only, 'yes'"),
        ("binary", "test", lambda label: label != 0, "split 'test': label 'bought' has one class only, 'yes'"),
        ("binary", "train", lambda label: label < 0, "split 'train': no row with a label in column 'bought'"),
        ("binary", "eval", lambda _: False, "split 'eval': no row with a label"),
        ("binary", "test", lambda _: False, "split 'test': no row with a label"),
    ],
)
def test_splits_that_cannot_be_trained_on(
    prepare: Prepare, tmp_path: Path, task: str, split: str, keep: Callable[[float], bool], message: str
) -> None:
    copy_split(prepare, tmp_path / "examples", split, keep, task)
    with pytest.raises(UserError, match=message):
        prepare(task, examples=tmp_path / "examples")


@pytest.mark.slow
def test_a_constant_number_cannot_be_learned(prepare: Prepare, tmp_path: Path) -> None:
    labels = [label_of(row.numpy()) for row in tf.data.TFRecordDataset(
        list(prepare("regression").task.files["train"]), compression_type="GZIP")]  # fmt: skip
    one = next(label for label in labels if np.isfinite(label))
    copy_split(prepare, tmp_path / "examples", "train", lambda label: label == one, "regression")
    with pytest.raises(UserError, match="label 'price' is constant"):
        prepare("regression", examples=tmp_path / "examples")
