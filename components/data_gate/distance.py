"""How far two distributions are apart, and how far two samples of one distribution are apart by chance."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from components.data_gate.summary import Cdf
from preprocessing.text import quoted

_LEAST_ROWS = 5


@dataclass(frozen=True)
class Distance:
    """A distance, as it was measured.

    Attributes:
      value: 0 (the same) to 1 (nothing in common).
      chance: what two samples of these sizes exceed only with the configured probability.
      detail: where the difference is, for a person.
    """

    value: float
    chance: float
    detail: str

    def exceeds(self, limit: float) -> bool:
        """Whether the distance is above the limit, and chance does not explain it."""
        return self.value > limit and self.value > self.chance


def l_infinity(
    base: Mapping[str, float], other: Mapping[str, float], sizes: tuple[int, int], probability: float
) -> Distance:
    """The largest change of one value's share.

    A share p of a sample of n rows has the variance p (1 - p) / n; the difference of two samples' shares is normal
    around 0 with the sum of both. With k values there are k differences, each may exceed its bound with a k-th of the
    probability (Bonferroni). The value returned is the one that goes furthest beyond its own bound.

    Args:
      base: the share of each value.
      other: the same of the other sample.
      sizes: rows of both.
      probability: of exceeding `chance` when both are samples of one distribution.
    """
    values = sorted({*base, *other})
    if not values:
        return Distance(0.0, 0.0, "")
    p = np.array([base.get(value, 0.0) for value in values])
    q = np.array([other.get(value, 0.0) for value in values])
    n, m = (max(size, 1) for size in sizes)
    # Of several values a row the shares add up to more than 1.
    pooled = np.minimum((n * p + m * q) / (n + m), 1.0)
    z = NormalDist().inv_cdf(1 - probability / (2 * len(values)))
    chance = z * np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    difference = np.abs(p - q)
    real = np.flatnonzero(difference > chance)
    worst = real[np.argmax(difference[real])] if len(real) else np.argmax(difference)
    detail = f"{quoted(values[worst])} is {_percent(float(q[worst]))} of the rows, was {_percent(float(p[worst]))}"
    if not base.get(values[worst]):
        detail = f"{quoted(values[worst])}, never seen before, is {_percent(float(q[worst]))} of the rows"
    return Distance(float(difference[worst]), float(chance[worst]), detail)


def jensen_shannon(base: Cdf, other: Cdf, sizes: tuple[int, int], probability: float, *, whole: bool) -> Distance:
    """The Jensen-Shannon divergence in bits, over the intervals between both samples' deciles.

    TFDV's own measure uses intervals of equal width between the extremes, so that one outlier hides everything (a
    hundredfold price is at 0.0001 when both samples have one); deciles are where the rows are.

    For two samples of one distribution over k intervals, 8 ln 2 * JS / (1/n + 1/m) is about chi-square with k - 1
    degrees of freedom (Menendez et al., The Jensen-Shannon divergence, J. Franklin Institute 334, 1997), as long as no
    interval is nearly empty: those with fewer than five expected rows are merged (Cochran's rule).

    Args:
      base: the distribution before.
      other: the one to compare with it.
      sizes: numbers in both.
      probability: of exceeding `chance` when both are samples of one distribution.
      whole: the numbers are integers: cut between them.
    """
    p, q = _intervals(base, other, sizes, whole=whole)[0]
    n, m = (max(size, 1) for size in sizes)
    noise = chi_square_quantile(len(p) - 1, 1 - probability) / (8 * math.log(2)) * (1 / n + 1 / m)
    detail = f"10, 50, 90 % of the values are below {_deciles(other)}; were below {_deciles(base)}"
    return Distance(_divergence(p, q), noise, detail)


def l_infinity_of_codes(base: Cdf, other: Cdf, sizes: tuple[int, int], probability: float) -> Distance:
    """The largest change of the share of neighbouring codes: for integers that are names, too many to count each.

    Args:
      base: the distribution before.
      other: the one to compare with it.
      sizes: numbers in both.
      probability: see `l_infinity`.
    """
    shares, cuts = _intervals(base, other, sizes, whole=True)
    ends = [min(base.x[0], other.x[0]) - 0.5, *cuts, max(base.x[-1], other.x[-1]) + 0.5]
    names = [
        f"{math.ceil(low)} to {math.floor(high)}" if math.ceil(low) < math.floor(high) else f"{math.floor(high)}"
        for low, high in itertools.pairwise(ends)
    ]
    before, after = (dict(zip(names, map(float, side), strict=True)) for side in shares)
    return l_infinity(before, after, sizes, probability)


def _intervals(
    base: Cdf, other: Cdf, sizes: tuple[int, int], *, whole: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The shares of both in the intervals between their deciles, shape [2, k], and the k - 1 cuts between these."""
    cuts = np.union1d(base.cuts, other.cuts)
    if not len(cuts):
        # Each is one value, or nearly.
        cuts = np.unique([base.x[0], other.x[0]])[:1]
    if whole:
        cuts = np.unique(np.floor(cuts)) + 0.5
    both = np.stack([np.diff(cdf.at(cuts), prepend=0.0, append=1.0) for cdf in (base, other)])
    return _merged(both, cuts, _LEAST_ROWS / max(min(sizes), 1))


def _merged(
    shares: NDArray[np.float64], cuts: NDArray[np.float64], least: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Neighbouring intervals together until each has at least so much of the mean of both distributions."""
    merged: list[NDArray[np.float64]] = []
    ends: list[float] = []
    waiting = np.zeros(2)
    for interval, end in zip(shares.T, [*cuts, math.inf], strict=True):
        waiting = waiting + interval
        if waiting.mean() >= least:
            merged.append(waiting)
            ends.append(end)
            waiting = np.zeros(2)
    if merged:
        merged[-1] = merged[-1] + waiting
    else:
        merged.append(waiting)
        ends.append(math.inf)
    return np.stack(merged, axis=1), np.array(ends[:-1])


def _deciles(cdf: Cdf) -> str:
    return ", ".join(f"{value:.4g}" for value in np.interp([0.1, 0.5, 0.9], cdf.below, cdf.x))


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    middle = (p + q) / 2
    both = np.stack([p, q])
    logs = np.log2(np.divide(both, middle, out=np.ones_like(both), where=both > 0))
    return float(max(0.0, 0.5 * np.sum(both * logs)))


def chi_square_quantile(degrees: int, probability: float) -> float:
    """Approximates the quantile by Wilson and Hilferty's cube (within 1 % from 3 degrees on, above for fewer)."""
    if degrees < 1:
        return 0.0
    z = NormalDist().inv_cdf(probability)
    if degrees == 1:
        return NormalDist().inv_cdf((1 + probability) / 2) ** 2
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + z * math.sqrt(spread)) ** 3


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
