"""Confidence intervals from a metric's value, its variance, and the range that it can have.

A symmetric interval about the value covers too little where the metric is near an end of its range, or skewed.
"""

import math
from typing import NamedTuple


class Interval(NamedTuple):
    """Where a metric lies with the confidence asked for, in the metric's units."""

    low: float
    high: float


class Range(NamedTuple):
    """What values a metric can have: from `low` to `high`, one of which or both may be infinite."""

    low: float
    high: float


def interval(
    point: float, variance: float, limits: Range, quantile: float, *, rows_at_limit: float = math.nan
) -> Interval | None:
    """The interval of a metric's value.

    Shares get Wilson's interval (Probable inference, 1927) for as many rows as give a share this variance, as surveys
    do it (Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts,
    1998); what has only one limit gets a normal one of the logarithm of its distance from that; else a normal one.

    Args:
      point: the value.
      variance: of the value.
      limits: what values there are.
      quantile: how many standard deviations wide it is to each side, see `gain.t_quantile`.
      rows_at_limit: how many rows say that the value is at a limit, where its variance is 0.

    Returns:
      None where the numbers don't give one.
    """
    if not (math.isfinite(point) and math.isfinite(variance) and variance >= 0):
        return None
    low, high = limits
    if math.isfinite(low) and math.isfinite(high):
        return _of_share(point, variance, limits, quantile, rows_at_limit)
    if math.isfinite(low):
        down, up = _of_positive(point - low, variance, quantile)
        return Interval(low + down, low + up)
    if math.isfinite(high):
        down, up = _of_positive(high - point, variance, quantile)
        return Interval(high - up, high - down)
    wide = quantile * math.sqrt(variance)
    return Interval(point - wide, point + wide)


def _of_share(
    point: float, variance: float, limits: Range, quantile: float, rows_at_limit: float
) -> Interval | None:
    width = limits.high - limits.low
    share = min(max((point - limits.low) / width, 0.0), 1.0)
    spread = share * (1 - share)
    rows = spread * width**2 / variance if variance > 0 and spread > 0 else rows_at_limit
    if not rows > 0:
        return None
    square = quantile**2 / rows
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (spread + square / 4)) / (1 + square)
    return Interval(limits.low + width * max(middle - half, 0.0), limits.low + width * min(middle + half, 1.0))


def _of_positive(value: float, variance: float, quantile: float) -> Interval:
    if value <= 0:
        return Interval(value, value)
    factor = math.exp(min(quantile * math.sqrt(variance) / value, 700.0))
    return Interval(value / factor, value * factor)
