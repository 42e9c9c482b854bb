"""Rows as columns, and the sums over them that our metrics are made of: the same sums on Beam and without it."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util

Floats = NDArray[np.float64]

_BATCH = 512
"""How many rows wait in an accumulator on Beam, which gives them one by one: NumPy's price is per call."""


class Columns(NamedTuple):
    """Some rows, as one model answers them.

    Attributes:
      label: float64 [rows].
      prediction: float64 [rows] or, for the probabilities of several classes, [rows, classes].
      weight: float64 [rows].
    """

    label: Floats
    prediction: Floats
    weight: Floats


Summands = Callable[[Columns], dict[str, Floats]]
"""What each row adds to each sum, float64 [rows] by the sum's name."""
Sums = dict[str, float]
"""Sums over rows by name; without an entry before the first row."""
Row = tuple[float, NDArray[Any], float]


class RowSums(beam.CombineFn):
    """Adds up what rows give."""

    def __init__(self, key: metric_types.MetricKey, summands: Summands, eval_config: Any) -> None:
        """The result stands under `key`, which says which model's predictions are meant."""
        self.key = key
        self.summands = summands
        self._eval_config = eval_config

    def create_accumulator(self) -> tuple[Sums, list[Row]]:
        """Starts with no row: the sums, and rows that wait to be added."""
        return {}, []

    def add_input(
        self, accumulator: tuple[Sums, list[Row]], element: metric_types.StandardMetricInputs
    ) -> tuple[Sums, list[Row]]:
        """Adds one row."""
        sums, waiting = accumulator
        waiting.append(self._row(element))
        return (self._total(accumulator), []) if len(waiting) >= _BATCH else (sums, waiting)

    def merge_accumulators(self, accumulators: Iterable[tuple[Sums, list[Row]]]) -> tuple[Sums, list[Row]]:
        """Adds up several accumulators."""
        merged: Sums = {}
        for accumulator in accumulators:
            _add(merged, self._total(accumulator))
        return merged, []

    def extract_output(self, accumulator: tuple[Sums, list[Row]]) -> dict[metric_types.MetricKey, Sums]:
        """The sums, for the metrics that are derived from them."""
        return {self.key: self._total(accumulator)}

    def _total(self, accumulator: tuple[Sums, list[Row]]) -> Sums:
        sums, waiting = accumulator
        total = dict(sums)
        if waiting:
            labels, predictions, weights = zip(*waiting, strict=True)
            stacked = np.asarray(predictions, np.float64)
            columns = Columns(
                np.asarray(labels, np.float64),
                stacked[:, 0] if stacked.shape[1] == 1 else stacked,
                np.asarray(weights, np.float64),
            )
            _add(total, {name: float(values.sum()) for name, values in self.summands(columns).items()})
        return total

    def _row(self, element: metric_types.StandardMetricInputs) -> Row:
        [(label, prediction, weights)] = metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self.key.model_name,
            output_name=self.key.output_name,
            sub_key=self.key.sub_key,
            example_weighted=self.key.example_weighted,
            flatten=False,
            require_single_example_weight=True,
        )
        return label.item(), prediction, float(weights.item())


def _add(sums: Sums, more: Sums) -> None:
    for name, value in more.items():
        sums[name] = sums.get(name, 0.0) + value
