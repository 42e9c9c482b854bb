"""Batches that divide evenly: which rows they have, and what is measured on them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.distribution.batches import filled, per_pass, trimmed


def _batches(rows: int, size: int) -> tf.data.Dataset:
    """Rows by number; labels are tenths of it, weights 1, 2, 1, 2 ..."""
    numbers = np.arange(rows, dtype=np.float32)[:, np.newaxis]
    return tf.data.Dataset.from_tensor_slices(({"n": numbers}, numbers / 10, 1 + numbers % 2)).batch(size)


def _sizes(batches: tf.data.Dataset) -> list[int]:
    return [len(labels) for _, labels, _ in batches]


@pytest.mark.parametrize(
    ("rows", "shares", "sizes"),
    [
        (12, 2, [4, 4, 4]),
        (11, 2, [4, 4, 2]),  # one row of the last batch is left out
        (9, 2, [4, 4]),  # and here the last batch with it
        (9, 1, [4, 4, 1]),
        (3, 4, []),
    ],
)
def test_training_batches_divide_evenly(rows: int, shares: int, sizes: list[int]) -> None:
    batches = trimmed(_batches(rows, 4), shares)
    assert _sizes(batches) == sizes
    assert per_pass(rows, 4, shares) == len(sizes)
    for inputs, labels, _ in batches:
        np.testing.assert_array_equal(inputs["n"], labels * 10)


@pytest.mark.parametrize(("rows", "size", "shares"), [(7, 4, 2), (8, 4, 2), (10, 6, 3), (1, 4, 4), (5, 4, 4)])
def test_rows_that_fill_up_change_neither_loss_nor_metrics(rows: int, size: int, shares: int) -> None:
    full = filled(_batches(rows, size), shares)
    assert all(each % shares == 0 for each in _sizes(full))
    numbers = np.arange(rows)
    labels, weights = numbers / 10, 1 + numbers % 2
    # A model that answers 0.25: Keras divides a loss by all rows, a metric by the sum of the weights.
    loss = keras.losses.MeanSquaredError(reduction="sum")
    metric = keras.metrics.MeanAbsoluteError()
    total, count = 0.0, 0
    for _, wanted, counted in full:
        answers = tf.fill(tf.shape(wanted), 0.25)
        total += float(loss(wanted, answers, counted))
        count += len(wanted)
        metric.update_state(wanted, answers, counted)
    assert total / count == pytest.approx((weights * (labels - 0.25) ** 2).sum() / rows, rel=1e-6)
    assert float(metric.result()) == pytest.approx(np.average(np.abs(labels - 0.25), weights=weights), rel=1e-6)


@pytest.mark.parametrize("make", [trimmed, filled])
def test_rows_not_files_are_divided(make: object) -> None:
    options = make(_batches(8, 4), 2).options()
    assert options.experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.DATA
