"""Columns of lists as one string per row, so that a list has an entrance, a row key and a way to be missing as every
other column has: its values as lines (`vocabularies.as_lines`), one below the other; "" for an empty list."""

import tensorflow as tf

from preprocessing.errors import UserError
from preprocessing.raw_columns import Column
from preprocessing.vocabularies import as_lines

SEPARATOR = "\n"
"""Stands between two values: no line has it."""


def list_cells(name: str, column: Column | tf.RaggedTensor) -> tf.Tensor:
    """A column of lists as cells.

    Args:
      name: the column's.
      column: strings [batch, values]: sparse, ragged, or a Tensor in which "" fills up the shorter lists.

    Returns:
      string [batch]. Values that are "" are left out.

    Raises:
      UserError: it holds numbers.
    """
    if column.dtype != tf.string:
        raise UserError(
            f"column {name!r} of features.lists holds {column.dtype.name}, expected text",
            hint="say `type: BYTES` for the column in data.schema: the numbers are then read as text",
        )
    if isinstance(column, tf.SparseTensor):
        values, rows, count = column.values, column.indices[:, 0], column.dense_shape[0]
    elif isinstance(column, tf.RaggedTensor):
        values, rows, count = column.values, column.value_rowids(), column.nrows()
    else:
        shape = tf.shape(column, tf.int64)
        values, count = tf.reshape(column, [-1]), shape[0]
        rows = tf.repeat(tf.range(count), tf.reduce_prod(shape[1:]))
    there = tf.not_equal(values, "")
    lines = as_lines(tf.boolean_mask(values, there))
    return tf.strings.unsorted_segment_join(lines, tf.boolean_mask(rows, there), count, SEPARATOR)
