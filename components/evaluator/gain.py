"""The gain of a model over the answer that needs no features: loss by loss, its mean, and what the mean is at least.

The gain of a row is the loss without features minus the model's, for the same label: pairing takes out what makes a row
hard for both. A one-sided bound of its mean over a test split is the test of Diebold and Mariano (Comparing Predictive
Accuracy, 1995) for independent rows, a paired t-test on losses.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.artifacts.golden import TrivialAnswer
from components.evaluator.columns import Columns, Floats
from components.evaluator.scoring import Scoring, binary_scores, multiclass_scores
from preprocessing.config import Task

_SMALLEST_POSITIVE = 1e-38
"""What a prediction counts as, at least, before its logarithm is taken."""


class LossPair(NamedTuple):
    """What rows lose.

    Attributes:
      trivial: without features, float64 [rows].
      model: by the model's predictions, float64 [rows].
      counts: bool [rows]: whether the row's label has a loss; `True` for all.
    """

    trivial: Floats
    model: Floats
    counts: NDArray[np.bool_] | bool = True


Losses = Callable[[Floats, Floats], LossPair]
"""(label, prediction) of rows: how they are judged."""


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


def summands(judged: Losses, class_weights: tuple[float, ...] | None, columns: Columns) -> dict[str, Floats]:
    """What rows add to each of the `GainSums`. A row of weight 0, or without a label, doesn't count.

    Args:
      judged: see `losses`.
      class_weights: what a row's weight is multiplied by, by its label.
      columns: the rows.
    """
    label, prediction, weight = columns
    if class_weights is not None:
        known = label >= 0
        weight = np.where(known, weight * np.array(class_weights)[np.where(known, label, 0).astype(np.int64)], weight)
    with np.errstate(all="ignore"):  # what is not a number is the answer here
        trivial, model, counts = judged(label, prediction)
        gain = trivial - model
        square = weight * weight
        # In the order of the fields.
        values = weight, square, weight * gain, square * gain, square * gain * gain, weight * trivial
    counted = (columns.weight != 0) & counts
    names = (field.name for field in dataclasses.fields(GainSums))
    return {name: np.where(counted, value, 0.0) for name, value in zip(names, values, strict=True)}


def losses(task: Task, trivial: TrivialAnswer) -> Losses:
    """How rows are judged: classes by the log loss, numbers by the error on the scale that the model learns on."""
    if task == "regression":
        return _errors(trivial)
    answer = np.array(trivial.answer)
    if task == "binary":
        return _log_losses(binary_scores, answer[1])
    return _log_losses(multiclass_scores, answer)


def _log_losses(scoring: Scoring, answer: Floats) -> Losses:
    def both(label: Floats, prediction: Floats) -> LossPair:
        always = np.broadcast_to(answer, prediction.shape)
        return LossPair(scoring(label, always)["log_loss"].values, scoring(label, prediction)["log_loss"].values)

    return both


def _errors(trivial: TrivialAnswer) -> Losses:
    scales: dict[str, tuple[Callable[[Floats], Floats], float]] = {
        # The scale, and the smallest label that is on it; np.maximum passes NaN on.
        "none": (np.asarray, -math.inf),
        "log": (lambda x: np.log(np.maximum(x, _SMALLEST_POSITIVE)), _SMALLEST_POSITIVE),
        "log1p": (lambda x: np.log1p(np.maximum(x, 0.0)), 0.0),
    }
    scaled, lowest = scales[trivial.transform]
    answer = scaled(np.array(trivial.answer))
    loss = np.square if trivial.error == "squared" else np.abs

    def both(label: Floats, prediction: Floats) -> LossPair:
        actual = scaled(label)
        # The training left out labels that are not on the scale.
        return LossPair(
            loss(actual - answer), loss(actual - scaled(prediction)), np.isfinite(label) & (label >= lowest)
        )

    return both
