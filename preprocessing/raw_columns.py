"""Raw columns as plain tensors: one value per row, with one way to say that it is missing.

A column arrives as a SparseTensor (a value may be absent) or, where the schema fixes a shape, as a Tensor.
Missing is NaN for numbers and "" for strings. Of a row with several values the first counts.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from preprocessing.missing import MissingWords, missing_pattern

Column: TypeAlias = tf.Tensor | tf.SparseTensor

MISSING_INTEGER = tf.int64.min
"""What says "missing" in an integer tensor that has no room for an absent value."""
_MISSING = {tf.float32: float("nan"), tf.int64: MISSING_INTEGER, tf.string: ""}
_FNV_PRIME = 1099511628211
"""The constants of 64-bit FNV."""


def single(raw: Column) -> tf.Tensor:
    """The column with one value per row: shape [batch], its own dtype; missing is NaN, MISSING_INTEGER or ""."""
    return singles({"": raw})[""]


def singles(columns: Mapping[str, Column]) -> dict[str, tf.Tensor]:
    """Several columns of the same rows as `single` gives them: a few operations for all that they have in common."""
    kinds: dict[tf.DType, dict[str, Column]] = {}
    for name, column in columns.items():
        kinds.setdefault(column.dtype, {})[name] = column
    found: dict[str, tf.Tensor] = {}
    for kind in kinds.values():
        matrix = tf.concat(_firsts(list(kind.values())), axis=1)
        found |= zip(kind, tf.unstack(matrix, len(kind), axis=1), strict=True)
    return {name: found[name] for name in columns}


def _firsts(columns: Sequence[Column]) -> list[tf.Tensor]:
    """The first value of each row of columns of one dtype and of the same rows: each [batch, 1]."""
    sparse = [column for column in columns if isinstance(column, tf.SparseTensor)]
    # What they share is made once: in a wide graph, most operations would be the constants.
    begin, size = tf.constant([0, 0], tf.int64), tf.constant([2**62, 1], tf.int64)
    missing = tf.constant(_MISSING[columns[0].dtype], columns[0].dtype)
    shape = tf.concat([sparse[0].dense_shape[:1], [1]], axis=0) if sparse else None

    def first(column: Column) -> tf.Tensor:
        if not isinstance(column, tf.SparseTensor):
            return tf.reshape(column, [tf.shape(column)[0], -1])[:, :1]
        part = tf.raw_ops.SparseSlice(
            indices=column.indices, values=column.values, shape=column.dense_shape, start=begin, size=size
        )
        return tf.raw_ops.SparseToDense(
            sparse_indices=part.output_indices,
            output_shape=shape,
            sparse_values=part.output_values,
            default_value=missing,
        )

    return [first(column) for column in columns]


def entrance(column: str, values: tf.Tensor) -> tf.Tensor:
    """The single values of a column, under the name that `entrance_name` gives: the export feeds its requests here."""
    return tf.identity(values, name=entrance_name(column))


def entrance_name(column: str) -> str:
    """The name of the operation in the transform graph that holds a column as `single` makes it, shape [batch]."""
    # Not the column's own: TensorFlow numbers names that differ in case alone.
    return f"entrance_{sha256(column.encode()).hexdigest()[:16]}"


def numbers(column: tf.Tensor) -> tf.Tensor:
    """A column of any shape as float32; missing, NaN and infinite values are NaN."""
    if column.dtype == tf.int64:
        return tf.where(tf.equal(column, MISSING_INTEGER), float("nan"), tf.cast(column, tf.float32))
    column = tf.cast(column, tf.float32)
    return tf.where(tf.math.is_finite(column), column, float("nan"))


def strings(column: tf.Tensor) -> tf.Tensor:
    """A column of any shape as strings; numbers in decimal; missing, NaN and infinite values are ""."""
    if column.dtype == tf.string:
        return column
    if column.dtype.is_floating:
        return tf.where(tf.math.is_finite(column), tf.strings.as_string(column, shortest=True), "")
    return tf.where(tf.equal(column, MISSING_INTEGER), "", tf.strings.as_string(column))


def all_strings(columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """`strings` for several [batch] columns: those of one dtype are written side by side."""
    kinds: dict[tf.DType, dict[str, tf.Tensor]] = {}
    for name, column in columns.items():
        kinds.setdefault(column.dtype, {})[name] = column
    found = dict(columns)
    for dtype, kind in kinds.items():
        if dtype != tf.string:
            found |= zip(kind, tf.unstack(strings(tf.stack(list(kind.values()), axis=1)), axis=1), strict=True)
    return found


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


def all_without_missing(columns: Mapping[str, tf.Tensor], words: MissingWords) -> dict[str, tf.Tensor]:
    """`without_missing` for several [batch] columns: those of the same words are looked at side by side."""
    alike: dict[tuple[str, ...], dict[str, tf.Tensor]] = {}
    for name, column in columns.items():
        if column.dtype == tf.string:
            alike.setdefault(words.of(name), {})[name] = column
    found = dict(columns)
    for of_words, texts in alike.items():
        matrix = without_missing(tf.stack(list(texts.values()), axis=1), of_words)
        found |= zip(texts, tf.unstack(matrix, axis=1), strict=True)
    return found


def is_one_of(x: tf.Tensor, values: Sequence[str]) -> tf.Tensor:
    """Whether each string of shape [batch] is one of a few values; bool of shape [batch]."""
    return tf.reduce_any(tf.equal(tf.expand_dims(x, -1), tf.constant(list(values))), axis=-1)


def row_key(columns: Sequence[tf.Tensor]) -> tf.Tensor:
    """A fingerprint of [batch] columns, int64 of shape [batch]: equal rows have equal keys."""
    assert columns, "a row key needs at least one column"  # noqa: S101
    factors = np.array([pow(_FNV_PRIME, power, 2**64) for power in reversed(range(len(columns)))], np.uint64)
    # Columns of one dtype are hashed side by side, whatever stands between them.
    kinds: dict[tf.DType, list[int]] = {}
    for position, column in enumerate(columns):
        kinds.setdefault(column.dtype, []).append(position)
    sums = [
        tf.reduce_sum(
            _hashed(tf.stack([columns[position] for position in positions], axis=1))
            * tf.constant(factors[positions].astype(np.int64)),
            axis=1,
        )
        for positions in kinds.values()
    ]
    return tf.add_n(sums)


def _hashed(matrix: tf.Tensor) -> tf.Tensor:
    """Numbers or strings as int64."""
    if matrix.dtype == tf.string:
        return tf.strings.to_hash_bucket_fast(matrix, 2**62)
    if matrix.dtype.is_floating:
        # One bit pattern for everything that is no number, and one for both zeros. (Adding 0.0 would do for the
        # zeros, but TensorFlow's graph optimizer takes the addition out.)
        canonical = tf.where(tf.math.is_finite(matrix), matrix, float("inf"))
        canonical = tf.where(tf.equal(canonical, 0.0), tf.zeros_like(canonical), canonical)
        return tf.cast(tf.bitcast(canonical, tf.int32), tf.int64)
    return matrix
