"""Columns of numbers inside the graph: filled, clipped, scaled or put into buckets, all of a group at once."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import tensorflow as tf

from preprocessing import raw_columns
from preprocessing.config import NumericFeature
from preprocessing.features import transformed
from preprocessing.packed import Answer, Packed

Numeric: TypeAlias = Callable[[], dict[str, tf.Tensor]]
"""Gives the model inputs of a group, when all that is learned has been asked for."""
_FARTHEST = 1e5
"""How many standard deviations (or widths of the range) from its mean (or lowest) a scaled number may lie."""


def numeric_inputs(columns: Mapping[str, tf.Tensor], feature: NumericFeature, packed: Packed) -> Numeric:
    """The model inputs of a group of columns.

    Args:
      columns: the [batch] columns by name, int64 or floats.
      feature: how they are treated.
      packed: learns what has to be learned.

    Returns:
      Gives by name `number`, float32 [batch, 1], or `bucket`, int64 [batch, 1] with 0 for missing; and `missing`,
      float32 [batch, 1], if wanted.
    """
    names, raw = _matrix(columns)
    missing = tf.math.is_nan(raw)
    made = _buckets(raw, missing, feature, packed) if feature.bucketed else _scaled(raw, missing, feature, packed)

    def give() -> dict[str, tf.Tensor]:
        matrices = {"bucket" if feature.bucketed else "number": made()}
        if feature.missing.indicator:
            matrices["missing"] = tf.cast(missing, tf.float32)
        return {
            transformed(column, suffix): tensor
            for suffix, matrix in matrices.items()
            for column, tensor in zip(names, tf.split(matrix, len(names), axis=1), strict=True)
        }

    return give


def _matrix(columns: Mapping[str, tf.Tensor]) -> tuple[list[str], tf.Tensor]:
    """The columns side by side, float32 [batch, k] with NaN for missing, and their names in that order."""
    kinds: dict[tf.DType, dict[str, tf.Tensor]] = {}
    for name, column in columns.items():
        kinds.setdefault(column.dtype, {})[name] = column
    blocks = [raw_columns.numbers(tf.stack(list(kind.values()), axis=1)) for kind in kinds.values()]
    return [name for kind in kinds.values() for name in kind], tf.concat(blocks, axis=1)


def _buckets(raw: tf.Tensor, missing: tf.Tensor, feature: NumericFeature, packed: Packed) -> Answer:
    clipped = _clip(raw, feature)
    if feature.bucket_boundaries is not None:
        fixed = tf.cast(tf.raw_ops.Bucketize(input=clipped, boundaries=list(feature.bucket_boundaries)), tf.int64)
        return lambda: _bucket_ids(fixed, missing)
    assert feature.quantile_buckets is not None  # noqa: S101 - the other kind of buckets
    boundaries = packed.quantiles(_present(clipped, missing), feature.quantile_buckets)

    def give() -> tf.Tensor:
        # As tft.apply_buckets does it, one column a row: b[i - 1] <= x < b[i] is bucket i.
        found = tf.searchsorted(boundaries(), tf.transpose(clipped), side="right", out_type=tf.int64)
        return _bucket_ids(tf.transpose(found), missing)

    return give


def _bucket_ids(buckets: tf.Tensor, missing: tf.Tensor) -> tf.Tensor:
    # Id 0 is the bucket of missing numbers.
    return tf.where(missing, tf.zeros_like(buckets), buckets + 1)


def _scaled(raw: tf.Tensor, missing: tf.Tensor, feature: NumericFeature, packed: Packed) -> Answer:
    # What is learned is that of the numbers that are there, so that one pass over the data finds both the fill value
    # and the scale.
    shaped = _shape(raw, feature)
    present = raw if shaped is raw else _present(shaped, missing)
    scale = {"z_score": packed.moments, "min_max": packed.extremes}.get(feature.scale)
    learned = scale(present) if scale else None
    fill: Answer | None = None
    if feature.missing.fill == "mean":
        fill = learned if learned and feature.scale == "z_score" and present is raw else packed.moments(raw)
    elif feature.missing.fill == "median":
        fill = packed.quantiles(raw, 2)

    def give() -> tf.Tensor:
        value = feature.missing.value if fill is None else tf.cast(fill()[:, 0], tf.float32)
        x = _shape(tf.where(missing, value, raw), feature)
        return x if learned is None else _scale(x, learned(), feature)

    return give


def _scale(x: tf.Tensor, learned: tf.Tensor, feature: NumericFeature) -> tf.Tensor:
    if feature.scale == "z_score":
        mean, deviation = tf.cast(learned[:, 0], tf.float32), tf.cast(tf.sqrt(learned[:, 1]), tf.float32)
        scaled = tf.math.divide_no_nan(x - mean, deviation)
    else:
        low, high = learned[:, 0], learned[:, 1]
        scaled = tf.math.divide_no_nan(x - low, high - low)
    # 0 where there is no scale. The bound is for requests: larger numbers would overflow in the model and make NaN of
    # its answer, while no training row is cut, as one of n rows is at most sqrt(n - 1) standard deviations away.
    return tf.where(tf.math.is_nan(scaled), tf.zeros_like(scaled), tf.clip_by_value(scaled, -_FARTHEST, _FARTHEST))


def _present(x: tf.Tensor, missing: tf.Tensor) -> tf.Tensor:
    # Clipping makes a number of NaN.
    return tf.where(missing, float("nan"), x)


def _clip(x: tf.Tensor, feature: NumericFeature) -> tf.Tensor:
    return x if feature.clip is None else tf.clip_by_value(x, *feature.clip)


def _shape(x: tf.Tensor, feature: NumericFeature) -> tf.Tensor:
    x = _clip(x, feature)
    return tf.sign(x) * tf.math.log1p(tf.abs(x)) if feature.log1p else x
