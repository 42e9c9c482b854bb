"""Metrics that are made of the order of rows: the area under a curve, a median."""

import math

import numpy as np

from components.evaluator.columns import Columns, Floats
from components.evaluator.scoring import known_classes
from components.evaluator.tally import Cells, Table


def scores(columns: Columns) -> Cells:
    """The weights of positive and negative rows by the probability of the positive class, in one group."""
    label, prediction, weight = columns
    positive = label > 0
    values = np.stack([np.where(positive, weight, 0.0), np.where(positive, 0.0, weight)], axis=1)
    group = np.zeros((len(label), 1), np.int64)
    return Cells(1, group, prediction[:, np.newaxis], values[:, np.newaxis], weight != 0)


def class_scores(columns: Columns) -> Cells:
    """The same for each class against the rest: a group for each."""
    label, prediction, weight = columns
    rows, classes = prediction.shape
    known, actual = known_classes(label, prediction)
    values = np.zeros((rows, classes, 2))
    values[:, :, 1] = weight[:, np.newaxis]
    of_label = np.flatnonzero(known)
    values[of_label, actual[known]] = np.stack([weight[known], np.zeros(len(of_label))], axis=1)
    group = np.broadcast_to(np.arange(classes), (rows, classes))
    return Cells(classes, group, prediction, values, weight != 0)


def errors(columns: Columns) -> Cells:
    """The weights of rows by their absolute error."""
    label, prediction, weight = columns
    with np.errstate(all="ignore"):  # what is not a number is the answer here
        error = np.abs(label - prediction)
    group = np.zeros((len(label), 1), np.int64)
    return Cells(1, group, error[:, np.newaxis], weight[:, np.newaxis, np.newaxis], weight != 0)


def auc(table: Table) -> float:
    """The chance that a positive row has a higher score than a negative one; NaN without rows of both."""
    positive, negative = table.sums.T if _is_whole(table) else (np.zeros(0), np.zeros(0))
    pairs = positive.sum() * negative.sum()
    if not pairs:
        return math.nan
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / pairs)


def gini(table: Table) -> float:
    """How far the AUC is above chance, as a share."""
    return 2 * auc(table) - 1


def macro_auc(table: Table) -> float:
    """The mean of the classes' AUCs, without those that no row or every row has; NaN where no other is left."""
    if not _is_whole(table):
        return math.nan
    starts = np.flatnonzero(np.diff(table.group)) + 1
    parts = zip(np.split(table.score, starts), np.split(table.sums, starts), strict=True)
    areas = [auc(table._replace(score=score, sums=sums)) for score, sums in parts]
    return float(np.mean([each for each in areas if not math.isnan(each)] or [math.nan]))


def influences(table: Table) -> Floats:
    """How much the mean of the groups' AUCs changes with the weight of a row, float64 [cells, 2].

    Times the row's weight this is what DeLong et al. (Comparing the areas under two or more correlated receiver
    operating characteristic curves, 1988) add up the squares of.
    """
    slopes = np.zeros_like(table.sums)
    starts = np.flatnonzero(np.diff(table.group, prepend=-1))
    for part in np.split(np.arange(len(table.group)), starts[1:]):
        positive, negative = table.sums[part].T
        positives, negatives = positive.sum(), negative.sum()
        if positives and negatives:
            below = (np.cumsum(negative) - negative / 2) / negatives
            above = 1 - (np.cumsum(positive) - positive / 2) / positives
            area = float((positive * below).sum() / positives)
            slopes[part] = np.stack([(below - area) / positives, (above - area) / negatives], axis=1)
    judged = [part for part in np.split(table.sums, starts[1:]) if part.sum(axis=0).all()]
    return slopes / max(len(judged), 1)


def auc_pr(table: Table) -> float:
    """The area under the precision-recall curve; NaN without positive rows.

    Between two decision thresholds true positives grow with all positives in a straight line (Davis and Goadrich, The
    Relationship Between Precision-Recall and ROC Curves, 2006), as in Keras.
    """
    tp, fp = _above(table)
    if not len(tp) or not tp[-1]:
        return math.nan
    tp, answered = np.concatenate([[0.0], tp]), np.concatenate([[0.0], tp + fp])
    more = np.diff(answered)
    slope = np.diff(tp) / np.where(more, more, 1.0)
    intercept = tp[:-1] - slope * answered[:-1]
    # Before the first threshold the line begins at 0, so that its intercept is 0 too.
    ratio = answered[1:] / np.where(answered[:-1], answered[:-1], answered[1:])
    return float((slope * (np.diff(tp) + intercept * np.log(ratio))).sum() / tp[-1])


def ks(table: Table) -> float:
    """The largest distance of the two classes' distributions of scores; NaN without rows of both."""
    tp, fp = _above(table)
    if not len(tp) or not tp[-1] or not fp[-1]:
        return math.nan
    return float(np.abs(tp / tp[-1] - fp / fp[-1]).max())


def recall_at_precision(least: float, table: Table) -> float:
    """The largest recall with at least that precision, 0 where no threshold has it; NaN without positive rows."""
    tp, fp = _above(table)
    if not len(tp) or not tp[-1]:
        return math.nan
    return float((tp / tp[-1])[tp / (tp + fp) >= least].max(initial=0.0))


def precision_at_recall(least: float, table: Table) -> float:
    """The largest precision with at least that recall; NaN without positive rows."""
    tp, fp = _above(table)
    if not len(tp) or not tp[-1]:
        return math.nan
    return float((tp / (tp + fp))[tp / tp[-1] >= least].max())


def expected_calibration_error(bins: int, table: Table) -> float:
    """How far the share of positive rows is from the mean score, bin by bin; the upper edge belongs to a bin.

    Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015.
    """
    total = table.sums.sum()
    if not _is_whole(table) or not total:
        return math.nan
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], table.score)
    positive, negative = table.sums.T
    excess = np.bincount(place, positive - table.score * (positive + negative), bins)
    return float(np.abs(excess).sum() / total)


def median(table: Table) -> float:
    """The score with half of the weight on either side, or the mean of two; NaN without rows."""
    weight = table.sums[:, 0]
    half = weight.sum() / 2
    if not _is_whole(table) or not half:
        return math.nan
    upto = np.cumsum(weight)
    # Rounding must not take a whole row's weight to one side.
    slack = 1e-12 * half
    lower, upper = np.searchsorted(upto, [half - slack, half + slack])
    return float((table.score[lower] + table.score[min(upper, len(weight) - 1)]) / 2)


def _above(table: Table) -> tuple[Floats, Floats]:
    """The weights of positive and of negative rows at or above each score, the highest first; empty with a NaN."""
    if not _is_whole(table):
        return np.zeros(0), np.zeros(0)
    tp, fp = np.cumsum(table.sums[::-1], axis=0).T
    return tp, fp


def _is_whole(table: Table) -> bool:
    """Whether there are rows, and all of them have a score."""
    return len(table.score) > 0 and not np.isnan(table.score).any()
