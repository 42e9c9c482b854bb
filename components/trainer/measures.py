"""What answers are worth: the numbers that Keras reports of its epochs, by the same names, made without Keras."""

import math
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from preprocessing.config import Task

Array = np.ndarray[Any, Any]


def measures(
    task: Task, raw: Array, labels: Array, weights: Array | None, monitor: str, *, absolute: bool
) -> dict[str, float]:
    """Loss and metrics, weighted: `loss`; `accuracy` of classes, `auc` of two; `rmse` and `mae` of numbers.

    `auc` is NaN where all rows of a class have the weight 0.

    Args:
      task: what the labels are.
      raw: float64 [rows, units]: logits, or standardised numbers.
      labels: float64 [rows]: class ids, or standardised numbers.
      weights: float64 [rows]; None where all rows count the same.
      monitor: what the training is judged by, as `TrainConfig.judged_by` names it; that is measured too.
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
        both = 0 < mean(labels) < 1
        loss = mean(np.logaddexp(0, logits) - labels * logits)
        more = {"log_loss": loss} if monitor == "val_log_loss" else {}
        if monitor == "val_auc_pr":
            area = average_precision_score(labels, logits, sample_weight=weights) if both else math.nan
            more = {"auc_pr": float(area)}
        return {
            "loss": loss,
            "accuracy": mean((logits > 0) == (labels == 1)),
            "auc": float(roc_auc_score(labels, logits, sample_weight=weights)) if both else math.nan,
            **more,
        }
    ids = labels.astype(np.int64)
    chosen, answers = raw[np.arange(len(ids)), ids], raw.argmax(axis=1)
    loss = mean(np.logaddexp.reduce(raw, axis=1) - chosen)
    more = {"log_loss": loss} if monitor == "val_log_loss" else {}
    if monitor == "val_macro_f1":
        # Keras' own counts a class without rows and answers as 0 too.
        classes = range(raw.shape[1])
        score = f1_score(ids, answers, labels=classes, average="macro", sample_weight=weights, zero_division=0)
        more = {"macro_f1": float(score)}
    return {"loss": loss, "accuracy": mean(answers == ids), **more}
