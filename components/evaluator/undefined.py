"""Why a metric has no value, in words: what the other metrics of the same rows tell of the cause."""

import math
from collections.abc import Mapping

from components.evaluator.catalog import CLASS_OF, find
from components.evaluator.config import SKILL_BOUND, TREE_SKILL, TREE_SKILL_BOUND
from preprocessing.config import Task
from preprocessing.text import quoted

_HAS_ROWS = "weighted_example_count"
_ALWAYS_KNOWN = ("log_loss", "mae")
"""One of them is among the metrics of every task, and has a value wherever predictions are numbers."""
_TOO_FEW = "the test split has too few rows to tell it from chance"
_BESIDE = {
    "skill": "the best answer without features is always right",
    SKILL_BOUND: _TOO_FEW,
    TREE_SKILL: "the small tree is always right",
    TREE_SKILL_BOUND: _TOO_FEW,
}


def why_undefined(task: Task | None, name: str, metrics: Mapping[str, float]) -> str:
    """The reason why a metric is NaN, to be read after "is undefined: ".

    Args:
      task: of the model; None where results don't say it.
      name: of the metric in results.
      metrics: all metrics of the same model on the same rows, by name.
    """
    if metrics.get(_HAS_ROWS) == 0:
        return "every row has the weight 0"
    known = next((metrics[each] for each in _ALWAYS_KNOWN if each in metrics), 0.0)
    if not math.isfinite(known):
        return f"a prediction is {'not a number' if math.isnan(known) else 'infinite'}"
    if name in _BESIDE:
        return _BESIDE[name]
    metric = find(task, name) if task is not None else None
    if metric is None:
        return "its function gave no number for these rows"
    _, of_class, class_name = name.partition(CLASS_OF)
    if metric.of_class and of_class:
        return f"{metric.undefined} {quoted(class_name)}"
    return metric.undefined or "the sums that it is made of have no quotient"
