"""What single rows score, and the metrics that are sums of it.

TensorFlow Model Analysis has metrics of these names, but they leave out rows whose score is NaN: a model that answers
nonsense for half of the rows is judged by the other half. Its log losses are infinite or NaN where a probability is
exactly 0 or 1, and fail on the label -1, an unknown class. Here a row that can't be scored makes the metric NaN, which
no threshold lets pass.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.evaluator.catalog import quantile_loss
from components.evaluator.columns import Columns, Floats, Sums
from components.evaluator.config import MetricParameters


class Score(NamedTuple):
    """What each row scores.

    Attributes:
      values: float64 [rows].
      counts: bool [rows]: whether the row is averaged; `True` for all.
    """

    values: Floats
    counts: NDArray[np.bool_] | bool = True


Scores = dict[str, Score]
"""By the name of the score."""
Scoring = Callable[[Floats, Floats], Scores]
"""(label, prediction) of rows: [rows] each or, for the probabilities of several classes, [rows, classes]."""

SMALLEST_PROBABILITY = 1e-7
"""Probabilities are moved into [this, 1 - this] before their logarithm is taken, as Keras does."""
_WEIGHT = "weight"
"""The name of the sum of the weights of all rows."""
_LEAST_VARIATION = 1e-12
"""Labels whose variance is a smaller share of their mean square have no digits left for it."""


def regression_scores(label: Floats, prediction: Floats) -> Scores:
    """The errors of values: squared, absolute, squared logarithmic and in percent of the label."""
    with np.errstate(all="ignore"):  # what is not a number is the answer here
        error = label - prediction
        # A label of -1 or below has no such logarithm; np.maximum passes NaN on.
        logarithm = np.log1p(np.where(label > -1, label, math.nan)) - np.log1p(np.maximum(prediction, 0.0))
        percentage = 100 * np.abs(error / np.where(label == 0, 1.0, label))
    return {
        "squared": Score(error * error),
        "absolute": Score(np.abs(error)),
        "squared_log": Score(logarithm * logarithm),
        "percentage": Score(percentage, label != 0),
    }


def more_regression_scores(parameters: MetricParameters, label: Floats, prediction: Floats) -> Scores:
    """The errors, the losses of quantiles, whether a value is close enough, and the labels' first two powers."""
    with np.errstate(all="ignore"):  # what is not a number is the answer here
        error = label - prediction
        close = np.abs(error) <= parameters.within_percent / 100 * np.abs(label)
        losses = {q: np.maximum(q * error, (q - 1) * error) for q in parameters.quantiles}
        square = label * label
    return {
        **regression_scores(label, prediction),
        **{quantile_loss(q): Score(loss) for q, loss in losses.items()},
        "close": Score(np.where(np.isnan(error), math.nan, close)),
        "label": Score(label),
        "label_squared": Score(square),
        "prediction": Score(prediction),
    }


def binary_scores(label: Floats, prediction: Floats) -> Scores:
    """The cross-entropy (natural logarithm) and squared error of the positive class's probability.

    A label of -1, an unknown class, is never right.
    """
    unknown = (label < 0) & ~np.isnan(prediction)
    probability = np.where(unknown, 0.0, np.where(label != 0, prediction, 1 - prediction))
    error = label - prediction
    return {"log_loss": Score(_cross_entropy(probability)), "squared": Score(np.where(unknown, 1.0, error * error))}


def more_binary_scores(threshold: float, label: Floats, prediction: Floats) -> Scores:
    """The same, label and probability, and the cells of the confusion matrix: 1 in the one that a row is in."""
    # As float32, which the served label compares too.
    above = np.where(np.isnan(prediction), math.nan, prediction > np.float32(threshold))
    positive = (label > 0).astype(np.float64)
    return {
        **binary_scores(label, prediction),
        "label": Score(label),
        "prediction": Score(prediction),
        "tp": Score(positive * above),
        "fp": Score((1 - positive) * above),
        "fn": Score(positive * (1 - above)),
        "tn": Score((1 - positive) * (1 - above)),
    }


def multiclass_scores(label: Floats, prediction: Floats) -> Scores:
    """The label's cross-entropy, and whether its probability is the highest. A label of -1 is never right."""
    rows, best = np.arange(len(label)), np.argmax(prediction, axis=1)
    known, actual = known_classes(label, prediction)
    # Where there is a NaN, argmax is its position: no answer, whatever the label is.
    answered = ~np.isnan(prediction[rows, best])
    probability = np.where(answered, np.where(known, prediction[rows, actual], 0.0), math.nan)
    correct = known & answered & (actual == best)
    return {"log_loss": Score(_cross_entropy(probability)), "correct": Score(correct.astype(np.float64))}


def more_multiclass_scores(top_k: int, label: Floats, prediction: Floats) -> Scores:
    """The same, and whether the label is among the most probable classes; of equals the first ones are."""
    known, actual = known_classes(label, prediction)
    own = prediction[np.arange(len(label)), actual][:, np.newaxis]
    first = np.arange(prediction.shape[1]) < actual[:, np.newaxis]
    before = ((prediction > own) | (first & (prediction == own))).sum(axis=1)
    near = np.where(np.isnan(prediction).any(axis=1), math.nan, known & (before < top_k))
    return {**multiclass_scores(label, prediction), "near": Score(near)}


def known_classes(label: Floats, prediction: Floats) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which labels are classes that the model knows, bool [rows], and the classes, int64 [rows]: 0 for the others."""
    known = (label >= 0) & (label < prediction.shape[1])
    return known, np.where(known, label, 0).astype(np.int64)


def _cross_entropy(probability: Floats) -> Floats:
    return -np.log(np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))


def weighted(scoring: Scoring, columns: Columns) -> dict[str, Floats]:
    """What rows add to the sum of weight * score of each score, and to that of the weights.

    A row of weight 0 doesn't count, whatever it scores.
    """
    label, prediction, weight = columns
    summands = {_WEIGHT: weight}
    for name, score in scoring(label, prediction).items():
        counts = (weight != 0) & score.counts
        summands[name] = np.multiply(weight, score.values, out=np.zeros_like(weight), where=counts)
        if score.counts is not True:
            summands[_weight_of(name)] = np.where(counts, weight, 0.0)
    return summands


def _weight_of(score: str) -> str:
    return f"weight of {score}"


def mean(score: str, sums: Sums) -> float:
    """The weighted mean of a score; NaN when a row's score is NaN, or when no row counts."""
    return _ratio(sums.get(score, math.nan), sums.get(_weight_of(score), sums.get(_WEIGHT, 0.0)))


def percentage(score: str, sums: Sums) -> float:
    """The mean in percent."""
    return 100 * mean(score, sums)


def root_mean(score: str, sums: Sums) -> float:
    """The square root of the mean."""
    return math.sqrt(mean(score, sums))


def calibration(sums: Sums) -> float:
    """The sum of the predictions as a share of that of the labels; NaN where the labels add up to 0."""
    return _ratio(sums.get("prediction", math.nan), sums.get("label", 0.0))


def r2(sums: Sums) -> float:
    """The explained share of the variance; NaN where labels do not vary, or so little that their squares hide it."""
    about, square = mean("label", sums), mean("label_squared", sums)
    variance = square - about * about
    return 1 - mean("squared", sums) / variance if variance > _LEAST_VARIATION * square else math.nan


def precision(sums: Sums) -> float:
    """The share of the rows answered positive that is; NaN without such rows."""
    return _ratio(_cell(sums, "tp"), _cell(sums, "tp") + _cell(sums, "fp"))


def recall(sums: Sums) -> float:
    """The share of the positive rows that is answered so; NaN without such rows."""
    return _ratio(_cell(sums, "tp"), _cell(sums, "tp") + _cell(sums, "fn"))


def f1(sums: Sums) -> float:
    """The harmonic mean of precision and recall; NaN where no row is positive and none was answered so."""
    return _ratio(2 * _cell(sums, "tp"), 2 * _cell(sums, "tp") + _cell(sums, "fp") + _cell(sums, "fn"))


def accuracy(sums: Sums) -> float:
    """The share of rows that are answered right."""
    right = _cell(sums, "tp") + _cell(sums, "tn")
    return _ratio(right, right + _cell(sums, "fp") + _cell(sums, "fn"))


def balanced_accuracy(sums: Sums) -> float:
    """The mean of both classes' recalls; NaN where one of them has no row."""
    specificity = _ratio(_cell(sums, "tn"), _cell(sums, "tn") + _cell(sums, "fp"))
    return (recall(sums) + specificity) / 2


def mcc(sums: Sums) -> float:
    """The correlation of label and answer: 0 where all answers are the same, NaN where all labels are."""
    tp, fp, fn, tn = (_cell(sums, name) for name in ("tp", "fp", "fn", "tn"))
    labels, answers = (tp + fn) * (tn + fp), (tp + fp) * (tn + fn)
    if not labels or math.isnan(answers):
        return math.nan
    return (tp * tn - fp * fn) / math.sqrt(labels) / math.sqrt(answers) if answers else 0.0


def _cell(sums: Sums, name: str) -> float:
    return sums.get(name, math.nan)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
