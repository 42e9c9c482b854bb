"""Metrics of the user's own: found by dotted path, called with the rows of a test split, and their answers checked.

Imports neither TensorFlow nor Beam, so that `lockgate validate` can try one at once.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preprocessing.config import Task
from preprocessing.errors import UserError
from preprocessing.own_code import function_at
from preprocessing.text import named

Floats = NDArray[np.float64]
Function = Callable[[Floats, Floats, Floats], Any]
_FIELD = ("evaluate", "metrics")
_CONTRACT = "a metric of your own is a function (labels, predictions, weights) -> float: see docs/metrics.md"


@functools.cache
def imported(path: str) -> Function:
    """The function behind a dotted path.

    Raises:
      UserError: it can't be imported, or is not a function.
    """
    return function_at(path, _FIELD, _CONTRACT)


def value_of(path: str, labels: Floats, predictions: Floats, weights: Floats) -> float:
    """The metric of some rows; what the function does to its arguments stays its own.

    Args:
      path: of the function.
      labels: float64 [rows]: values, or ids of classes, of which -1 is an unknown one; 0 or 1 of two classes.
      predictions: float64 [rows]: values, or probabilities of the positive class; [rows, classes] of several classes.
      weights: float64 [rows]; 1 where rows have no weights.

    Returns:
      The function's answer, which may be NaN.

    Raises:
      UserError: it can't be imported, raises, or doesn't return a number.
    """
    function = imported(path)
    rows = f"on {len(labels):,} rows"
    try:
        answer = function(labels.copy(), predictions.copy(), weights.copy())
    except Exception as error:  # the user's code may raise anything
        raise UserError(
            f"{path} raised {named(error)} {rows}",
            field=_FIELD,
            hint=f"return nan where rows have no such metric; {_CONTRACT}; --debug shows where it was raised",
        ) from error
    number = np.asarray(answer) if isinstance(answer, int | float | np.number | np.ndarray) else None
    if isinstance(answer, bool) or number is None or number.ndim or number.dtype.kind not in "iuf":
        received = f"an array of shape {list(number.shape)}" if number is not None and number.ndim else repr(answer)
        raise UserError(f"{path} returned {received[:80]} {rows}, expected a float", field=_FIELD, hint=_CONTRACT)
    return float(number)


def resampled_value(path: str, labels: Floats, predictions: Floats, weights: Floats) -> float:
    """The metric of rows that were drawn anew; NaN also where the function raises: they may lack a whole class."""
    try:
        return value_of(path, labels, predictions, weights)
    except UserError:
        return math.nan


def tried(path: str, task: Task) -> None:
    """Calls the function with four rows.

    Raises:
      UserError: see `value_of`.
    """
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    predictions = np.array([0.25, 0.75, 0.5, 0.125])
    if task == "multiclass":
        labels = np.array([0.0, 1.0, 2.0, 1.0])
        predictions = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])
    value_of(path, labels, predictions, np.ones(4))
