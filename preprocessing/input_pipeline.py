"""Transformed examples as a `tf.data.Dataset`: the one place where batches are made.

Training, evaluation, the stored golden predictions and the tests all read through here.
"""

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft

from preprocessing.config import FeaturesConfig
from preprocessing.errors import UserError
from preprocessing.features import LABEL, LABEL_VOCABULARY, ROW_KEY, WEIGHT, ModelInput, model_inputs
from preprocessing.matrices import Matrices, side_by_side
from preprocessing.text import decoded
from preprocessing.vocabularies import from_line

Values = npt.NDArray[np.float64]

Rows: TypeAlias = Sequence[str] | Matrices
"""A split: gzip TFRecord files of transformed tf.Examples, or what `in_memory` made of them."""

_SHARDS_AT_ONCE = 64
"""How many files are read in turns: each is open meanwhile."""
_PART = 8192
"""Rows that are parsed at once where no batch is asked for."""


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


def in_memory(files: Sequence[str], data: TransformedData, limit_mb: float) -> Matrices | None:
    """Reads a whole split into memory.

    Args:
      files: gzip TFRecord files of transformed tf.Examples.
      data: how to parse them.
      limit_mb: MiB that the split may take.

    Returns:
      None when it takes more; reading ends there.
    """

    def packed(serialized: tf.Tensor) -> tuple[tf.Tensor, ...]:
        inputs, targets = _parse(serialized, data)
        del targets[ROW_KEY]
        return *side_by_side(inputs, data.inputs), targets, tf.size(serialized)

    parts, left = [], limit_mb * 2**20
    # The first part is there for files without rows.
    nothing = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))
    batches = nothing.concatenate(_rows(files).batch(_PART))
    for numbers, ids, targets, read in batches.map(packed, num_parallel_calls=2, deterministic=True).prefetch(1):
        parts.append(Matrices(data.inputs, numbers, ids, targets, int(read)))
        left -= parts[-1].size
        if left < 0:
            return None
    return Matrices.joined(parts)


def dataset(rows: Rows, data: TransformedData, *, batch_size: int) -> tf.data.Dataset:
    """One pass over a split in the files' own order.

    Args:
      rows: the split.
      data: how to parse files.
      batch_size: rows per batch; the last batch may be smaller.

    Returns:
      A dataset of (inputs, targets): inputs by name, dense float32 [batch, size] and ids int64 [batch, 1];
      targets by name: the label [batch, 1] (int64 classes, float32 values), the weight float32 [batch, 1]
      if there is one, and of files the row key int64 [batch, 1]. Rows without a known label are left out.
    """
    if isinstance(rows, Matrices):
        starts = tf.data.Dataset.range(0, len(rows), batch_size)
        return starts.map(
            lambda start: rows.batch(tf.range(start, tf.minimum(start + batch_size, len(rows))))
        ).prefetch(tf.data.AUTOTUNE)
    return _parsed(_rows(rows).batch(batch_size), data).prefetch(tf.data.AUTOTUNE)


def shuffled_passes(
    rows: Rows,
    data: TransformedData,
    *,
    batch_size: int,
    shuffle_buffer: int,
    seed: int,
    first_pass: int = 0,
    unlabelled: bool = False,
) -> tf.data.Dataset:
    """Endless shuffled passes; the order within pass n depends on n, the seed and TensorFlow's global seed alone.

    So a training that was killed goes on with the very batches that it would have seen. What is in memory is shuffled
    as a whole. Files are read in turns, beginning with others in every pass, and mixed through a buffer: a table that
    is sorted by its label reaches it as many pieces at once as there are files.

    Args:
      rows, data, batch_size: as in `dataset`.
      shuffle_buffer: of files: rows held for shuffling.
      seed: of the shuffling.
      first_pass: the number of the first pass.
      unlabelled: of files: some rows have no known label. They are then taken out before the batches are made, so that
        no batch is short or empty (which batch normalisation turns into NaN). Costs a second look at every row.

    Returns:
      As `dataset`; no batch spans two passes.
    """
    passes = tf.data.Dataset.range(first_pass, tf.int64.max)
    if isinstance(rows, Matrices):
        return _shuffled_matrices(rows, passes, batch_size, seed).prefetch(tf.data.AUTOTUNE)
    labelled = data if unlabelled else None

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        order = number + seed * 1_000_003
        shards = tf.data.Dataset.from_tensor_slices(list(rows)).shuffle(len(rows), seed=order)
        turns = shards.interleave(lambda file: _rows([file], labelled), cycle_length=min(len(rows), _SHARDS_AT_ONCE))
        return turns.shuffle(shuffle_buffer, seed=order).batch(batch_size)

    # Batching strings and parsing a whole batch at once is several times faster than row by row.
    return _parsed(passes.flat_map(one_pass), data).prefetch(tf.data.AUTOTUNE)


def _shuffled_matrices(rows: Matrices, passes: tf.data.Dataset, batch_size: int, seed: int) -> tf.data.Dataset:
    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        # Mixed: of a key's words `index_shuffle` takes no more than the lowest bits where the rows are few, so that
        # every 256th pass would be the same.
        key = tf.random.stateless_uniform(
            [2], tf.stack([tf.constant(seed, tf.int64), number]), minval=None, maxval=None, dtype=tf.int64
        )
        return tf.data.Dataset.range(0, len(rows), batch_size).map(lambda start: (key, start))

    def batch(key: tf.Tensor, start: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        places = tf.range(start, tf.minimum(start + batch_size, len(rows)))
        # Where each place of the permutation leads, without holding the permutation.
        return rows.batch(tf.random.experimental.index_shuffle(places, key, len(rows) - 1))

    return passes.flat_map(one_pass).map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _rows(files: Sequence[str] | Sequence[tf.Tensor], labelled: TransformedData | None = None) -> tf.data.Dataset:
    """Serialized rows; given how to parse them, those with a known label."""
    rows = tf.data.TFRecordDataset(list(files), compression_type="GZIP")
    if labelled is not None:
        rows = rows.batch(1024).map(lambda serialized: _labelled(serialized, labelled)).unbatch()
    return rows


def _labelled(serialized: tf.Tensor, data: TransformedData) -> tf.Tensor:
    return tf.boolean_mask(serialized, _is_known(tf.io.parse_example(serialized, {LABEL: data.spec[LABEL]})))


def _parsed(batches: tf.data.Dataset, data: TransformedData) -> tf.data.Dataset:
    return batches.map(
        lambda serialized: _parse(serialized, data), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def _parse(serialized: tf.Tensor, data: TransformedData) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    parsed = tf.io.parse_example(serialized, data.spec)
    # Their places once for all columns: a mask looks for them anew in each, a dozen operations at a time.
    known = tf.where(_is_known(parsed))[:, 0]
    parsed = {name: tf.gather(tensor, known) for name, tensor in parsed.items()}
    targets = {name: parsed[name] for name in (LABEL, ROW_KEY)}
    if data.weighted:
        targets[WEIGHT] = parsed[WEIGHT]
    return model_batch(parsed, data.inputs), targets


def model_batch(transformed: Mapping[str, tf.Tensor], inputs: Sequence[ModelInput]) -> dict[str, tf.Tensor]:
    """The model's inputs among transformed features: dense ones as [batch, size], ids as [batch, 1]."""
    return {each.name: _as_matrix(transformed[each.name], each) for each in inputs}


def _as_matrix(tensor: tf.Tensor, model_input: ModelInput) -> tf.Tensor:
    shape = [-1, model_input.size if model_input.kind == "dense" else 1]
    # A request is answered through here: what has its shape already costs nothing.
    return tensor if tensor.shape.rank == 2 and tensor.shape[1] == shape[1] else tf.reshape(tensor, shape)


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


def known_labels(rows: Rows, data: TransformedData) -> tuple[Values, Values]:
    """The labels of a split and their weights, in the files' order.

    Returns:
      Two arrays float64 [rows], without the rows that have no known label: class ids, or the label on its training
      scale; and the weights, which are 1 where the configuration names no column of weights.
    """
    names = [LABEL, WEIGHT] if data.weighted else [LABEL]
    if isinstance(rows, Matrices):
        columns = {name: rows.targets[name].numpy()[:, 0].astype(np.float64) for name in names}
    else:
        columns = _known_columns(rows, data, names)
    return columns[LABEL], columns[WEIGHT] if data.weighted else np.ones(len(columns[LABEL]))


def _known_columns(files: Sequence[str], data: TransformedData, names: Sequence[str]) -> dict[str, Values]:
    spec = {name: data.spec[name] for name in names}
    columns: dict[str, list[Values]] = {name: [np.zeros(0)] for name in names}
    for rows in _rows(files).batch(_PART):
        parsed = tf.io.parse_example(rows, spec)
        known = _is_known(parsed)
        for name, parts in columns.items():
            parts.append(tf.boolean_mask(parsed[name], known).numpy()[:, 0].astype(np.float64))
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def summarize_labels(rows: Rows, data: TransformedData) -> LabelSummary:
    """The labels of a split, of files in one pass over them."""
    if isinstance(rows, Matrices):
        return _summary(known_labels(rows, data)[0], rows.read, data)
    spec = {LABEL: data.spec[LABEL]}
    batches = _rows(rows).batch(_PART).map(lambda part: tf.io.parse_example(part, spec)[LABEL])
    labels = np.concatenate([np.zeros(0), *(batch.numpy()[:, 0] for batch in batches)])
    known = labels[np.isfinite(labels) & (labels >= 0 if data.classes else True)]
    return _summary(known, len(labels), data)


def _summary(known: Values, rows: int, data: TransformedData) -> LabelSummary:
    if data.classes:
        counts = tuple(int(n) for n in np.bincount(known.astype(np.int64), minlength=len(data.classes)))
        return LabelSummary(rows, len(known), counts)
    if not len(known):
        return LabelSummary(rows, 0, ())
    std = float(known.std())
    return LabelSummary(rows, len(known), (), float(known.mean()), std or 1.0, float(known.min()), float(known.max()))
