"""The Evaluator's metrics that are means over the rows of a test split.

TensorFlow Model Analysis has metrics of these names, but they leave out rows whose score is NaN: a model that answers
nonsense for half of the rows is judged by the other half. Its log losses are infinite or NaN where a probability is
exactly 0 or 1, and fail on the label -1, an unknown class. Here a row that can't be scored makes the metric NaN, which
no threshold lets pass.

The classes' names are not TensorFlow Model Analysis's: it looks a name up among its own first, whatever the module.
"""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util

Scores = dict[str, float]
"""What one row scores, by the name of the score. A score that is left out isn't averaged."""
Scoring = Callable[[NDArray[Any], NDArray[Any]], Scores]
"""(label, prediction) of one row, each of shape [1] or, for the probabilities of several classes, [classes]."""
Sums = dict[str, tuple[float, float]]
"""Sums by score: that of weight * score, and that of the weights."""

SMALLEST_PROBABILITY = 1e-7
"""Probabilities are moved into [this, 1 - this] before their logarithm is taken, as Keras does."""


def regression_scores(label: NDArray[Any], prediction: NDArray[Any]) -> Scores:
    """The errors of one value: squared, absolute, squared logarithmic and in percent of the label."""
    actual, predicted = float(label.item()), float(prediction.item())
    error = actual - predicted
    scores = {"squared": error * error, "absolute": abs(error), "squared_log": _squared_log(actual, predicted)}
    if actual != 0:
        scores["percentage"] = 100 * abs(error / actual)
    return scores


def _squared_log(actual: float, predicted: float) -> float:
    if actual <= -1 or math.isnan(actual):
        return math.nan
    # The prediction first: max() returns its first argument when that is NaN.
    error = math.log1p(actual) - math.log1p(max(predicted, 0.0))
    return error * error


def binary_scores(label: NDArray[Any], prediction: NDArray[Any]) -> Scores:
    """The cross-entropy (natural logarithm) and squared error of the positive class's probability.

    A label of -1, an unknown class, is never right.
    """
    actual, predicted = float(label.item()), float(prediction.item())
    if actual < 0 and not math.isnan(predicted):
        return {"log_loss": _cross_entropy(0.0), "squared": 1.0}
    error = actual - predicted
    return {"log_loss": _cross_entropy(predicted if actual else 1 - predicted), "squared": error * error}


def multiclass_scores(label: NDArray[Any], prediction: NDArray[Any]) -> Scores:
    """The label's cross-entropy, and whether its probability is the highest. A label of -1 is never right."""
    actual, best = int(label.item()), int(np.argmax(prediction))
    known = 0 <= actual < prediction.size
    # Where there is a NaN, argmax is its position: no answer, whatever the label is.
    answered = not math.isnan(prediction[best])
    probability = float(prediction[actual]) if known and answered else 0.0 if answered else math.nan
    return {"log_loss": _cross_entropy(probability), "correct": float(known and answered and actual == best)}


def _cross_entropy(probability: float) -> float:
    # The probability first: max() and min() return their first argument when that is NaN.
    return -math.log(min(max(probability, SMALLEST_PROBABILITY), 1 - SMALLEST_PROBABILITY))


def row_of(
    element: metric_types.StandardMetricInputs, key: metric_types.MetricKey, eval_config: Any
) -> tuple[NDArray[Any], NDArray[Any], float]:
    """Label, prediction and weight of one row, for the model that the key names."""
    [(label, prediction, weights)] = metric_util.to_label_prediction_example_weight(
        element,
        eval_config=eval_config,
        model_name=key.model_name,
        output_name=key.output_name,
        sub_key=key.sub_key,
        example_weighted=key.example_weighted,
        flatten=False,
        require_single_example_weight=True,
    )
    return label, prediction, float(weights.item())


class WeightedSums(beam.CombineFn):
    """Sums the scores of rows by their weights."""

    def __init__(self, key: metric_types.MetricKey, scoring: Scoring, eval_config: Any) -> None:
        """The result stands under `key`, which says which model's predictions are scored."""
        self._key = key
        self._scoring = scoring
        self._eval_config = eval_config

    def create_accumulator(self) -> Sums:
        """Starts with no row."""
        return {}

    def add_input(self, accumulator: Sums, element: metric_types.StandardMetricInputs) -> Sums:
        """Adds one row. A row of weight 0 doesn't count, whatever it scores."""
        label, prediction, weight = row_of(element, self._key, self._eval_config)
        if weight:
            _add(accumulator, {name: (weight * s, weight) for name, s in self._scoring(label, prediction).items()})
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Sums]) -> Sums:
        """Adds up several accumulators."""
        merged: Sums = {}
        for accumulator in accumulators:
            _add(merged, accumulator)
        return merged

    def extract_output(self, accumulator: Sums) -> dict[metric_types.MetricKey, Sums]:
        """The sums, for the metrics that are derived from them."""
        return {self._key: accumulator}


def _add(sums: Sums, more: Sums) -> None:
    for name, (score, weight) in more.items():
        before = sums.get(name, (0.0, 0.0))
        sums[name] = before[0] + score, before[1] + weight


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
        total, weight = metrics[sums_key].get(score, (0.0, 0.0))
        return {key: finish(total / weight) if weight else math.nan}

    return [
        metric_types.MetricComputation(
            keys=[sums_key], preprocessors=None, combiner=WeightedSums(sums_key, scoring, eval_config)
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
