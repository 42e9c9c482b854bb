"""How each metric of the catalog is computed: what is added up over rows, and a pure function of the sums."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from components.evaluator import confusion, ranking, scoring
from components.evaluator.catalog import of_class, quantile_loss
from components.evaluator.columns import CellsOf, Summands, Sums
from components.evaluator.config import MetricSettings
from components.evaluator.scoring import Scoring
from components.evaluator.tally import Table


class RowSource(NamedTuple):
    """Named sums over rows.

    Attributes:
      name: metrics with a source of the same name share the sums.
      summands: what rows add; it is linear in their weights.
    """

    name: str
    summands: Summands


class CellSource(NamedTuple):
    """Sums over rows by group and score.

    Attributes:
      name: metrics with a source of the same name share the sums.
      cells: what rows add; it is linear in their weights.
      scored: whether sums are by score too.
    """

    name: str
    cells: CellsOf
    scored: bool = True


class Measure(NamedTuple):
    """How one metric is computed.

    Attributes:
      source: what is added up.
      finish: the metric, from the `Sums` of a `RowSource` or the `Table` of a `CellSource` and nothing else; NaN where
        it has no value, or without a row.
    """

    source: RowSource | CellSource
    finish: Callable[[Any], float]


def measures(settings: MetricSettings) -> dict[str, Measure]:
    """The metrics of a task by their names in results, without those of single classes."""
    return {"binary": _binary, "multiclass": _multiclass, "regression": _regression}[settings.task](settings)


def class_measures(class_id: int, name: str) -> dict[str, Measure]:
    """The metrics of one of several classes by their names in results.

    Args:
      class_id: its position among the model's classes; any other number is a class that the model does not know.
      name: of the class.
    """
    return {
        of_class("precision", name): Measure(MATRIX, functools.partial(confusion.precision, class_id)),
        of_class("recall", name): Measure(MATRIX, functools.partial(confusion.recall, class_id)),
    }


MATRIX = CellSource("matrix", confusion.matrix, scored=False)
"""What the confusion matrix is made of."""
SCORES, CLASS_SCORES = CellSource("scores", ranking.scores), CellSource("class_scores", ranking.class_scores)
"""What is made of the order of scores, of two classes and of several."""


def _rows(name: str, scores: Scoring) -> Callable[[Callable[[Sums], float]], Measure]:
    source = RowSource(name, functools.partial(scoring.weighted, scores))
    return lambda finish: Measure(source, finish)


def _cells(source: CellSource) -> Callable[[Callable[[Table], float]], Measure]:
    return lambda finish: Measure(source, finish)


def _mean(score: str) -> Callable[[Sums], float]:
    return functools.partial(scoring.mean, score)


def _root_mean(score: str) -> Callable[[Sums], float]:
    return functools.partial(scoring.root_mean, score)


def _binary(settings: MetricSettings) -> dict[str, Measure]:
    parameters = settings.parameters
    rows = _rows("binary_rows", functools.partial(scoring.more_binary_scores, settings.decision_threshold))
    cells = _cells(SCORES)
    bins = parameters.calibration_bins
    return {
        "accuracy": rows(scoring.accuracy),
        "balanced_accuracy": rows(scoring.balanced_accuracy),
        "precision": rows(scoring.precision),
        "recall": rows(scoring.recall),
        "f1": rows(scoring.f1),
        "mcc": rows(scoring.mcc),
        "auc": cells(ranking.auc),
        "auc_pr": cells(ranking.auc_pr),
        "gini": cells(ranking.gini),
        "ks": cells(ranking.ks),
        "recall_at_precision": cells(functools.partial(ranking.recall_at_precision, parameters.precision)),
        "precision_at_recall": cells(functools.partial(ranking.precision_at_recall, parameters.recall)),
        "log_loss": rows(_mean("log_loss")),
        "brier": rows(_mean("squared")),
        "expected_calibration_error": cells(functools.partial(ranking.expected_calibration_error, bins)),
        "calibration": rows(scoring.calibration),
    }


def _multiclass(settings: MetricSettings) -> dict[str, Measure]:
    scores = functools.partial(scoring.more_multiclass_scores, settings.parameters.top_k)
    rows = _rows("multiclass_rows", scores)
    return {
        "accuracy": rows(_mean("correct")),
        "top_k_accuracy": rows(_mean("near")),
        "macro_f1": Measure(MATRIX, confusion.macro_f1),
        "weighted_f1": Measure(MATRIX, confusion.weighted_f1),
        "macro_auc": _cells(CLASS_SCORES)(ranking.macro_auc),
        "log_loss": rows(_mean("log_loss")),
    }


def _regression(settings: MetricSettings) -> dict[str, Measure]:
    parameters = settings.parameters
    rows = _rows("regression_rows", functools.partial(scoring.more_regression_scores, parameters))
    losses = (quantile_loss(quantile) for quantile in parameters.quantiles)
    return {
        "rmse": rows(_root_mean("squared")),
        "mae": rows(_mean("absolute")),
        "median_absolute_error": _cells(CellSource("errors", ranking.errors))(ranking.median),
        "r2": rows(scoring.r2),
        "mape": rows(_mean("percentage")),
        "rmsle": rows(_root_mean("squared_log")),
        "within_percent": rows(functools.partial(scoring.percentage, "close")),
        **{loss: rows(_mean(loss)) for loss in losses},
        "calibration": rows(scoring.calibration),
    }
