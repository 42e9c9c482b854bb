"""Metrics of a user's own, good ones and bad ones."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def profit(labels: Floats, predictions: Floats, weights: Floats) -> float:
    """What answers earn: two for a row that is positive and taken, minus one for another that is taken."""
    taken = (predictions if predictions.ndim == 1 else predictions[:, -1]) > 0.5
    return float((weights * taken * (3 * (labels > 0) - 1.0)).sum() / weights.sum())


def spoils(labels: Floats, predictions: Floats, weights: Floats) -> np.floating:
    """The weighted mean of the labels, after which its arguments are of no use."""
    mean = np.average(labels, weights=weights)
    labels[:], predictions[:], weights[:] = 0, 0, 0
    return mean


def raises(labels: Floats, predictions: Floats, weights: Floats) -> float:  # noqa: ARG001
    """Divides by nothing."""
    raise ZeroDivisionError("nothing to divide by")


def says(labels: Floats, predictions: Floats, weights: Floats) -> str:  # noqa: ARG001
    """Returns words."""
    return "a lot"


def per_row(labels: Floats, predictions: Floats, weights: Floats) -> Floats:  # noqa: ARG001
    """Returns a number for each row."""
    return labels


NOT_A_FUNCTION = 3
