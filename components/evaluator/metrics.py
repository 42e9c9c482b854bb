"""The Evaluator's metrics that are means over the rows of a test split.

TensorFlow Model Analysis has metrics of these names, but they leave out rows whose score is NaN: a model that answers
nonsense for half of the rows is judged by the other half. Its log losses are infinite or NaN where a probability is
exactly 0 or 1, and fail on the label -1, an unknown class. Here a row that can't be scored makes the metric NaN, which
no threshold lets pass.

The classes' names are not TensorFlow Model Analysis's: it looks a name up among its own first, whatever the module.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluator.columns import Columns, Floats, RowSums, Sums


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


def binary_scores(label: Floats, prediction: Floats) -> Scores:
    """The cross-entropy (natural logarithm) and squared error of the positive class's probability.

    A label of -1, an unknown class, is never right.
    """
    unknown = (label < 0) & ~np.isnan(prediction)
    probability = np.where(unknown, 0.0, np.where(label != 0, prediction, 1 - prediction))
    error = label - prediction
    return {"log_loss": Score(_cross_entropy(probability)), "squared": Score(np.where(unknown, 1.0, error * error))}


def multiclass_scores(label: Floats, prediction: Floats) -> Scores:
    """The label's cross-entropy, and whether its probability is the highest. A label of -1 is never right."""
    rows, best = np.arange(len(label)), np.argmax(prediction, axis=1)
    known = (label >= 0) & (label < prediction.shape[1])
    actual = np.where(known, label, 0).astype(np.int64)
    # Where there is a NaN, argmax is its position: no answer, whatever the label is.
    answered = ~np.isnan(prediction[rows, best])
    probability = np.where(answered, np.where(known, prediction[rows, actual], 0.0), math.nan)
    correct = known & answered & (actual == best)
    return {"log_loss": Score(_cross_entropy(probability)), "correct": Score(correct.astype(np.float64))}


def _cross_entropy(probability: Floats) -> Floats:
    return -np.log(np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))


def _weighted(scoring: Scoring, columns: Columns) -> dict[str, Floats]:
    """What rows add to the sum of weight * score of each score, and to that of the weights.

    A row of weight 0 doesn't count, whatever it scores.
    """
    label, prediction, weight = columns
    summands = {}
    for name, score in scoring(label, prediction).items():
        counts = (weight != 0) & score.counts
        summands[name] = np.multiply(weight, score.values, out=np.zeros_like(weight), where=counts)
        summands[_weight_of(name)] = np.where(counts, weight, 0.0)
    return summands


def _weight_of(score: str) -> str:
    return f"weight of {score}"


def _computations(
    scoring: Scoring,
    score: str,
    finish: Callable[[float], float],
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    sub_key: metric_types.SubKey | None = None,
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    """The sums, which metrics of the same scoring share, and the metric derived from them."""
    keyed = functools.partial(
        metric_types.MetricKey,
        model_name=model_name,
        output_name=output_name,
        sub_key=sub_key,
        example_weighted=example_weighted,
    )
    # TensorFlow Model Analysis computes equal keys once, and does not report those that begin with an underscore.
    sums_key, key = keyed(name=f"_{scoring.__name__}"), keyed(name=name)

    def result(metrics: dict[metric_types.MetricKey, Sums]) -> dict[metric_types.MetricKey, float]:
        sums = metrics[sums_key]
        weight = sums.get(_weight_of(score))
        return {key: finish(sums[score] / weight) if weight else math.nan}

    return [
        metric_types.MetricComputation(
            keys=[sums_key],
            preprocessors=None,
            combiner=RowSums(sums_key, functools.partial(_weighted, scoring), eval_config),
        ),
        metric_types.DerivedMetricComputation(keys=[key], result=result),
    ]


class _Mean(metric_types.Metric):
    """The weighted mean of one score; NaN when a row's score is NaN, or when no row counts."""

    def __init__(self, name: str, scoring: Scoring, score: str, finish: Callable[[float], float] = float) -> None:
        def computations(
            name: str,
            eval_config: Any = None,
            model_name: str = "",
            output_name: str = "",
            sub_key: metric_types.SubKey | None = None,
            example_weighted: bool = False,
        ) -> metric_types.MetricComputations:
            # TensorFlow Model Analysis reads the names of these arguments, to know what to pass.
            return _computations(
                scoring, score, finish, name, eval_config, model_name, output_name, sub_key, example_weighted
            )

        super().__init__(metric_util.merge_per_key_computations(computations), name=name)


class Rmse(_Mean):
    """sqrt(mean((label - prediction)^2)), in the label's units."""

    def __init__(self, name: str = "rmse") -> None:
        super().__init__(name, regression_scores, "squared", math.sqrt)


class Rmsle(_Mean):
    """sqrt(mean((log(1 + label) - log(1 + max(prediction, 0)))^2)): about the relative error.

    NaN when a label is -1 or below, which has no such logarithm.
    """

    def __init__(self, name: str = "rmsle") -> None:
        super().__init__(name, regression_scores, "squared_log", math.sqrt)


class Mae(_Mean):
    """mean(|label - prediction|), in the label's units."""

    def __init__(self, name: str = "mae") -> None:
        super().__init__(name, regression_scores, "absolute")


class Mape(_Mean):
    """100 * mean(|label - prediction| / |label|) over the rows whose label is not 0; NaN when there are none."""

    def __init__(self, name: str = "mape") -> None:
        super().__init__(name, regression_scores, "percentage")


class Brier(_Mean):
    """mean((label - probability)^2) of the positive class (Brier 1950, for two classes halved)."""

    def __init__(self, name: str = "brier") -> None:
        super().__init__(name, binary_scores, "squared")


class BinaryLogLoss(_Mean):
    """mean(-log(probability of the label)), the probability in [1e-7, 1 - 1e-7]."""

    def __init__(self, name: str = "log_loss") -> None:
        super().__init__(name, binary_scores, "log_loss")


class MulticlassLogLoss(_Mean):
    """The log loss (see BinaryLogLoss) for labels that are class ids; an unknown class counts as one of probability
    1e-7."""

    def __init__(self, name: str = "log_loss") -> None:
        super().__init__(name, multiclass_scores, "log_loss")


class MulticlassAccuracy(_Mean):
    """The share of rows whose label has the highest probability; labels are class ids, an unknown one is wrong."""

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(name, multiclass_scores, "correct")
