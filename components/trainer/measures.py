"""What answers are worth: the numbers that Keras reports of its epochs, by the same names, made without Keras."""

import math
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from preprocessing.config import Task

Array = np.ndarray[Any, Any]


def measures(task: Task, raw: Array, labels: Array, weights: Array | None, *, absolute: bool) -> dict[str, float]:
    """Loss and metrics, weighted: `loss`; `accuracy` of classes, `auc` of two; `rmse` and `mae` of numbers.

    `auc` is NaN where all rows of a class have the weight 0.

    Args:
      task: what the labels are.
      raw: float64 [rows, units]: logits, or standardised numbers.
      labels: float64 [rows]: class ids, or standardised numbers.
      weights: float64 [rows]; None where all rows count the same.
      absolute: whether the loss of numbers is the absolute error, not the squared one.
    """

    def mean(each: Array) -> float:
        return float(np.average(each, weights=weights))

    if task == "regression":
        errors = raw[:, 0] - labels
        squared, mae = mean(errors**2), mean(np.abs(errors))
        return {"loss": mae if absolute else squared, "rmse": squared**0.5, "mae": mae}
    if task == "binary":
        logits = raw[:, 0]
        return {
            "loss": mean(np.logaddexp(0, logits) - labels * logits),
            "accuracy": mean((logits > 0) == (labels == 1)),
            "auc": float(roc_auc_score(labels, logits, sample_weight=weights)) if 0 < mean(labels) < 1 else math.nan,
        }
    ids = labels.astype(np.int64)
    chosen = raw[np.arange(len(ids)), ids]
    return {
        "loss": mean(np.logaddexp.reduce(raw, axis=1) - chosen),
        "accuracy": mean(raw.argmax(axis=1) == ids),
    }
