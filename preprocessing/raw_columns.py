"""Raw columns as plain tensors: one value per row, with one way to say that it is missing.

A column arrives as a SparseTensor (a value may be absent) or, where the schema fixes a shape, as a Tensor.
Missing is NaN for numbers and "" for strings. Of a row with several values the first counts.
"""

from collections.abc import Sequence

import tensorflow as tf

MISSING_INTEGER = tf.int64.min
"""What says "missing" in an integer tensor that has no room for an absent value."""


def numbers(raw: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    """The column as float32 of shape [batch]; missing, NaN and infinite values are NaN."""
    if isinstance(raw, tf.SparseTensor):
        dense = _first_values(raw, _to_float(raw.values), float("nan"))
    else:
        dense = _first_column(_to_float(raw))
    return tf.where(tf.math.is_finite(dense), dense, float("nan"))


def strings(raw: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    """The column as strings of shape [batch]; numbers in decimal; missing, NaN and infinite values are ""."""
    if isinstance(raw, tf.SparseTensor):
        return _first_values(raw, _to_string(raw.values), "")
    return _first_column(_to_string(raw))


def where_present(values: tf.Tensor, present: tf.Tensor) -> tf.SparseTensor:
    """The values of a [batch] tensor where the bool tensor `present` is true, as [batch, 1], for the analyzers."""
    rows = tf.where(present)
    shape = tf.stack([tf.size(values, tf.int64), 1])
    return tf.SparseTensor(tf.concat([rows, tf.zeros_like(rows)], axis=1), tf.boolean_mask(values, present), shape)


def is_one_of(x: tf.Tensor, values: Sequence[str]) -> tf.Tensor:
    """Whether each string of shape [batch] is one of a few values; bool of shape [batch]."""
    return tf.reduce_any(tf.equal(tf.expand_dims(x, -1), tf.constant(list(values))), axis=-1)


def row_key(columns: Sequence[tf.Tensor | tf.SparseTensor]) -> tf.Tensor:
    """A fingerprint of the given columns, int64 of shape [batch]: equal rows have equal keys."""
    key: tf.Tensor | None = None
    for raw in columns:
        if raw.dtype.is_floating:
            dense = numbers(raw)
            # One bit pattern for every missing number, and one for both zeros. (Adding 0.0 would do for the zeros,
            # but TensorFlow's graph optimizer takes the addition out.)
            canonical = tf.where(tf.math.is_nan(dense), tf.constant(float("inf")), dense)
            canonical = tf.where(tf.equal(canonical, 0.0), tf.zeros_like(canonical), canonical)
            value = tf.cast(tf.bitcast(canonical, tf.int32), tf.int64)
        else:
            value = tf.strings.to_hash_bucket_fast(strings(raw), 2**62)
        key = value if key is None else key * 1099511628211 + value  # the prime of 64-bit FNV
    assert key is not None, "a row key needs at least one column"  # noqa: S101
    return tf.bitwise.bitwise_xor(key, tf.bitwise.right_shift(key, 29))


def _first_values(raw: tf.SparseTensor, values: tf.Tensor, default: float | str) -> tf.Tensor:
    """The first of each row's values, [batch]; `values` stands where `raw.values` stood."""
    first = tf.equal(raw.indices[:, 1], 0)
    column = tf.SparseTensor(
        tf.boolean_mask(raw.indices, first), tf.boolean_mask(values, first), tf.stack([raw.dense_shape[0], 1])
    )
    return tf.sparse.to_dense(column, default_value=default)[:, 0]


def _first_column(dense: tf.Tensor) -> tf.Tensor:
    return tf.reshape(dense, [tf.shape(dense)[0], -1])[:, 0]


def _to_float(x: tf.Tensor) -> tf.Tensor:
    as_float = tf.cast(x, tf.float32)
    return tf.where(tf.equal(x, MISSING_INTEGER), float("nan"), as_float) if x.dtype == tf.int64 else as_float


def _to_string(x: tf.Tensor) -> tf.Tensor:
    if x.dtype == tf.string:
        return x
    if x.dtype.is_floating:
        return tf.where(tf.math.is_finite(x), tf.strings.as_string(x, shortest=True), "")
    return tf.where(tf.equal(x, MISSING_INTEGER), "", tf.strings.as_string(x))
