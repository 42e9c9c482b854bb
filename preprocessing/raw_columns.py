"""Raw columns as plain tensors: one value per row, with one way to say that it is missing.

A column arrives as a SparseTensor (a value may be absent) or, where the schema fixes a shape, as a Tensor.
Missing is NaN for numbers and "" for strings. Of a row with several values the first counts.
"""

from collections.abc import Sequence

import tensorflow as tf


def numbers(raw: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    """The column as float32 of shape [batch]; missing, NaN and infinite values are NaN."""
    if isinstance(raw, tf.SparseTensor):
        dense = _first_values(_cast(raw, tf.float32), float("nan"))
    else:
        dense = tf.reshape(tf.cast(raw, tf.float32), [tf.shape(raw)[0], -1])[:, 0]
    return tf.where(tf.math.is_finite(dense), dense, float("nan"))


def strings(raw: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    """The column as strings of shape [batch]; integers in decimal; missing is ""."""
    if isinstance(raw, tf.SparseTensor):
        return _first_values(_cast(raw, tf.string), "")
    return tf.reshape(_to_string(raw), [tf.shape(raw)[0], -1])[:, 0]


def finite_values(raw: tf.Tensor | tf.SparseTensor) -> tf.SparseTensor:
    """The numbers that are there, float32, for the analyzers."""
    sparse = _cast(_as_sparse(raw), tf.float32)
    return tf.sparse.retain(sparse, tf.math.is_finite(sparse.values))


def present_strings(raw: tf.Tensor | tf.SparseTensor) -> tf.SparseTensor:
    """The strings that are there, for the analyzers."""
    sparse = _cast(_as_sparse(raw), tf.string)
    return tf.sparse.retain(sparse, tf.not_equal(sparse.values, ""))


def is_one_of(x: tf.Tensor, values: Sequence[str]) -> tf.Tensor:
    """Whether each string of shape [batch] is one of a few values; bool of shape [batch]."""
    return tf.reduce_any(tf.equal(tf.expand_dims(x, -1), tf.constant(list(values))), axis=-1)


def row_key(columns: Sequence[tf.Tensor | tf.SparseTensor]) -> tf.Tensor:
    """A fingerprint of the given columns, int64 of shape [batch]: equal rows have equal keys."""
    key: tf.Tensor | None = None
    for raw in columns:
        if raw.dtype.is_floating:
            dense = numbers(raw)
            # One bit pattern for every missing number, and one for both zeros.
            canonical = tf.where(tf.math.is_nan(dense), tf.constant(float("inf")), dense + 0.0)
            value = tf.cast(tf.bitcast(canonical, tf.int32), tf.int64)
        else:
            value = tf.strings.to_hash_bucket_fast(strings(raw), 2**62)
        key = value if key is None else key * 1099511628211 + value  # the prime of 64-bit FNV
    assert key is not None, "a row key needs at least one column"  # noqa: S101
    return tf.bitwise.bitwise_xor(key, tf.bitwise.right_shift(key, 29))


def _as_sparse(raw: tf.Tensor | tf.SparseTensor) -> tf.SparseTensor:
    if isinstance(raw, tf.SparseTensor):
        return raw
    matrix = tf.reshape(raw, [tf.shape(raw)[0], -1])
    # tf.sparse.from_dense would drop zeros, which are values here.
    indices = tf.where(tf.ones_like(matrix, tf.bool))
    return tf.SparseTensor(indices, tf.gather_nd(matrix, indices), tf.shape(matrix, tf.int64))


def _first_values(sparse: tf.SparseTensor, default: float | str) -> tf.Tensor:
    rows = sparse.dense_shape[0]
    first = tf.sparse.retain(sparse, tf.equal(sparse.indices[:, 1], 0))
    column = tf.SparseTensor(first.indices, first.values, tf.stack([rows, 1]))
    return tf.sparse.to_dense(column, default_value=default)[:, 0]


def _cast(sparse: tf.SparseTensor, dtype: tf.DType) -> tf.SparseTensor:
    values = _to_string(sparse.values) if dtype == tf.string else tf.cast(sparse.values, dtype)
    return tf.SparseTensor(sparse.indices, values, sparse.dense_shape)


def _to_string(x: tf.Tensor) -> tf.Tensor:
    if x.dtype == tf.string:
        return x
    return tf.strings.as_string(x, shortest=True) if x.dtype.is_floating else tf.strings.as_string(x)
