"""What our metrics should be, by scikit-learn or, where it has none, by arithmetic on single rows."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate
from sklearn import metrics

Floats = NDArray[np.float64]


def expected(task: str, label: Floats, prediction: Floats, weight: Floats, **settings: Any) -> dict[str, float]:
    """Every metric of the task, by its name in results; classes are called `class 0`, `class 1`.

    Args:
      label: [rows].
      prediction: [rows] or, of several classes, [rows, classes]; float32 where it has to be exact.
      weight: [rows]; those of weight 0 are left out.
      settings: `threshold`, `precision`, `recall`, `bins`, `top_k`, `quantiles`, `percent`.
    """
    kept = weight != 0
    known = {"threshold": 0.5, "precision": 0.9, "recall": 0.9, "bins": 10, "top_k": 2, "percent": 10.0}
    known |= {"quantiles": (0.1, 0.5, 0.9)} | settings
    of_task: dict[str, Callable[..., dict[str, float]]] = {
        "binary": _binary,
        "multiclass": _multiclass,
        "regression": _regression,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that do not occur
        return of_task[task](label[kept], prediction[kept], weight[kept], known)


def _binary(label: Floats, p: Floats, w: Floats, known: dict[str, Any]) -> dict[str, float]:
    y, answer = (label == 1).astype(int), (p > known["threshold"]).astype(int)
    weighted = {"sample_weight": w}
    both = 0 < y.sum() < len(y)
    auc = metrics.roc_auc_score(y, p, **weighted) if both else math.nan
    precisions, recalls, _ = metrics.precision_recall_curve(y, p, **weighted)
    false, true, _ = metrics.roc_curve(y, p, drop_intermediate=False, **weighted) if both else ([], [math.nan], [])
    bins = [known["bins"] - 1 if x == 1 else max(0, math.ceil(x * known["bins"] - 1e-9) - 1) for x in p]
    gaps = [abs((w * (y - p))[np.array(bins) == each].sum()) for each in range(known["bins"])]
    answered, positive = (w * answer).sum(), (w * y).sum()
    return {
        "accuracy": metrics.accuracy_score(y, answer, **weighted),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, answer, **weighted) if both else math.nan,
        "precision": metrics.precision_score(y, answer, **weighted) if answered else math.nan,
        "recall": metrics.recall_score(y, answer, **weighted) if positive else math.nan,
        "f1": metrics.f1_score(y, answer, **weighted) if answered or positive else math.nan,
        "mcc": metrics.matthews_corrcoef(y, answer, **weighted) if both else math.nan,
        "auc": auc,
        "auc_pr": _area(y, p, w),
        "gini": 2 * auc - 1,
        "ks": float(np.max(np.abs(np.subtract(true, false)))) if both else math.nan,
        "recall_at_precision": recalls[precisions >= known["precision"]].max() if positive else math.nan,
        "precision_at_recall": precisions[:-1][recalls[:-1] >= known["recall"]].max() if positive else math.nan,
        "log_loss": metrics.log_loss(y, np.clip(p, 1e-7, 1 - 1e-7).astype(np.float64), labels=[0, 1], **weighted),
        "brier": np.average((y - p.astype(np.float64)) ** 2, weights=w),
        "expected_calibration_error": sum(gaps) / w.sum(),
        "calibration": (w * p).sum() / positive if positive else math.nan,
    }


def _area(y: Floats, p: Floats, w: Floats) -> float:
    """Under the precision-recall curve; between two scores both kinds of rows come in evenly."""
    if not (w * y).sum():
        return math.nan
    area = tp = fp = 0.0
    for score in sorted(set(p), reverse=True):
        more, less = (w * y)[p == score].sum(), (w * (1 - y))[p == score].sum()
        if more:
            curve = _precision_between(tp, fp, more, less)
            area += more * integrate.quad(curve, 0, 1, epsabs=1e-12)[0]
        tp, fp = tp + more, fp + less
    return area / (w * y).sum()


def _precision_between(tp: float, fp: float, more: float, less: float) -> Callable[[float], float]:
    return lambda part: (
        (tp + part * more) / (tp + part * more + fp + part * less) if tp + fp + part else more / (more + less)
    )


def _multiclass(label: Floats, p: Floats, w: Floats, known: dict[str, Any]) -> dict[str, float]:
    y, answer, classes = label.astype(int), p.argmax(axis=1), p.shape[1]
    weighted = {"sample_weight": w}
    occur = [k for k in range(classes) if ((y == k) | (answer == k)).any()]
    split = [k for k in range(classes) if 0 < (y == k).sum() < len(y)]
    own = np.where(y >= 0, p[np.arange(len(y)), np.maximum(y, 0)], 0).astype(np.float64)
    f1 = metrics.f1_score(y, answer, labels=occur, average=None, **weighted)
    support = np.array([w[y == k].sum() for k in occur])
    # Of equals the first class comes first.
    order = np.argsort(-p, axis=1, kind="stable")[:, : known["top_k"]]
    of_class = {}
    for k in range(classes):
        right, answered, actual = w[(y == k) & (answer == k)].sum(), w[answer == k].sum(), w[y == k].sum()
        of_class[f"precision of class {k}"] = right / answered if answered else math.nan
        of_class[f"recall of class {k}"] = right / actual if actual else math.nan
    return of_class | {
        "accuracy": metrics.accuracy_score(y, answer, **weighted),
        "top_k_accuracy": np.average((order == y[:, np.newaxis]).any(axis=1), weights=w),
        "macro_f1": f1.mean(),
        "weighted_f1": np.average(f1, weights=support) if support.sum() else math.nan,
        "macro_auc": float(np.mean([metrics.roc_auc_score(y == k, p[:, k], **weighted) for k in split] or [math.nan])),
        "log_loss": np.average(-np.log(np.clip(own, 1e-7, 1 - 1e-7)), weights=w),
    }


def _regression(y: Floats, p: Floats, w: Floats, known: dict[str, Any]) -> dict[str, float]:
    weighted = {"sample_weight": w}
    not_0, error = y != 0, np.abs(y - p)
    logarithms = (y > -1).all()
    return {
        "rmse": metrics.root_mean_squared_error(y, p, **weighted),
        "mae": metrics.mean_absolute_error(y, p, **weighted),
        "median_absolute_error": _median(error, w),
        "r2": metrics.r2_score(y, p, **weighted) if len(set(y)) > 1 else math.nan,
        "mape": 100 * np.average(error[not_0] / np.abs(y[not_0]), weights=w[not_0]) if not_0.any() else math.nan,
        "rmsle": metrics.root_mean_squared_log_error(y, np.maximum(p, 0), **weighted) if logarithms else math.nan,
        "within_percent": 100 * np.average(error <= known["percent"] / 100 * np.abs(y), weights=w),
        "calibration": (w * p).sum() / (w * y).sum(),
        **{f"quantile_loss_{q:g}": metrics.mean_pinball_loss(y, p, alpha=q, **weighted) for q in known["quantiles"]},
    }


def _median(error: Floats, w: Floats) -> float:
    """Between the smallest error that half of the weight does not exceed, and the largest one."""
    order = np.argsort(error)
    upto = np.cumsum(w[order])
    half = upto[-1] / 2
    return float(error[order][upto >= half - 1e-9][0] + error[order][upto > half + 1e-9][0]) / 2
