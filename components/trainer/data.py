"""The transformed splits as the training loop wants them."""

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components.trainer.config import TrainConfig
from components.trainer.distribution.batches import filled, per_pass, trimmed
from components.trainer.task import TrainingTask
from preprocessing.config import Label
from preprocessing.errors import UserError
from preprocessing.features import LABEL, WEIGHT
from preprocessing.input_pipeline import (
    LabelSummary,
    Rows,
    TransformedData,
    dataset,
    in_memory,
    shuffled_passes,
    summarize_labels,
)
from preprocessing.matrices import Matrices

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

logger = logging.getLogger("lockgate")

SOFT = "soft"
"""A target beside label and weight, float32 as the labels of `keras_batches`: what is learned instead of the label."""


@dataclass(frozen=True)
class TrainingData:
    """What the training loop reads.

    Attributes:
      transform: Transform's output, for the export.
      schema: the model inputs and classes.
      train_rows: the training split, in memory where it fits.
      eval_rows: the eval split likewise; none where all rows are trained on.
      train: label summary of the training split.
      batches_per_pass: batches that one pass over the training split makes.
      eval_labelled: rows of the eval split that have a label.
      eval_read: rows of the eval split that are read for its batches: all of them, where they are in files.
      eval_batches: the eval split as (inputs, labels, weights), see `keras_batches`; None where there is none.
      shares: how many replicas divide each batch evenly.
    """

    transform: tft.TFTransformOutput
    schema: TransformedData
    train_rows: Rows
    eval_rows: Rows
    train: LabelSummary
    batches_per_pass: int
    eval_labelled: int
    eval_read: int
    eval_batches: tf.data.Dataset | None
    shares: int = 1


def load_data(task: TrainingTask, shares: int = 1) -> TrainingData:
    """Reads the label summaries and prepares the eval split.

    Args:
      task: the training.
      shares: as of `TrainingData`.

    Raises:
      UserError: a split that is trained on, stops the training, or is predicted is empty, or holds one class only.
    """
    transform = tft.TFTransformOutput(task.transform_graph)
    schema = TransformedData.read(transform, task.job.features)
    label, train_config = task.job.features.label, task.job.train
    # Without a held-out split all rows are trained on.
    used = ("train", "eval") if task.stops_early else ("train",)
    rows: dict[str, Rows] = {
        split: in_memory(task.files[split], schema, train_config.memory_mb) or task.files[split] for split in used
    }
    summaries = {split: summarize_labels(each, schema) for split, each in rows.items()}
    named = {task.named(split): summary for split, summary in summaries.items()}
    if task.exports and task.golden not in [task.files[split] for split in used]:
        named[task.job.golden_split] = summarize_labels(task.golden, schema)
    for name, summary in named.items():
        _check_split(name, summary, schema, label)
    held_out = summaries.get("eval")
    data = TrainingData(
        transform=transform,
        schema=schema,
        train_rows=rows["train"],
        eval_rows=rows.get("eval", ()),
        train=summaries["train"],
        batches_per_pass=0,
        eval_labelled=0 if held_out is None else held_out.labelled,
        eval_read=_read(rows["eval"], held_out) if held_out is not None else 0,
        eval_batches=None,
        shares=shares,
    )
    return batched(data, task)


def batched(data: TrainingData, task: TrainingTask) -> TrainingData:
    """The same rows in the batches of a training.

    Args:
      data: in any batches.
      task: the training, on the files that `data` was read from.
    """
    size = task.job.train.batch_size
    return dataclasses.replace(
        data,
        batches_per_pass=per_pass(data.train.labelled, size, data.shares),
        eval_batches=_eval_batches(data, task) if data.eval_read else None,
    )


def _read(rows: Rows, summary: LabelSummary) -> int:
    return summary.labelled if isinstance(rows, Matrices) else summary.rows


def _eval_batches(data: TrainingData, task: TrainingTask) -> tf.data.Dataset:
    at_once = max(task.job.train.batch_size, 1024)
    parts = dataset(data.eval_rows, data.schema, batch_size=at_once)
    # Keras warns that the "input ran out of data" when it is not told how many batches there are.
    parts = parts.apply(tf.data.experimental.assert_cardinality(-(-data.eval_read // at_once)))
    return filled(keras_batches(parts, data.schema, data.train, task.job.features.label), data.shares)


def training_batches(task: TrainingTask, data: TrainingData, first_batch: int) -> tf.data.Dataset:
    """Endless shuffled training batches, from batch number `first_batch` on (see `keras_batches`)."""
    train_config = task.job.train
    first_pass, skipped = divmod(first_batch, data.batches_per_pass)
    shuffled = shuffled_passes(
        data.train_rows,
        data.schema,
        batch_size=train_config.batch_size,
        shuffle_buffer=min(train_config.shuffle_buffer, data.train.labelled),
        seed=task.job.seed,
        first_pass=first_pass,
        unlabelled=data.train.labelled < data.train.rows,
    ).skip(skipped)
    weights = class_weights(train_config, data.schema, data.train)
    endless = keras_batches(shuffled, data.schema, data.train, task.job.features.label, weights)
    return trimmed(endless, data.shares)


def keras_batches(
    batches: tf.data.Dataset,
    schema: TransformedData,
    summary: LabelSummary,
    label: Label,
    weights: FloatArray | None = None,
) -> tf.data.Dataset:
    """Turns batches into what Keras fits on.

    Returns:
      A dataset of (inputs, labels, weights): labels float32, [batch, 1] for binary and (standardised)
      regression, [batch, classes] one-hot for multiclass; weights float32 [batch, 1].
    """

    def convert(inputs: dict[str, tf.Tensor], targets: dict[str, tf.Tensor]) -> tuple[object, tf.Tensor, tf.Tensor]:
        raw = targets[LABEL]
        weight = targets.get(WEIGHT, tf.ones(tf.shape(raw), tf.float32))
        if weights is not None:
            weight *= tf.gather(tf.constant(weights, tf.float32), raw)
        if SOFT in targets:
            return inputs, targets[SOFT], weight
        if label.task == "multiclass":
            return inputs, tf.one_hot(raw[:, 0], len(schema.classes)), weight
        return inputs, (tf.cast(raw, tf.float32) - summary.mean) / summary.std, weight

    return batches.map(convert, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def class_weights(config: TrainConfig, schema: TransformedData, summary: LabelSummary) -> FloatArray | None:
    """The weight of each class by id, float64 [classes]; None when all count the same.

    Raises:
      UserError: a weight is given for an unknown class.
    """
    if config.class_weights == "none":
        return None
    counts = np.maximum(np.asarray(summary.counts, dtype=float), 1.0)
    if config.class_weights == "balanced":
        return counts.sum() / (len(counts) * counts)
    unknown = sorted(set(config.class_weights) - set(schema.classes))
    if unknown:
        raise UserError(
            f"the label has no class {unknown[0]!r}; its classes: {list(schema.classes)}",
            field=("train", "class_weights"),
            hint="write it as it is in the data",
        )
    return np.asarray([config.class_weights.get(name, 1.0) for name in schema.classes])


def _check_split(split: str, summary: LabelSummary, schema: TransformedData, label: Label) -> None:
    hint = "give the split more rows (data.split), or another seed of rows through data.inputs"
    if not summary.labelled:
        raise UserError(f"split {split!r}: no row with a label in column {label.column!r}", hint=hint)
    present = (
        [name for name, count in zip(schema.classes, summary.counts, strict=True) if count] if schema.classes else []
    )
    if schema.classes and len(present) < 2:
        raise UserError(
            f"split {split!r}: label {label.column!r} has one class only, {present[0]!r}, in {summary.labelled} rows",
            hint=hint,
        )
    if not schema.classes and summary.low == summary.high and split == "train":
        raise UserError(
            f"split {split!r}: label {label.column!r} is constant, {summary.low:g} in all {summary.labelled} rows",
            hint=hint,
        )
    if summary.rows > summary.labelled:
        logger.warning(
            "split %s: %d of %d rows have no label, or a class that the training split does not have; left out",
            split,
            summary.rows - summary.labelled,
            summary.rows,
        )
