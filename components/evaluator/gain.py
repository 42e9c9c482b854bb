"""The gain of a model over the answer that needs no features: loss by loss, its mean, and what the mean is at least.

The gain of a row is the loss without features minus the model's, for the same label: pairing takes out what makes a row
hard for both. A one-sided bound of its mean over a test split is the test of Diebold and Mariano (Comparing Predictive
Accuracy, 1995) for independent rows, a paired t-test on losses.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.artifacts.golden import TrivialAnswer
from components.evaluator.metrics import binary_scores, multiclass_scores
from preprocessing.config import Task

_SMALLEST_POSITIVE = 1e-38
"""What a prediction counts as, at least, before its logarithm is taken."""

Losses = Callable[[NDArray[Any], NDArray[Any]], tuple[float, float] | None]
"""(label, prediction) of one row: its loss without features, and the model's; None where the label has no loss."""


@dataclass(frozen=True)
class GainSums:
    """Sums over rows, from which come a mean and its variance.

    Attributes:
      weight, weight_squared: of the weights w and of w^2.
      gain: of w * gain.
      gain_squared_weight: of w^2 * gain.
      squared_gain: of w^2 * gain^2.
      trivial: of w * loss without features.
    """

    weight: float = 0.0
    weight_squared: float = 0.0
    gain: float = 0.0
    gain_squared_weight: float = 0.0
    squared_gain: float = 0.0
    trivial: float = 0.0

    def plus(self, other: "GainSums") -> "GainSums":
        """The sums over the rows of both."""
        return GainSums(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def _values(self) -> tuple[float, ...]:
        return (
            self.weight,
            self.weight_squared,
            self.gain,
            self.gain_squared_weight,
            self.squared_gain,
            self.trivial,
        )

    def mean_gain(self) -> float:
        """The weighted mean; NaN without a row that counts."""
        return self.gain / self.weight if self.weight else math.nan

    def mean_trivial(self) -> float:
        """The weighted mean of the loss without features; NaN without a row that counts."""
        return self.trivial / self.weight if self.weight else math.nan

    def least_gain(self, confidence: float) -> float:
        """What the mean gain of all rows like these is at least, one-sided; NaN with fewer than two rows' weight.

        The variance of a weighted mean is that of a ratio of sums (Cochran, Sampling Techniques, 1977, chapter 6). With
        equal weights this is the paired t-test.
        """
        if not self.weight:
            return math.nan
        mean, rows = self.mean_gain(), self.weight**2 / self.weight_squared
        if rows - 1 < 1e-9:
            return math.nan
        spread = self.squared_gain - 2 * mean * self.gain_squared_weight + mean**2 * self.weight_squared
        variance = max(spread, 0.0) / self.weight**2 * rows / (rows - 1) if not math.isnan(spread) else math.nan
        return mean - t_quantile(confidence, rows - 1) * math.sqrt(variance)


def t_quantile(probability: float, degrees: float) -> float:
    """Student's t: its quantile, to about 1 % from four degrees of freedom on (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / degrees ** (power + 1) for power, term in enumerate(terms))


def losses(task: Task, trivial: TrivialAnswer) -> Losses:
    """How a row is judged: classes by the log loss, numbers by the error on the scale that the model learns on."""
    answer = np.array(trivial.answer)
    if task == "regression":
        return _errors(trivial)
    if task == "binary":
        positive = answer[1:]
        return lambda label, prediction: (
            binary_scores(label, positive)["log_loss"],
            binary_scores(label, prediction)["log_loss"],
        )
    return lambda label, prediction: (
        multiclass_scores(label, answer)["log_loss"],
        multiclass_scores(label, prediction)["log_loss"],
    )


def _errors(trivial: TrivialAnswer) -> Losses:
    scales: dict[str, tuple[Callable[[float], float], float]] = {
        # The scale, and the smallest label that is on it.
        "none": (float, -math.inf),
        "log": (lambda x: math.log(max(x, _SMALLEST_POSITIVE)), _SMALLEST_POSITIVE),
        "log1p": (lambda x: math.log1p(max(x, 0.0)), 0.0),
    }
    scaled, lowest = scales[trivial.transform]
    [answer] = trivial.answer

    def both(label: NDArray[Any], prediction: NDArray[Any]) -> tuple[float, float] | None:
        actual, predicted = float(label.item()), float(prediction.item())
        if not (math.isfinite(actual) and actual >= lowest):
            return None  # the training left such rows out too
        without = scaled(actual) - scaled(answer)
        error = math.nan if math.isnan(predicted) else scaled(actual) - scaled(predicted)
        return (without**2, error**2) if trivial.error == "squared" else (abs(without), abs(error))

    return both
