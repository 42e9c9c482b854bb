"""What the checks need to know of a data set: for each column its type, its missing values and its distribution.

Made from TFDV's statistics, or from the values themselves (a sample of serving data).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import statistics_pb2

_STANDARD = statistics_pb2.Histogram.STANDARD
_QUANTILES = statistics_pb2.Histogram.QUANTILES
_TYPES = {
    statistics_pb2.FeatureNameStatistics.INT: "INT",
    statistics_pb2.FeatureNameStatistics.FLOAT: "FLOAT",
    statistics_pb2.FeatureNameStatistics.STRING: "BYTES",
    statistics_pb2.FeatureNameStatistics.BYTES: "BYTES",
}


@dataclass(frozen=True)
class Cdf:
    """The cumulative distribution of numbers, linear between the points where it is known.

    Attributes:
      x: float64, ascending.
      below: float64 of the same shape: the share of the values that are at most `x`.
      cuts: the quantiles strictly inside the range: where the distribution is cut when it is compared.
    """

    x: NDArray[np.float64]
    below: NDArray[np.float64]
    cuts: NDArray[np.float64]

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of the values that are at most each of some points; 0 before the first, 1 after the last."""
        return np.interp(points, self.x, self.below, left=0.0, right=1.0)


@dataclass(frozen=True)
class Column:
    """One column of one data set.

    Attributes:
      type: as the schema names it: INT, FLOAT, BYTES.
      present: rows with a value.
      missing: rows without one.
      shares: by value, its share of the values; None for numbers whose single values are not known.
      cdf: for numbers; None when no row has one.
    """

    type: str
    present: int
    missing: int
    shares: Mapping[str, float] | None
    cdf: Cdf | None

    @property
    def missing_share(self) -> float:
        """The share of the rows without a value."""
        return self.missing / max(self.present + self.missing, 1)

    def extremes(self) -> tuple[float, float] | None:
        """The least and the greatest number."""
        return None if self.cdf is None else (float(self.cdf.x[0]), float(self.cdf.x[-1]))


@dataclass(frozen=True)
class Summary:
    """One data set: a split, or a sample."""

    rows: int
    columns: Mapping[str, Column]


def from_statistics(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> Summary:
    """The summary of TFDV's statistics of one split; without rows when there are none."""
    if not statistics.datasets:
        return Summary(0, {})
    dataset = statistics.datasets[0]
    rows = int(dataset.num_examples)
    columns = {_name(each): _column(each, rows) for each in dataset.features}
    return Summary(rows, {name: column for name, column in columns.items() if column is not None})


def from_values(type_name: str, values: NDArray[Any], missing: int) -> Column:
    """The summary of a column's values.

    Args:
      type_name: INT, FLOAT or BYTES.
      values: those that are there: numbers, or text.
      missing: how many are not.
    """
    if type_name == "BYTES":
        names, counts = np.unique(values.astype(str), return_counts=True)
        shares = dict(zip(names.tolist(), (counts / max(len(values), 1)).tolist(), strict=True))
        return Column(type_name, len(values), missing, shares, None)
    numbers = values.astype(np.float64)
    if not len(numbers):
        return Column(type_name, 0, missing, None, None)
    x, counts = np.unique(numbers, return_counts=True)
    cuts = _inside(np.quantile(numbers, np.linspace(0.1, 0.9, 9), method="inverted_cdf"), x)
    below = np.cumsum(counts) / len(numbers)
    # Every value is known: the curve is level between two of them.
    steps = np.stack([x[:-1], np.nextafter(x[1:], -np.inf)], axis=1).ravel()
    cdf = Cdf(np.append(steps, x[-1]), np.append(np.repeat(below[:-1], 2), 1.0), cuts)
    whole = type_name == "INT" and x[-1] - x[0] <= _FEW
    return Column(type_name, len(numbers), missing, _integer_shares(x, counts) if whole else None, cdf)


def _name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    return ".".join(feature.path.step) or feature.name


def _column(feature: statistics_pb2.FeatureNameStatistics, rows: int) -> Column | None:
    """None for a type that no table has (a struct)."""
    kind = feature.WhichOneof("stats")
    if feature.type not in _TYPES or kind is None:
        return None
    present = int(getattr(feature, kind).common_stats.num_non_missing)
    type_name = _TYPES[feature.type]
    if kind == "num_stats":
        cdf = _cdf(feature.num_stats.histograms) if present else None
        whole = _bucket_shares(feature.num_stats.histograms) if type_name == "INT" else None
        return Column(type_name, present, rows - present, whole, cdf)
    shares: dict[str, float] | None = None
    if kind == "string_stats":
        buckets = feature.string_stats.rank_histogram.buckets
        shares = {bucket.label: bucket.sample_count / max(present, 1) for bucket in buckets}
    return Column(type_name, present, rows - present, shares, None)


def _cdf(histograms: Iterable[statistics_pb2.Histogram]) -> Cdf | None:
    """The curve that both histograms have points of.

    Equal widths alone say nothing about the bulk once there is an outlier; quantiles alone don't say how many rows a
    frequent value has.
    """
    points: list[tuple[float, float]] = []
    cuts: list[float] = []
    for histogram in histograms:
        if histogram.type not in (_STANDARD, _QUANTILES) or not histogram.buckets:
            continue
        total = sum(bucket.sample_count for bucket in histogram.buckets)
        below = 0.0
        if histogram.type == _QUANTILES:
            points.append((histogram.buckets[0].low_value, 0.0))
            cuts = [bucket.high_value for bucket in histogram.buckets]
        for bucket in histogram.buckets:
            below += bucket.sample_count / max(total, 1e-300)
            points.append((bucket.high_value, min(below, 1.0)))
    points = [point for point in points if np.isfinite(point[0])]
    if not points:
        return None
    ordered = np.array(sorted(points), dtype=np.float64)
    # Where points lie at one value the curve jumps there; it is read after the jump.
    last = np.append(ordered[1:, 0] > ordered[:-1, 0], True)
    x, below_x = ordered[last, 0], np.maximum.accumulate(ordered[:, 1])[last]
    below_x[-1] = 1.0
    return Cdf(x, below_x, _inside(np.array(cuts, dtype=np.float64), x))


def _inside(cuts: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.unique(cuts[(cuts >= x[0]) & (cuts < x[-1])])


def _bucket_shares(histograms: Iterable[statistics_pb2.Histogram]) -> dict[str, float] | None:
    """The shares of a few consecutive integers: each has a bucket of equal width of its own."""
    buckets = next((each.buckets for each in histograms if each.type == _STANDARD), ())
    if not buckets or buckets[-1].high_value - buckets[0].low_value > _FEW:
        return None
    # A bucket is narrower than 1: the integer nearest to its middle is the only one that it can hold.
    middles = np.array([(bucket.low_value + bucket.high_value) / 2 for bucket in buckets])
    return _integer_shares(middles, np.array([bucket.sample_count for bucket in buckets]))


def _integer_shares(places: NDArray[np.float64], counts: NDArray[Any]) -> dict[str, float]:
    """The share of the integer nearest to each place."""
    shares: dict[str, float] = {}
    for place, count in zip(np.rint(places), counts / max(counts.sum(), 1e-300), strict=True):
        shares[str(int(place))] = shares.get(str(int(place)), 0.0) + float(count)
    return shares


_FEW = 9
"""TFDV's histograms have ten buckets."""
