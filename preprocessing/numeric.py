"""Columns of numbers inside the graph: filled, clipped, scaled or put into buckets, all of a group at once.

A number that is embedded piecewise linearly has its place among the training split's quantiles beside it. That one
number is all that the encoding needs, which the model makes of it (`models/numbers.py`): as many numbers as there are
bins would fill the transformed examples, and the borders would have to travel to the model apart from the graph.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import tensorflow as tf

from preprocessing import raw_columns
from preprocessing.features import transformed
from preprocessing.number_config import NumberTreatment, Quotient
from preprocessing.packed import Answer, Packed

Numeric: TypeAlias = Callable[[], dict[str, tf.Tensor]]
"""Gives the model inputs of a group, when all that is learned has been asked for."""
_FARTHEST = 1e5
"""How many standard deviations (or widths of the range) from its mean (or lowest) a scaled number may lie."""


def numeric_inputs(columns: Mapping[str, tf.Tensor], feature: NumberTreatment, packed: Packed) -> Numeric:
    """The model inputs of a group of columns.

    Args:
      columns: the [batch] columns by name, int64 or floats.
      feature: how they are treated.
      packed: learns what has to be learned.

    Returns:
      Gives by name `number`, float32 [batch, 1], or `bucket`, int64 [batch, 1] with 0 for missing; and, if wanted,
      `position` and `missing`, float32 [batch, 1].
    """
    names, raw = _matrix(columns)
    missing = tf.math.is_nan(raw)
    make = _buckets if feature.bucketed else _scaled
    made = make(raw, missing, feature, packed)

    def give() -> dict[str, tf.Tensor]:
        matrices = made()
        if feature.missing.indicator:
            matrices["missing"] = tf.cast(missing, tf.float32)
        return {
            transformed(column, suffix): tensor
            for suffix, matrix in matrices.items()
            for column, tensor in zip(names, tf.split(matrix, len(names), axis=1), strict=True)
        }

    return give


def quotient(columns: Mapping[str, tf.Tensor], parts: Quotient) -> tf.Tensor:
    """A number made of several.

    Args:
      columns: the [batch] columns by name, int64 or floats.
      parts: which are multiplied, and which divide.

    Returns:
      float32 [batch]; NaN where a column misses its number, where the divisor is 0, and where float32 is too narrow.
    """

    # In float64: the product of a few large numbers, or small ones, is beyond float32 on the way to one that isn't.
    def product(names: Iterable[str]) -> tf.Tensor:
        return math.prod(tf.cast(raw_columns.numbers(columns[name]), tf.float64) for name in names)

    made = tf.cast(product(parts.of) / product(parts.by) if parts.by else product(parts.of), tf.float32)
    return tf.where(tf.math.is_finite(made), made, float("nan"))


def _matrix(columns: Mapping[str, tf.Tensor]) -> tuple[list[str], tf.Tensor]:
    """The columns side by side, float32 [batch, k] with NaN for missing, and their names in that order."""
    kinds: dict[tf.DType, dict[str, tf.Tensor]] = {}
    for name, column in columns.items():
        kinds.setdefault(column.dtype, {})[name] = column
    blocks = [raw_columns.numbers(tf.stack(list(kind.values()), axis=1)) for kind in kinds.values()]
    return [name for kind in kinds.values() for name in kind], tf.concat(blocks, axis=1)


def _buckets(raw: tf.Tensor, missing: tf.Tensor, feature: NumberTreatment, packed: Packed) -> Numeric:
    clipped = _clip(raw, feature)
    if feature.bucket_boundaries is not None:
        fixed = tf.cast(tf.raw_ops.Bucketize(input=clipped, boundaries=list(feature.bucket_boundaries)), tf.int64)
        return lambda: {"bucket": _bucket_ids(fixed, missing)}
    assert feature.quantile_buckets is not None  # noqa: S101 - the other kind of buckets
    boundaries = packed.quantiles(_present(clipped, missing), feature.quantile_buckets)

    def give() -> dict[str, tf.Tensor]:
        # As tft.apply_buckets does it, one column a row: b[i - 1] <= x < b[i] is bucket i.
        found = tf.searchsorted(boundaries(), tf.transpose(clipped), side="right", out_type=tf.int64)
        return {"bucket": _bucket_ids(tf.transpose(found), missing)}

    return give


def _bucket_ids(buckets: tf.Tensor, missing: tf.Tensor) -> tf.Tensor:
    # Id 0 is the bucket of missing numbers.
    return tf.where(missing, tf.zeros_like(buckets), buckets + 1)


def _scaled(raw: tf.Tensor, missing: tf.Tensor, feature: NumberTreatment, packed: Packed) -> Numeric:
    # What is learned is that of the numbers that are there, so that one pass over the data finds both the fill value
    # and the scale.
    shaped = _shape(raw, feature)
    present = raw if shaped is raw else _present(shaped, missing)
    bins = feature.embed.piecewise if feature.embed is not None else None
    moments = packed.moments(present) if feature.scale == "z_score" else None
    extremes = packed.extremes(present) if bins or feature.scale in ("min_max", "robust_smooth") else None
    quartiles = packed.quantiles(present, 4) if feature.scale == "robust_smooth" else None
    borders = packed.quantiles(present, bins) if bins else None
    fill: Answer | None = None
    if feature.missing.fill == "mean":
        fill = moments if moments and present is raw else packed.moments(raw)
    elif feature.missing.fill == "median":
        fill = packed.quantiles(raw, 2)

    def give() -> dict[str, tf.Tensor]:
        value = feature.missing.value if fill is None else tf.cast(fill()[:, 0], tf.float32)
        x = _shape(tf.where(missing, value, raw), feature)
        made = {"number": x}
        if moments is not None:
            made["number"] = _z_score(x, moments())
        elif quartiles is not None and extremes is not None:
            made["number"] = _robust_smooth(x, quartiles(), extremes())
        elif feature.scale == "min_max" and extremes is not None:
            low, high = tf.unstack(extremes(), axis=1)
            made["number"] = _bounded(tf.math.divide_no_nan(x - low, high - low))
        if borders is not None and extremes is not None:
            made["position"] = _position(x, borders(), extremes())
        return made

    return give


def _z_score(x: tf.Tensor, moments: tf.Tensor) -> tf.Tensor:
    mean, deviation = tf.cast(moments[:, 0], tf.float32), tf.cast(tf.sqrt(moments[:, 1]), tf.float32)
    return _bounded(tf.math.divide_no_nan(x - mean, deviation))


def _robust_smooth(x: tf.Tensor, quartiles: tf.Tensor, extremes: tf.Tensor) -> tf.Tensor:
    first, median, third = tf.unstack(quartiles, num=3, axis=1)
    # Each half by itself: the difference of the largest float32 numbers is infinite.
    half_range = extremes[:, 1] / 2 - extremes[:, 0] / 2
    spread = tf.where(third > first, third - first, half_range)
    # In float64: TensorFlow computes roots of float32 in a batch of one row and in one of many to different last bits,
    # and a tree may have a threshold between the two.
    z = tf.cast(_bounded(tf.math.divide_no_nan(x - median, spread)), tf.float64)
    return tf.cast(z / tf.sqrt(1 + tf.square(z / 3)), tf.float32)


def _bounded(scaled: tf.Tensor) -> tf.Tensor:
    # 0 where there is no scale. The bound is for requests: larger numbers would overflow in the model and make NaN of
    # its answer, while no training row is cut, as one of n rows is at most sqrt(n - 1) standard deviations away.
    return tf.where(tf.math.is_nan(scaled), tf.zeros_like(scaled), tf.clip_by_value(scaled, -_FARTHEST, _FARTHEST))


def _position(x: tf.Tensor, borders: tf.Tensor, extremes: tf.Tensor) -> tf.Tensor:
    """The place of each number among the bins of its column, float32 [batch, k] in [0, 1].

    Bins that have a width count, from the lowest on: equal quantiles, of a number that many rows have, make bins
    without one. A bin takes up one part of as many as there are bins; a number below the lowest of the training split
    is at 0, one above the highest at the end of the last bin.
    """
    edges = tf.concat([extremes[:, :1], borders, extremes[:, 1:]], axis=1)
    edges = tf.where(tf.math.is_finite(edges), edges, tf.zeros_like(edges))  # of a column without a number
    widths = edges[:, 1:] - edges[:, :-1]
    below = tf.cumsum(tf.cast(widths > 0, tf.float32), axis=1, exclusive=True)
    bins = tf.shape(widths)[1]
    column = tf.transpose(x)
    place = tf.clip_by_value(tf.searchsorted(edges, column, side="right") - 1, 0, bins - 1)
    left, width, before = (tf.gather(each, place, batch_dims=1) for each in (edges, widths, below))
    inside = tf.clip_by_value(_bounded(tf.math.divide_no_nan(column - left, width)), 0.0, 1.0)
    return tf.transpose((before + inside) / tf.cast(bins, tf.float32))


def _present(x: tf.Tensor, missing: tf.Tensor) -> tf.Tensor:
    # Clipping makes a number of NaN.
    return tf.where(missing, float("nan"), x)


def _clip(x: tf.Tensor, feature: NumberTreatment) -> tf.Tensor:
    return x if feature.clip is None else tf.clip_by_value(x, *feature.clip)


def _shape(x: tf.Tensor, feature: NumberTreatment) -> tf.Tensor:
    x = _clip(x, feature)
    if not feature.log1p:
        return x
    wide = tf.cast(x, tf.float64)  # as in `_robust_smooth`
    return tf.cast(tf.sign(wide) * tf.math.log1p(tf.abs(wide)), tf.float32)
