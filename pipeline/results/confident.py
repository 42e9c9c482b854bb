"""Confidence intervals in the Evaluator's output, and the words for a threshold that one of them does not keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from components.evaluator.failures import slice_in_words
from components.evaluator.names import BOUND_CLASS, BOUNDED, INTERVALS_CLASS
from pipeline.results.evaluation_records import metrics

if TYPE_CHECKING:
    from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2

Ends = tuple[float, float]
CHANGE = " (change against the champion)"
"""What stands behind the value of a threshold on a change."""
_ROWS = "example_count"


class _Measured(NamedTuple):
    value: float
    ends: Ends | None


@dataclass(frozen=True)
class Confidence:
    """The intervals of one model.

    Attributes:
      level: how sure they are.
      bounds: names of metrics that are ends of intervals, each with the name of the metric that it is an end of.
    """

    level: float
    bounds: Mapping[str, str]
    _slices: Mapping[frozenset[tuple[str, str]], Mapping[tuple[str, bool], _Measured]]

    def intervals(self) -> dict[str, Ends]:
        """Those on all rows, by the metric's name."""
        all_rows = self._slices.get(frozenset(), {})
        return {name: each.ends for (name, is_diff), each in all_rows.items() if each.ends is not None and not is_diff}

    def metrics(self, where: Mapping[str, str]) -> dict[str, float]:
        """The metrics on a slice, column to value, or on all rows; empty where it was not measured."""
        measured = self._slices.get(frozenset(where.items()), {})
        return {name: each.value for (name, is_diff), each in measured.items() if not is_diff}

    def shown(self, where: Mapping[str, str], failure: validation_result_pb2.ValidationFailure) -> str:
        """What a metric is that has a value and whose interval does not keep a threshold.

        Args:
          where: the slice, column to value; empty for all rows.
          failure: of an end of the interval.
        """
        measured = self._slices.get(frozenset(where.items()), {})
        is_diff = failure.metric_key.is_diff
        found = measured.get((self.bounds[failure.metric_key.name], is_diff))
        change = CHANGE if is_diff else ""
        if found is None:
            return f"not known (too few test rows?){change}"
        rows = f"{measured[_ROWS, False].value:,.0f} rows" if (_ROWS, False) in measured else "these rows"
        if found.ends is None:
            why = "too few, or their answers too many" if self.bounds[failure.metric_key.name] in BOUNDED else "too few"
            return f"{found.value:.4g}{change} without a confidence interval ({rows} are {why}?)"
        low, high = found.ends
        worst = failure.metric_value.double_value.value
        interval = f"{100 * self.level:g} % interval {low:.4g} to {high:.4g}, {rows}"
        return f"{found.value:.4g}{change}, but may be {worst:.4g} ({interval})"


def read_confidence(evaluation_uri: str, config: config_pb2.EvalConfig, model: str) -> Confidence:
    """Reads the intervals of one model from the Evaluator's output.

    Args:
      evaluation_uri: the ModelEvaluation's folder.
      config: what the Evaluator was asked.
      model: whose metrics are meant; one that was evaluated alone has no name in the results.
    """
    level, bounds = 0.0, {}
    for metric in (each for spec in config.metrics_specs for each in spec.metrics):
        if metric.class_name in (BOUND_CLASS, INTERVALS_CLASS):
            arguments = json.loads(f"{{{metric.config}}}")
            if metric.class_name == BOUND_CLASS:
                bounds[arguments["name"]] = arguments["metric"]
            else:
                level = arguments["confidence"]["level"]
    slices = {}
    for record in metrics(evaluation_uri):
        where = frozenset(slice_in_words(record.slice_key).items())
        slices[where] = {
            (each.key.name, each.key.is_diff): _Measured(each.value.double_value.value, _ends(each))
            for each in record.metric_keys_and_values
            if (each.key.model_name or model) == model and each.value.HasField("double_value")
        }
    return Confidence(level, bounds, slices)


def _ends(each: metrics_for_slice_pb2.MetricsForSlice.MetricKeyAndValue) -> Ends | None:
    interval = each.confidence_interval
    if not (interval.HasField("lower_bound") and interval.HasField("upper_bound")):
        return None
    return interval.lower_bound.double_value.value, interval.upper_bound.double_value.value
