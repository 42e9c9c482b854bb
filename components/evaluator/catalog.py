"""What each metric is: the one place where names, directions and meanings stand.

The names that `evaluate.thresholds` takes, the direction of a change against the champion, what is said of a value that
is missing, and docs/metrics.md come from here. `measures` says how each is computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from components.evaluator.config import MetricParameters, MetricSettings
from preprocessing.config import Task

Better = Literal["higher", "lower", "near 1"]
CLASS_OF = " of "
"""Between the name of a metric and the class that it is of, in results."""
CONFUSION_MATRIX = "confusion_matrix"
"""The name in results of the confusion matrix, which is a table and has no threshold."""
_UNITS = {"": "", "label": "in the label's units", "percent": "in percent", "nats": "in nats"}


@dataclass(frozen=True)
class Metric:
    """One metric of one task.

    Attributes:
      name: in thresholds and results; `quantile_loss` stands for one name for each quantile.
      task: whose metric it is.
      formula: how it is computed. w is a row's weight, y its label, p its prediction.
      range: the values that it may have.
      better: where good values lie.
      unit: of its values; empty where they have none.
      good_for: what it is good for.
      undefined: when there is no value beside a prediction that is not a number.
      setting: the field of `MetricSettings` or of `MetricParameters` that it depends on.
      of_class: whether it is of one class, which a threshold names.
    """

    name: str
    task: Task
    formula: str
    range: str
    better: Better
    unit: str
    good_for: str
    undefined: str = ""
    setting: str = ""
    of_class: bool = False

    def unit_in_words(self) -> str:
        """The unit of its values; empty where they have none."""
        return _UNITS[self.unit]

    def detail(self, settings: MetricSettings) -> str:
        """What of the settings its value depends on: `decision threshold 0.5`; empty where nothing."""
        if not self.setting or self.setting == "quantiles":  # the quantile is in the name
            return ""
        value = getattr(settings, self.setting, None)
        value = getattr(settings.parameters, self.setting) if value is None else value
        return f"{self.setting.replace('_', ' ')} {value:g}"


_NO_POSITIVE, _ONE_CLASS = "no row's label is the positive class", "every row's label is of the same class"
_BINARY = (
    Metric(
        "accuracy", "binary", "sum of w where the answered class is y / sum of w", "0..1", "higher", "",
        "Classes of about the same size, where both kinds of error cost the same.", "", "decision_threshold",
    ),
    Metric(
        "balanced_accuracy", "binary", "(recall of the positive class + recall of the negative class) / 2", "0..1",
        "higher", "", "Classes of different sizes: 0.5 is what a constant answer gets.", _ONE_CLASS,
        "decision_threshold",
    ),
    Metric(
        "precision", "binary", "TP / (TP + FP)", "0..1", "higher", "",
        "False alarms that cost: how many of the rows answered positive are.", "no row was predicted positive",
        "decision_threshold",
    ),
    Metric(
        "recall", "binary", "TP / (TP + FN)", "0..1", "higher", "",
        "Misses that cost: how many of the positive rows are found.", _NO_POSITIVE, "decision_threshold",
    ),
    Metric(
        "f1", "binary", "2 TP / (2 TP + FP + FN)", "0..1", "higher", "",
        "A rare positive class, where misses and false alarms both count.",
        "no row is positive, and none was predicted to be", "decision_threshold",
    ),
    Metric(
        "mcc", "binary",
        "(TP TN - FP FN) / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN)), Matthews 1975; 0 where all answers are the same",
        "-1..1", "higher", "", "Classes of different sizes, as one number for all four kinds of answers; 0 is chance.",
        _ONE_CLASS, "decision_threshold",
    ),
    Metric(
        "auc", "binary",
        "area under the ROC curve: the chance that a positive row has a higher p than a negative one, ties count half",
        "0..1", "higher", "", "How well rows are ranked, whatever the decision threshold; 0.5 is chance.", _ONE_CLASS,
    ),
    Metric(
        "auc_pr", "binary",
        "area under the precision-recall curve, between its points as Davis and Goadrich (2006) join them", "0..1",
        "higher", "", "Ranking where the positive class is rare; a constant answer gets the share of positive rows.",
        _NO_POSITIVE,
    ),
    Metric(
        "gini", "binary", "2 auc - 1", "-1..1", "higher", "", "The AUC as credit scoring states it; 0 is chance.",
        _ONE_CLASS,
    ),
    Metric(
        "ks", "binary",
        "largest difference between the shares of positive and of negative rows above any p (Kolmogorov and Smirnov)",
        "0..1", "higher", "", "How far the two classes can be told apart at the best decision threshold.", _ONE_CLASS,
    ),
    Metric(
        "recall_at_precision", "binary",
        "the largest recall of the decision thresholds whose precision is at least `precision`; 0 where none is",
        "0..1", "higher", "", "A limit on false alarms is given: how much is found within it.", _NO_POSITIVE,
        "precision",
    ),
    Metric(
        "precision_at_recall", "binary",
        "the largest precision of the decision thresholds whose recall is at least `recall`", "0..1", "higher", "",
        "So much has to be found: how many false alarms it costs.", _NO_POSITIVE, "recall",
    ),
    Metric(
        "log_loss", "binary", "mean of -ln(probability of y), probabilities kept in [1e-7, 1 - 1e-7]", "0..16.12",
        "lower", "nats", "Probabilities that are used as such; it punishes certainty that is wrong.",
    ),
    Metric(
        "brier", "binary", "mean of (y - p)^2 (Brier 1950, for two classes halved)", "0..1", "lower", "",
        "Probabilities that are used as such, with outliers that count less than in log_loss.",
    ),
    Metric(
        "expected_calibration_error", "binary",
        "sum over `calibration_bins` bins of p of equal width of |sum of w y - sum of w p| / sum of w "
        "(Naeini et al. 2015)",
        "0..1", "lower", "", "Whether rows with p = 0.3 are positive in 30 % of cases.", "", "calibration_bins",
    ),
    Metric(
        "calibration", "binary", "sum of w p / sum of w y", "0..", "near 1", "",
        "Whether probabilities are too high (above 1) or too low on the whole.", "the labels add up to 0",
    ),
)  # fmt: skip

_MULTICLASS = (
    Metric(
        "accuracy", "multiclass", "sum of w where y has the highest probability, the first of equals / sum of w",
        "0..1", "higher", "", "Classes of about the same size.",
    ),
    Metric(
        "top_k_accuracy", "multiclass", "sum of w where y is among the `top_k` most probable classes / sum of w",
        "0..1", "higher", "", "Answers that a person chooses among.", "", "top_k",
    ),
    Metric(
        "macro_f1", "multiclass", "mean of 2 TP / (2 TP + FP + FN) over the classes that occur as label or as answer",
        "0..1", "higher", "", "Classes of different sizes that are equally important.",
    ),
    Metric(
        "weighted_f1", "multiclass", "mean of 2 TP / (2 TP + FP + FN) over the classes, by the weight of their rows",
        "0..1", "higher", "", "As macro_f1, with classes as important as they are frequent.",
        "no row's label is a known class",
    ),
    Metric(
        "macro_auc", "multiclass",
        "mean over classes of the AUC of their probability, one against the rest; without classes that no row or every "
        "row has",
        "0..1", "higher", "", "How well each class is ranked, whatever the answered class; 0.5 is chance.", _ONE_CLASS,
    ),
    Metric(
        "log_loss", "multiclass", "mean of -ln(probability of y), probabilities kept in [1e-7, 1 - 1e-7]", "0..16.12",
        "lower", "nats", "Probabilities that are used as such; it punishes certainty that is wrong.",
    ),
    Metric(
        "precision", "multiclass", "TP / (TP + FP) of one class", "0..1", "higher", "",
        "A class that is costly to answer wrongly.", "no row was predicted as the class", of_class=True,
    ),
    Metric(
        "recall", "multiclass", "TP / (TP + FN) of one class", "0..1", "higher", "",
        "A class that must not be missed.", "no row's label is the class", of_class=True,
    ),
)  # fmt: skip

_REGRESSION = (
    Metric(
        "rmse", "regression", "sqrt(mean of (y - p)^2)", "0..", "lower", "label",
        "Large errors that cost more than their share.",
    ),
    Metric(
        "mae", "regression", "mean of |y - p|", "0..", "lower", "label",
        "Errors that cost in proportion to their size.",
    ),
    Metric(
        "median_absolute_error", "regression",
        "median of |y - p| by weight; between two rows, the mean of both", "0..", "lower", "label",
        "The typical error, whatever a few outliers are.",
    ),
    Metric(
        "r2", "regression", "1 - sum of w (y - p)^2 / sum of w (y - mean of y)^2", "..1", "higher", "",
        "The share of the label's variance that is explained; 0 is what answering the mean gets.",
        "the labels do not vary",
    ),
    Metric(
        "mape", "regression", "100 * mean of |y - p| / |y| over the rows with y != 0", "0..", "lower", "percent",
        "Errors that count by the size of the label, where none is near 0.", "every label is 0",
    ),
    Metric(
        "rmsle", "regression", "sqrt(mean of (ln(1 + y) - ln(1 + max(p, 0)))^2)", "0..", "lower", "",
        "About the relative error, for labels over several orders of magnitude.", "a label is -1 or below",
    ),
    Metric(
        "within_percent", "regression", "100 * sum of w where |y - p| <= `within_percent` / 100 * |y| / sum of w",
        "0..100", "higher", "percent", "Answers that are useful when they are close enough.", "", "within_percent",
    ),
    Metric(
        "quantile_loss", "regression", "mean of max(q (y - p), (q - 1) (y - p)) for each q of `quantiles`", "0..",
        "lower", "label",
        "Errors that cost more in one direction: above 0.5 answering too low does (Koenker and Bassett 1978).", "",
        "quantiles",
    ),
    Metric(
        "calibration", "regression", "sum of w p / sum of w y", "..", "near 1", "",
        "Whether answers are too high (above 1) or too low on the whole.", "the labels add up to 0",
    ),
)  # fmt: skip

CATALOG: dict[Task, tuple[Metric, ...]] = {"binary": _BINARY, "multiclass": _MULTICLASS, "regression": _REGRESSION}
"""The metrics of each task, in the order in which they are shown. All of them are computed."""


def names(task: Task, parameters: MetricParameters) -> tuple[str, ...]:
    """The metrics that a threshold may name, those of one class included."""
    return tuple(name for metric in CATALOG[task] for name in _expanded(metric, parameters))


def find(task: Task, name: str) -> Metric | None:
    """The metric of a name in results or thresholds: `recall`, `recall of Adelie`, `quantile_loss_0.9`."""
    return next((metric for metric in CATALOG[task] if _is(metric, name)), None)


def lower_is_better(task: Task, name: str) -> bool:
    """Whether a metric improves by going down, of a name in results."""
    metric = find(task, name)
    return metric is not None and metric.better == "lower"


def place(task: Task | None, name: str) -> tuple[int, str]:
    """What sorts names in results as the catalog does; other names, and all where the task is unknown, stay last."""
    metrics = CATALOG[task] if task is not None else ()
    position = next((at for at, metric in enumerate(metrics) if _is(metric, name)), len(metrics))
    return position, name if position < len(metrics) else ""


def of_class(metric: str, name: str) -> str:
    """The name in results of a metric of one class."""
    return f"{metric}{CLASS_OF}{name}"


def quantile_loss(quantile: float) -> str:
    """The name of the loss of a quantile."""
    return f"quantile_loss_{quantile:g}"


def _expanded(metric: Metric, parameters: MetricParameters) -> Iterator[str]:
    if metric.setting == "quantiles":
        yield from (quantile_loss(quantile) for quantile in parameters.quantiles)
    else:
        yield metric.name


def _is(metric: Metric, name: str) -> bool:
    if metric.of_class and name.startswith(f"{metric.name}{CLASS_OF}"):
        return True
    if metric.setting == "quantiles" and name.startswith(f"{metric.name}_"):
        return True
    return name == metric.name
