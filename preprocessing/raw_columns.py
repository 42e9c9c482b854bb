"""Raw columns as plain tensors: one value per row, with one way to say that it is missing.

A column arrives as a SparseTensor (a value may be absent) or, where the schema fixes a shape, as a Tensor.
Missing is NaN for numbers and "" for strings. Of a row with several values the first counts.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeAlias

import tensorflow as tf

from preprocessing.missing import missing_pattern

Column: TypeAlias = tf.Tensor | tf.SparseTensor

MISSING_INTEGER = tf.int64.min
"""What says "missing" in an integer tensor that has no room for an absent value."""


def single(raw: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    """The column with one value per row: shape [batch], its own dtype; missing is NaN, MISSING_INTEGER or ""."""
    if not isinstance(raw, tf.SparseTensor):
        return raw if raw.shape.rank == 1 else tf.reshape(raw, [tf.shape(raw)[0], -1])[:, 0]
    missing = {tf.float32: float("nan"), tf.int64: MISSING_INTEGER, tf.string: ""}[raw.dtype]
    # tf.boolean_mask would do, in five times as many nodes of a graph that is traced again and again.
    first = tf.where(tf.equal(raw.indices[:, 1], 0))[:, 0]
    column = tf.SparseTensor(
        tf.gather(raw.indices, first), tf.gather(raw.values, first), tf.stack([raw.dense_shape[0], 1])
    )
    return tf.sparse.to_dense(column, default_value=missing)[:, 0]


def entrance(column: str, values: tf.Tensor) -> tf.Tensor:
    """The single values of a column, under the name that `entrance_name` gives: the export feeds its requests here."""
    return tf.identity(values, name=entrance_name(column))


def entrance_name(column: str) -> str:
    """The name of the operation in the transform graph that holds a column as `single` makes it, shape [batch]."""
    # Not the column's own: TensorFlow numbers names that differ in case alone.
    return f"entrance_{sha256(column.encode()).hexdigest()[:16]}"


def numbers(column: tf.Tensor) -> tf.Tensor:
    """A [batch] column as float32; missing, NaN and infinite values are NaN."""
    if column.dtype == tf.int64:
        return tf.where(tf.equal(column, MISSING_INTEGER), float("nan"), tf.cast(column, tf.float32))
    column = tf.cast(column, tf.float32)
    return tf.where(tf.math.is_finite(column), column, float("nan"))


def strings(column: tf.Tensor) -> tf.Tensor:
    """A [batch] column as strings; numbers in decimal; missing, NaN and infinite values are ""."""
    if column.dtype == tf.string:
        return column
    if column.dtype.is_floating:
        return tf.where(tf.math.is_finite(column), tf.strings.as_string(column, shortest=True), "")
    return tf.where(tf.equal(column, MISSING_INTEGER), "", tf.strings.as_string(column))


def is_missing(texts: tf.Tensor, words: Sequence[str]) -> tf.Tensor:
    """Whether each string means missing, see `preprocessing.missing`; bool of the same shape."""
    return tf.strings.regex_full_match(texts, missing_pattern(words))


def without_missing(raw: Column, words: Sequence[str]) -> Column:
    """A column whose texts are missing where they mean it, as the examples that it is trained on have them.

    Args:
      raw: of any dtype; numbers stay as they are.
      words: as `MissingWords.of` gives them.

    Returns:
      A Tensor with "" for them, or a SparseTensor without them, in which the other values of a row move up.
    """
    if raw.dtype != tf.string:
        return raw
    if not isinstance(raw, tf.SparseTensor):
        return tf.where(is_missing(raw, words), "", raw)
    present = tf.sparse.retain(raw, ~is_missing(raw.values, words))
    return tf.RaggedTensor.from_value_rowids(
        present.values, present.indices[:, 0], raw.dense_shape[0], validate=False
    ).to_sparse()


def where_present(values: tf.Tensor, present: tf.Tensor) -> tf.SparseTensor:
    """The values of a [batch] tensor where the bool tensor `present` is true, as [batch, 1], for the analyzers."""
    rows = tf.where(present)
    shape = tf.stack([tf.size(values, tf.int64), 1])
    return tf.SparseTensor(tf.concat([rows, tf.zeros_like(rows)], axis=1), tf.gather_nd(values, rows), shape)


def is_one_of(x: tf.Tensor, values: Sequence[str]) -> tf.Tensor:
    """Whether each string of shape [batch] is one of a few values; bool of shape [batch]."""
    return tf.reduce_any(tf.equal(tf.expand_dims(x, -1), tf.constant(list(values))), axis=-1)


def row_key(columns: Sequence[tf.Tensor]) -> tf.Tensor:
    """A fingerprint of [batch] columns, int64 of shape [batch]: equal rows have equal keys."""
    key: tf.Tensor | None = None
    for column in columns:
        if column.dtype == tf.string:
            value = tf.strings.to_hash_bucket_fast(column, 2**62)
        elif column.dtype.is_floating:
            # One bit pattern for everything that is no number, and one for both zeros. (Adding 0.0 would do for the
            # zeros, but TensorFlow's graph optimizer takes the addition out.)
            canonical = tf.where(tf.math.is_finite(column), column, float("inf"))
            canonical = tf.where(tf.equal(canonical, 0.0), tf.zeros_like(canonical), canonical)
            value = tf.cast(tf.bitcast(canonical, tf.int32), tf.int64)
        else:
            value = column
        key = value if key is None else key * 1099511628211 + value  # the prime of 64-bit FNV
    assert key is not None, "a row key needs at least one column"  # noqa: S101
    return key
