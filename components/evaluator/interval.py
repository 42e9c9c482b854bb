"""Confidence intervals from a metric's value, its variance, and the range that it can have.

A symmetric interval about the value covers too little where the metric is near an end of its range, or skewed.
"""

import math
from typing import NamedTuple

from components.evaluator.gain import t_quantile

LEAST_ROWS = 10
"""Fewer rows, of equal weight, say too little about how much a metric varies."""
_SUPPOSED = 5.0
"""The variance of a share is known from the rows that are exceptions to it, whose weights differ. As if there were so
many more, of the usual weight."""


class Interval(NamedTuple):
    """Where a metric lies with the confidence asked for, in the metric's units."""

    low: float
    high: float


class Range(NamedTuple):
    """What values a metric can have: from `low` to `high`, one of which or both may be infinite."""

    low: float
    high: float

    @classmethod
    def of(cls, words: str) -> "Range":
        """The range that the catalog writes as `0..1`, `0..` or `..1`."""
        low, _, high = words.partition("..")
        return cls(float(low or -math.inf), float(high or math.inf))


class Spread(NamedTuple):
    """How much a metric varies from one set of rows to another.

    Attributes:
      variance: of its values.
      degrees: of freedom that the variance is known with.
      one_row: how much one more row of the usual weight can change it.
      bias: how much higher it is, on average, than it would be on all rows like these.
      counted: whether it is made of counts of rows, by weight, alone.
    """

    variance: float
    degrees: float
    one_row: float = math.nan
    bias: float = 0.0
    counted: bool = False


def interval(point: float, spread: Spread, limits: Range, level: float) -> Interval | None:
    """The interval of a metric's value.

    Shares get Wilson's interval (Probable inference, 1927) for as many rows as give a share this variance, as surveys
    do it (Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts,
    1998); what has only one limit gets a normal one of the logarithm of its distance from that; else a normal one. With
    a bias it reaches from where it would be without to where it is with it.

    Args:
      point: the value.
      spread: how much it varies.
      limits: what values there are.
      level: the confidence, two-sided.

    Returns:
      None where the numbers don't give one: a value that is not a number, or fewer than `LEAST_ROWS`.
    """
    # Rows, less one, are degrees of freedom.
    if not (math.isfinite(point) and math.isfinite(spread.variance) and spread.degrees >= LEAST_ROWS - 1):
        return None
    unbiased = min(max(point - spread.bias, limits.low), limits.high)
    ends = [_about(value, spread, limits, level) for value in {point, unbiased}]
    known = [each for each in ends if each is not None]
    # The value itself is inside, whatever rounding does.
    return (
        Interval(min(point, *(each.low for each in known)), max(point, *(each.high for each in known)))
        if known
        else None
    )


def _about(point: float, spread: Spread, limits: Range, level: float) -> Interval | None:
    low, high = limits
    if math.isfinite(low) and math.isfinite(high):
        return _of_share(point, spread, limits, level)
    wide = t_quantile((1 + level) / 2, spread.degrees) * math.sqrt(spread.variance)
    if math.isfinite(low):
        down, up = _of_positive(point - low, wide)
        return Interval(low + down, low + up)
    if math.isfinite(high):
        down, up = _of_positive(high - point, wide)
        return Interval(high - up, high - down)
    return Interval(point - wide, point + wide)


def _of_share(point: float, spread: Spread, limits: Range, level: float) -> Interval | None:
    width = limits.high - limits.low
    share = (point - limits.low) / width
    chance = share * (1 - share)
    if spread.variance > 0 >= chance:
        # It jumps, such as the best recall of those thresholds that have some precision, which may be none.
        wide = t_quantile((1 + level) / 2, spread.degrees) * math.sqrt(spread.variance)
        return Interval(max(point - wide, limits.low), min(point + wide, limits.high))
    # The share that one more row is tells how many there are.
    counted = width / spread.one_row - 1 if spread.one_row > 0 else math.nan
    rows = chance * width**2 / spread.variance if spread.variance > 0 else counted
    if spread.counted and spread.variance > 0:
        exceptions = counted * min(share, 1 - share)
        rows = (exceptions + _SUPPOSED) / (exceptions / rows + _SUPPOSED / counted)
    if not 0 < rows < math.inf:
        return None
    quantile = t_quantile((1 + level) / 2, max(min(spread.degrees, rows - 1), LEAST_ROWS - 1))
    square = quantile**2 / rows
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (chance + square / 4)) / (1 + square)
    return Interval(limits.low + width * max(middle - half, 0.0), limits.low + width * min(middle + half, 1.0))


def _of_positive(value: float, wide: float) -> Interval:
    if value <= 0:
        return Interval(value, value)
    factor = math.exp(min(wide / value, 700.0))  # more is infinite
    return Interval(value / factor, value * factor)
