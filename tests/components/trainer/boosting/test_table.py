"""Rows as a matrix: what stands in which column, and what can't be learned from."""

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.boosting.table import Columns, Table, in_memory_only
from preprocessing.errors import UserError
from preprocessing.features import LABEL, WEIGHT, ModelInput
from preprocessing.matrices import Matrices

INPUTS = (ModelInput("shop", "categorical", 4), ModelInput("x_number_xf", "dense", 1), ModelInput("day", "dense", 2))


def rows(weights: list[float], ids: list[int]) -> Matrices:
    count = len(weights)
    numbers = tf.reshape(tf.range(3 * count, dtype=tf.float32), [count, 3])
    targets = {LABEL: tf.reshape(tf.range(count, dtype=tf.int64) % 2, [-1, 1]), WEIGHT: tf.constant(weights)[:, None]}
    return Matrices(INPUTS, numbers, tf.constant(ids, tf.int32)[:, None], targets, count)


def test_numbers_come_first_and_ids_that_training_lacks_are_missing() -> None:
    train = rows([1, 2, 3], [3, 1, 3])
    columns = Columns.learned(train)
    table = Table.read(train, columns, "train", mean=0, std=1, class_weights=np.array([1.0, 10.0]))
    # Of the ids 1 and 3 the codes are 0 and 1.
    np.testing.assert_array_equal(table.matrix, [[0, 1, 2, 1], [3, 4, 5, 0], [6, 7, 8, 1]])
    np.testing.assert_array_equal(table.labels, [0, 1, 0])
    # 1, 20 and 3, with a mean of 1.
    np.testing.assert_array_equal(table.weights, [0.125, 2.5, 0.375])
    other = columns.matrix(rows([1, 1], [0, 1]))
    np.testing.assert_array_equal(other[:, 3], [np.nan, 0])
    np.testing.assert_array_equal(columns.monotone({"x": "decreasing"}), [-1, 0, 0, 0])
    assert columns.monotone({}) is None


def test_rows_of_which_none_counts_are_refused() -> None:
    train = rows([0, 0], [1, 1])
    with pytest.raises(UserError, match="all rows of split 'eval' have the weight 0") as caught:
        Table.read(train, Columns.learned(train), "eval", mean=0, std=1)
    assert caught.value.field == ("features", "weight")


def test_each_class_takes_memory_for_each_row() -> None:
    train = rows([1] * 10, [1] * 10)
    # Three numbers and an id of 4 bytes, a label of 8, a weight of 4; 16 for each unit.
    limit = 10 * (28 + 2 * 16) / 2**20
    assert in_memory_only(train, "train", limit, 2) is train
    with pytest.raises(UserError, match=r"split 'train' takes more than this.*3 classes"):
        in_memory_only(train, "train", limit, 3)
