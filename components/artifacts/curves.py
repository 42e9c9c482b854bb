"""The plots of a ModelEvaluation artifact: how they are called, and how large they are at most.

They lie in TensorFlow Model Analysis's own file, in its own messages, of all test rows together:

- of two classes, and of several for each of the largest: a ConfusionMatrixAtThresholds, from which come ROC,
  precision-recall and a table of thresholds, and the CalibrationHistogramBuckets of the probabilities, from which come
  calibration and how far apart the classes' scores are,
- of numbers: a two-dimensional histogram of label and prediction, as a MultiClassConfusionMatrixAtThresholds of ranges,
  and the errors (prediction minus label) as CalibrationHistogramBuckets, of equal width and by quantiles.
"""

import math
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, FiniteFloat

from components.artifacts.golden import TrivialAnswer

POINTS = 200
"""Thresholds of a curve, at most."""
BINS = 50
"""Ranges of a histogram, besides the two of what is outside."""
GRID = 40
"""Ranges of labels, and of predictions, of the two-dimensional histogram."""
CLASSES = 30
"""Classes that are shown on their own, the largest ones."""
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Shares of the rows: where the quantiles of the errors lie."""

AGAINST, ERRORS, ERROR_QUANTILES = "predicted_against_actual", "errors", "error_quantiles"
"""Names of plots. The curves of classes have TensorFlow Model Analysis's default ones, under which it shows them."""


_SCALES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "none": (float, float),
    "log": (math.log, math.exp),
    "log1p": (math.log1p, math.expm1),
}
"""From a label to the scale that the model learns on, and back."""


class Range(BaseModel):
    """Where the ranges of the two-dimensional histogram lie: evenly spaced on the scale that the model learns on."""

    model_config = ConfigDict(frozen=True)

    low: FiniteFloat
    high: FiniteFloat
    transform: str = "none"

    @classmethod
    def of(cls, limits: tuple[float, float], trivial: TrivialAnswer | None) -> "Range":
        """The range of the training labels, on the scale on which errors are judged."""
        low, high = limits
        transform = trivial.transform if trivial is not None else "none"
        if (transform == "log" and low <= 0) or (transform == "log1p" and low <= -1):
            transform = "none"
        return cls(low=low, high=high if high > low else low + 1.0, transform=transform)

    def edges(self) -> list[float]:
        """The `GRID` + 1 edges in the label's own units; the first and the last range also hold what lies beyond."""
        there, back = _SCALES[self.transform]
        low, high = there(self.low), there(self.high)
        return [back(low + (high - low) * i / GRID) for i in range(GRID + 1)]
