"""Transformed examples as a `tf.data.Dataset`: the one place where batches are made.

Training, evaluation, the stored golden predictions and the tests all read through here.
"""

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft

from preprocessing.config import FeaturesConfig
from preprocessing.errors import UserError
from preprocessing.features import LABEL, LABEL_VOCABULARY, ROW_KEY, WEIGHT, ModelInput, model_inputs
from preprocessing.text import decoded
from preprocessing.vocabularies import from_line

Values = npt.NDArray[np.float64]

_GZIP_EXPANSION = 6
"""Serialized examples typically shrink to a sixth under gzip; good enough to decide whether they fit."""


@dataclass(frozen=True)
class TransformedData:
    """What the transform graph settled: the inputs that a model gets, and the label's classes.

    Attributes:
      inputs: the model inputs, declared ones first, then those of the user's own function.
      classes: class names in id order; empty for regression.
      spec: how a transformed example is parsed.
      weighted: whether examples carry a weight.
      meaning: a hash of what the numbers stand for: the `features:` section, and the vocabularies behind the ids.
    """

    inputs: tuple[ModelInput, ...]
    classes: tuple[str, ...]
    spec: dict[str, tf.io.FixedLenFeature]
    weighted: bool
    meaning: str

    @classmethod
    def read(cls, output: tft.TFTransformOutput, features: FeaturesConfig) -> Self:
        """Reads it from Transform's output.

        Raises:
          UserError: the training split has fewer than two classes.
        """
        spec = output.transformed_feature_spec()
        declared = model_inputs(features, output.vocabulary_size_by_name)
        known = {each.name for each in declared} | {LABEL, WEIGHT, ROW_KEY}
        own = tuple(_own_input(name, spec[name], output) for name in sorted(set(spec) - known))
        return cls(declared + own, _classes(output, features), spec, WEIGHT in spec, _meaning(output, features))


def _meaning(output: tft.TFTransformOutput, features: FeaturesConfig) -> str:
    # Every vocabulary is an asset of the transform graph, those of the user's own function too.
    assets = posixpath.join(output.transform_savedmodel_dir, tf.saved_model.ASSETS_DIRECTORY)
    digest = hashlib.sha256(features.model_dump_json(exclude={"weight"}).encode())
    for path in sorted(tf.io.gfile.glob(posixpath.join(assets, "*"))):
        with tf.io.gfile.GFile(path, "rb") as file:
            digest.update(f"\0{posixpath.basename(path)}\0".encode() + file.read())
    return digest.hexdigest()[:16]


def _own_input(name: str, feature: tf.io.FixedLenFeature, output: tft.TFTransformOutput) -> ModelInput:
    if feature.dtype == tf.float32:
        return ModelInput(name, "dense", int(np.prod(feature.shape, dtype=int)))
    domain = next(each.int_domain for each in output.transformed_metadata.schema.feature if each.name == name)
    if not domain.is_categorical or domain.max <= 0:
        raise UserError(
            f"{name!r} is int64 but not a vocabulary's ids, so the number of ids is unknown",
            field=("features", "preprocessing_fn"),
            hint="make it with tft.compute_and_apply_vocabulary, or cast it to float32",
        )
    if domain.min < 0:
        raise UserError(
            f"{name!r} has the id {domain.min} for values outside its vocabulary; a model takes ids from 0 on",
            field=("features", "preprocessing_fn"),
            hint="give tft.compute_and_apply_vocabulary num_oov_buckets=1",
        )
    return ModelInput(name, "categorical", int(domain.max) + 1)


def _classes(output: tft.TFTransformOutput, features: FeaturesConfig) -> tuple[str, ...]:
    label = features.label
    if label.task == "regression":
        return ()
    classes = label.classes or tuple(decoded(from_line(line)) for line in output.vocabulary_by_name(LABEL_VOCABULARY))
    if len(classes) < 2 or (label.task == "binary" and len(classes) != 2):
        expected = "exactly two classes" if label.task == "binary" else "at least two classes"
        raise UserError(
            f"label {label.column!r}: a {label.task} label needs {expected} in the training split, "
            f"received {list(classes)[:10]}",
            hint="check the column, or change features.label.task",
        )
    return classes


def expand(patterns: Sequence[str]) -> list[str]:
    """The files behind TFX's file patterns, sorted so that the order never depends on the file system."""
    return sorted(name for pattern in patterns for name in tf.io.gfile.glob(pattern))


def fits_in_memory(files: Sequence[str], limit_mb: int) -> bool:
    """Whether the examples in these gzip files are smaller than the limit once uncompressed (an estimate)."""
    return sum(tf.io.gfile.stat(name).length for name in files) * _GZIP_EXPANSION <= limit_mb * 2**20


def dataset(
    files: Sequence[str],
    data: TransformedData,
    *,
    batch_size: int,
    cache: bool = False,
) -> tf.data.Dataset:
    """One pass over transformed examples in the files' own order.

    Args:
      files: gzip TFRecord files of transformed tf.Examples.
      data: how to parse them.
      batch_size: rows per batch; the last batch may be smaller.
      cache: keeps the serialized rows in memory after the first pass.

    Returns:
      A dataset of (inputs, targets): inputs by name, dense float32 [batch, size] and ids int64 [batch, 1];
      targets by name: the label [batch, 1] (int64 classes, float32 values), the weight float32 [batch, 1]
      if there is one, and the row key int64 [batch, 1]. Rows without a known label are left out.
    """
    return _parsed(_rows(files, cache).batch(batch_size), data).prefetch(tf.data.AUTOTUNE)


def shuffled_passes(
    files: Sequence[str],
    data: TransformedData,
    *,
    batch_size: int,
    shuffle_buffer: int,
    seed: int,
    cache: bool = False,
    first_pass: int = 0,
    unlabelled: bool = False,
) -> tf.data.Dataset:
    """Endless shuffled passes; the order within pass n depends on n, the seed and TensorFlow's global seed alone.

    So a training that was killed goes on with the very batches that it would have seen.

    Args:
      files, data, batch_size, cache: as in `dataset`.
      shuffle_buffer: rows held for shuffling.
      seed: of the shuffling.
      first_pass: the number of the first pass.
      unlabelled: some rows have no known label. They are then taken out before the batches are made, so that no batch
        is short or empty (which batch normalisation turns into NaN). Costs a second look at every row.

    Returns:
      As `dataset`; no batch spans two passes.
    """
    rows = _rows(files, cache, data if unlabelled else None)

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        return rows.shuffle(shuffle_buffer, seed=number + seed * 1_000_003).batch(batch_size)

    # Batching strings and parsing a whole batch at once is several times faster than row by row.
    passes = tf.data.Dataset.range(first_pass, tf.int64.max).flat_map(one_pass)
    return _parsed(passes, data).prefetch(tf.data.AUTOTUNE)


def _rows(files: Sequence[str], cache: bool, labelled: TransformedData | None = None) -> tf.data.Dataset:
    """Serialized rows; given how to parse them, those with a known label."""
    rows = tf.data.TFRecordDataset(list(files), compression_type="GZIP")
    if labelled is not None:
        rows = rows.batch(1024).map(lambda serialized: _labelled(serialized, labelled)).unbatch()
    return rows.cache() if cache else rows


def _labelled(serialized: tf.Tensor, data: TransformedData) -> tf.Tensor:
    return tf.boolean_mask(serialized, _is_known(tf.io.parse_example(serialized, {LABEL: data.spec[LABEL]})))


def _parsed(batches: tf.data.Dataset, data: TransformedData) -> tf.data.Dataset:
    return batches.map(
        lambda serialized: _parse(serialized, data), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def _parse(serialized: tf.Tensor, data: TransformedData) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    parsed = tf.io.parse_example(serialized, data.spec)
    known = _is_known(parsed)
    parsed = {name: tf.boolean_mask(tensor, known) for name, tensor in parsed.items()}
    targets = {name: parsed[name] for name in (LABEL, ROW_KEY)}
    if data.weighted:
        targets[WEIGHT] = parsed[WEIGHT]
    return model_batch(parsed, data.inputs), targets


def model_batch(transformed: Mapping[str, tf.Tensor], inputs: Sequence[ModelInput]) -> dict[str, tf.Tensor]:
    """The model's inputs among transformed features: dense ones as [batch, size], ids as [batch, 1]."""
    return {
        each.name: tf.reshape(transformed[each.name], [-1, each.size if each.kind == "dense" else 1]) for each in inputs
    }


def _is_known(parsed: Mapping[str, tf.Tensor]) -> tf.Tensor:
    label = parsed[LABEL][:, 0]
    return tf.math.is_finite(label) if label.dtype.is_floating else label >= 0


@dataclass(frozen=True)
class LabelSummary:
    """The labels of one split, as the model is to learn them.

    Attributes:
      rows: all rows, those without a known label included.
      labelled: rows with a known label.
      counts: rows of each class, in id order; empty for regression.
      mean, std, low, high: of a regression label on its training scale; 0, 1, 0, 0 for classes.
    """

    rows: int
    labelled: int
    counts: tuple[int, ...]
    mean: float = 0.0
    std: float = 1.0
    low: float = 0.0
    high: float = 0.0


def known_labels(files: Sequence[str], data: TransformedData) -> tuple[Values, Values]:
    """The labels of a split and their weights, in the files' order.

    Returns:
      Two arrays float64 [rows], without the rows that have no known label: class ids, or the label on its training
      scale; and the weights, which are 1 where the configuration names no column of weights.
    """
    names = [LABEL, WEIGHT] if data.weighted else [LABEL]
    spec = {name: data.spec[name] for name in names}
    columns: dict[str, list[Values]] = {name: [np.zeros(0)] for name in names}
    for rows in _rows(files, cache=False).batch(4096):
        parsed = tf.io.parse_example(rows, spec)
        known = _is_known(parsed)
        for name, parts in columns.items():
            parts.append(tf.boolean_mask(parsed[name], known).numpy()[:, 0].astype(np.float64))
    labels = np.concatenate(columns[LABEL])
    return labels, np.concatenate(columns[WEIGHT]) if data.weighted else np.ones(len(labels))


def summarize_labels(files: Sequence[str], data: TransformedData, *, batch_size: int = 4096) -> LabelSummary:
    """Reads a split's labels in one pass."""
    spec = {LABEL: data.spec[LABEL]}
    batches = _rows(files, cache=False).batch(batch_size).map(lambda rows: tf.io.parse_example(rows, spec)[LABEL])
    labels = np.concatenate([np.zeros(0), *(batch.numpy()[:, 0] for batch in batches)])
    known = labels[np.isfinite(labels) & (labels >= 0 if data.classes else True)]
    if data.classes:
        counts = tuple(int(n) for n in np.bincount(known.astype(np.int64), minlength=len(data.classes)))
        return LabelSummary(len(labels), len(known), counts)
    if not len(known):
        return LabelSummary(len(labels), 0, ())
    std = float(known.std())
    return LabelSummary(
        len(labels), len(known), (), float(known.mean()), std or 1.0, float(known.min()), float(known.max())
    )
