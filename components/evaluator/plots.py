"""From sums by score to plots in TensorFlow Model Analysis's messages: bounded, whatever the number of rows."""

from typing import TypeAlias

import numpy as np
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.artifacts.curves import BINS, CLASSES, POINTS, QUANTILES
from components.evaluator.columns import Columns, Floats
from components.evaluator.tally import Cells, Table, Whole

Thresholds: TypeAlias = metrics_for_slice_pb2.ConfusionMatrixAtThresholds
Buckets: TypeAlias = metrics_for_slice_pb2.CalibrationHistogramBuckets
Matrix: TypeAlias = metrics_for_slice_pb2.MultiClassConfusionMatrixAtThresholds

_ROUND = np.arange(1, 20) / 20
"""Thresholds that every curve has."""
_BELOW = -1e-6
"""A threshold below every probability; TensorFlow Model Analysis's own."""


def of_group(table: Table, group: int) -> Table:
    """The part of a group, without scores that are not numbers."""
    start, end = np.searchsorted(table.group, [group, group + 1])
    kept = start + np.flatnonzero(np.isfinite(table.score[start:end]))
    return Table(*(each[kept] for each in table))


def at_thresholds(table: Table, also: tuple[float, ...] = ()) -> Thresholds:
    """What is right and wrong at `POINTS` thresholds at most; a score above the threshold is an answer of yes.

    They are the round ones, and scores that lie evenly along the ROC curve: with few different scores all of them.

    Args:
      table: of one group, the weights of positive and negative rows by score.
      also: thresholds that are wanted besides.
    """
    result = Thresholds()
    if not len(table.score):
        return result
    # By how many cells are at or below the threshold: none, one, two...
    missed, rejected = np.concatenate([np.zeros((1, 2)), np.cumsum(table.sums, axis=0)]).T
    travelled = missed[1:] / max(missed[-1], 1e-300) + rejected[1:] / max(rejected[-1], 1e-300)
    room = POINTS - len(_ROUND) - len(also) - 1
    if len(table.score) <= room:
        chosen = np.arange(len(table.score))
    else:
        wanted = np.linspace(travelled[0], travelled[-1], room)
        chosen = np.minimum(np.searchsorted(travelled, wanted), len(table.score) - 1)
    thresholds = np.unique(np.concatenate([[_BELOW], _ROUND, also, table.score[chosen]]))
    place = np.searchsorted(table.score, thresholds, side="right")
    for threshold, fn, tn in zip(thresholds.tolist(), missed[place].tolist(), rejected[place].tolist(), strict=True):
        # Rounding may leave a little less than nothing.
        tp, fp = max(float(missed[-1]) - fn, 0.0), max(float(rejected[-1]) - tn, 0.0)
        result.matrices.add(
            threshold=threshold,
            true_positives=tp,
            false_positives=fp,
            true_negatives=tn,
            false_negatives=fn,
            precision=tp / (tp + fp) if tp + fp else 0.0,
            recall=tp / (tp + fn) if tp + fn else 0.0,
        )
    return result


def probabilities(table: Table) -> Buckets:
    """`BINS` equal ranges of the probability and what is outside, with rows, positive rows and probabilities by weight.

    Args:
      table: as for `at_thresholds`.
    """
    edges = np.linspace(0, 1, BINS + 1)
    return _buckets(edges, table.score, table.sums.sum(axis=1), table.sums[:, 0] if len(table.score) else None)


def largest(table: Table) -> list[int]:
    """The `CLASSES` with the most rows, by weight, in their order.

    Args:
      table: of `ranking.class_scores`.
    """
    if not len(table.group):
        return []
    sizes = np.bincount(table.group, table.sums[:, 0])
    return sorted(np.argsort(-sizes, kind="stable")[:CLASSES].tolist())


def against(table: Table, bins: int) -> Matrix:
    """The two-dimensional histogram.

    Args:
      table: of `grid`.
      bins: of labels, and of predictions.
    """
    return _matrix(table.group // bins, table.group % bins, table.sums[:, 0])


def grid(edges: Floats, columns: Columns) -> Cells:
    """The weights of rows by the ranges of label and prediction; rows with one that is not a number are left out."""
    label, prediction, weight = columns
    bins = len(edges) - 1
    row, column = (np.clip(np.searchsorted(edges, each, side="right") - 1, 0, bins - 1) for each in (label, prediction))
    counts = (weight != 0) & np.isfinite(label) & np.isfinite(prediction)
    group = (row * bins + column).astype(np.int64)
    return Cells(bins * bins, group[:, np.newaxis], None, weight[:, np.newaxis, np.newaxis], counts)


def signed_errors(columns: Columns) -> Cells:
    """The weights of rows by their error, prediction minus label."""
    label, prediction, weight = columns
    with np.errstate(all="ignore"):  # what is not a number is left out in the end
        error = prediction - label
    group = np.zeros((len(label), 1), np.int64)
    return Cells(1, group, error[:, np.newaxis], weight[:, np.newaxis, np.newaxis], weight != 0)


def errors(table: Table) -> Buckets:
    """`BINS` equal ranges between the first and the last of the `QUANTILES`, and what is outside."""
    quantiles = _quantiles(table)
    if not len(quantiles):
        return Buckets()
    low, high = quantiles[0], quantiles[-1]
    return _buckets(np.linspace(low, high if high > low else low + 1.0, BINS + 1), table.score, table.sums[:, 0], None)


def error_quantiles(table: Table) -> Buckets:
    """The ranges between the `QUANTILES`: each bucket but the first begins at one."""
    quantiles = _quantiles(table)
    return _buckets(quantiles, table.score, table.sums[:, 0], None) if len(quantiles) else Buckets()


def _quantiles(table: Table) -> Floats:
    """The smallest errors that have at least a share of the weight at or below them; empty without rows."""
    if not len(table.score) or not table.sums[:, 0].sum() > 0:
        return np.zeros(0)
    reached = np.cumsum(table.sums[:, 0])
    # Rounding must not take a row's whole weight to the other side.
    places = np.searchsorted(reached, np.array(QUANTILES) * reached[-1] * (1 - 1e-12))
    return table.score[np.minimum(places, len(table.score) - 1)]


def _buckets(edges: Floats, score: Floats, weight: Floats, positive: Floats | None) -> Buckets:
    """Ranges [edge, next edge), the first from minus infinity, the last to infinity."""
    place = np.searchsorted(edges, score, side="right")
    every = np.concatenate([[-np.inf], edges, [np.inf]]).tolist()
    sums = [np.bincount(place, each, len(edges) + 1).tolist() for each in (weight, weight * score)]
    labels = np.bincount(place, positive, len(edges) + 1).tolist() if positive is not None else None
    result = Buckets()
    for i, (rows, scores) in enumerate(zip(*sums, strict=True)):
        bucket = result.buckets.add(lower_threshold_inclusive=every[i], upper_threshold_exclusive=every[i + 1])
        bucket.num_weighted_examples.value = rows
        bucket.total_weighted_refined_prediction.value = scores
        if labels is not None:
            bucket.total_weighted_label.value = labels[i]
    return result


def _matrix(actual: Whole, predicted: Whole, weight: Floats) -> Matrix:
    result = Matrix()
    matrix = result.matrices.add(threshold=0.0)
    if len(actual):
        pairs, at = np.unique(np.stack([actual, predicted], axis=1), axis=0, return_inverse=True)
        sums = np.bincount(at.reshape(-1), weight, len(pairs))
        for (one, other), each in zip(pairs.tolist(), sums.tolist(), strict=True):
            matrix.entries.add(actual_class_id=one, predicted_class_id=other, num_weighted_examples=each)
    return result
