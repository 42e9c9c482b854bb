"""Rows as columns, and the sums over them that our metrics are made of: the same sums on Beam and without it."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluator.tally import EMPTY, Cells, Table, Tally

Floats = NDArray[np.float64]

BATCH = 512
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
CellsOf = Callable[[Columns], Cells]
"""What rows add to sums by group and score."""
Row = tuple[float, NDArray[Any], float]
State = TypeVar("State")
Output = TypeVar("Output")


def row_of(element: metric_types.StandardMetricInputs, key: metric_types.MetricKey, eval_config: Any) -> Row:
    """A row as Beam gives it, with the answer of the key's model."""
    [(label, prediction, weights)] = metric_util.to_label_prediction_example_weight(
        element,
        eval_config=eval_config,
        model_name=key.model_name,
        output_name=key.output_name,
        sub_key=key.sub_key,
        example_weighted=key.example_weighted,
        flatten=False,
        require_single_example_weight=True,
    )
    return label.item(), prediction, float(weights.item())


def stacked(rows: Iterable[Row]) -> Columns:
    """Rows, at least one, as columns."""
    labels, predictions, weights = zip(*rows, strict=True)
    answers = np.asarray(predictions, np.float64)
    return Columns(
        np.asarray(labels, np.float64),
        answers[:, 0] if answers.shape[1] == 1 else answers,
        np.asarray(weights, np.float64),
    )


class _Sums(beam.CombineFn, Generic[State, Output]):
    """Adds up what rows give. An accumulator is what was added up, and rows that wait to be."""

    def __init__(self, key: metric_types.MetricKey, eval_config: Any) -> None:
        """The result stands under `key`, which says which model's predictions are meant."""
        self.key = key
        self._eval_config = eval_config

    @abstractmethod
    def _start(self) -> State:
        """What no row adds up to."""

    @abstractmethod
    def _with_rows(self, state: State, columns: Columns) -> State:
        """A state with more rows; the given one stays as it is."""

    @abstractmethod
    def _merge(self, state: State, more: State) -> State:
        """Both states together; the first may change."""

    @abstractmethod
    def _output(self, state: State) -> Output:
        """The sums, for the metrics that are derived from them."""

    def create_accumulator(self) -> tuple[State, list[Row]]:
        """Starts with no row."""
        return self._start(), []

    def add_input(
        self, accumulator: tuple[State, list[Row]], element: metric_types.StandardMetricInputs
    ) -> tuple[State, list[Row]]:
        """Adds one row."""
        state, waiting = accumulator
        waiting.append(self._row(element))
        return (self._total(accumulator), []) if len(waiting) >= BATCH else (state, waiting)

    def merge_accumulators(self, accumulators: Iterable[tuple[State, list[Row]]]) -> tuple[State, list[Row]]:
        """Adds up several accumulators."""
        merged = self._start()
        for accumulator in accumulators:
            merged = self._merge(merged, self._total(accumulator))
        return merged, []

    def extract_output(self, accumulator: tuple[State, list[Row]]) -> dict[metric_types.MetricKey, Output]:
        """The sums, for the metrics that are derived from them."""
        return {self.key: self._output(self._total(accumulator))}

    def _total(self, accumulator: tuple[State, list[Row]]) -> State:
        state, waiting = accumulator
        if not waiting:
            return state
        return self._with_rows(state, stacked(waiting))

    def _row(self, element: metric_types.StandardMetricInputs) -> Row:
        return row_of(element, self.key, self._eval_config)


class RowSums(_Sums[Sums, Sums]):
    """Adds up named sums."""

    def __init__(self, key: metric_types.MetricKey, summands: Summands, eval_config: Any) -> None:
        """The result stands under `key`, which says which model's predictions are meant."""
        super().__init__(key, eval_config)
        self.summands = summands

    def _start(self) -> Sums:
        return {}

    def _with_rows(self, state: Sums, columns: Columns) -> Sums:
        return _added(state, {name: float(values.sum()) for name, values in self.summands(columns).items()})

    def _merge(self, state: Sums, more: Sums) -> Sums:
        return _added(state, more)

    def _output(self, state: Sums) -> Sums:
        return dict(state)


class CellSums(_Sums[Tally | None, Table]):
    """Adds up sums by group and score."""

    def __init__(self, key: metric_types.MetricKey, cells: CellsOf, eval_config: Any) -> None:
        """The result stands under `key`, which says which model's predictions are meant."""
        super().__init__(key, eval_config)
        self.cells = cells

    def _start(self) -> Tally | None:
        return None

    def _with_rows(self, state: Tally | None, columns: Columns) -> Tally:
        cells = self.cells(columns)
        tally = Tally.of(cells) if state is None else state.copy()
        rows = np.arange(len(cells.counts))
        tally.add(cells, rows, np.zeros_like(rows))
        return tally

    def _merge(self, state: Tally | None, more: Tally | None) -> Tally | None:
        if state is None or more is None:
            return state if more is None else more.copy()
        state.merge(more)
        return state

    def _output(self, state: Tally | None) -> Table:
        return EMPTY if state is None else state.table(0)


def _added(sums: Sums, more: Sums) -> Sums:
    return {name: sums.get(name, 0.0) + more.get(name, 0.0) for name in sums | more}
