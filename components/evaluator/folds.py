"""Rows as several models answer them, folded into one state per slice: the same on Beam and without it."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.columns import BATCH, Columns, Floats, Row, row_of, stacked

State = TypeVar("State")


class Fold(Protocol[State]):
    """From rows to a state. Rows may come in any order."""

    def matrix(self, columns: Sequence[Columns]) -> Floats:
        """What a state is made of, float64 [rows, k], from each model's answers to the same rows."""

    def of(self, matrix: Floats) -> State:
        """The state of some rows of a matrix."""

    def merged(self, state: State, more: State) -> State:
        """The state of both."""

    def output(self, state: State) -> Any:
        """What is made of a state when it is whole."""


class ModelsRows(beam.CombineFn):
    """Folds rows. An accumulator is a state, None before the first row, and rows that wait."""

    def __init__(self, key: metric_types.MetricKey, models: Sequence[str], fold: Fold[Any], eval_config: Any) -> None:
        """The state stands under `key`; `models` are those whose answers are folded, by their names."""
        self.key = key
        self.models = tuple(models)
        self.fold = fold
        self._eval_config = eval_config

    def create_accumulator(self) -> tuple[Any, list[list[Row]]]:
        """Starts with no row."""
        return None, []

    def add_input(
        self, accumulator: tuple[Any, list[list[Row]]], element: metric_types.StandardMetricInputs
    ) -> tuple[Any, list[list[Row]]]:
        """Adds one row."""
        state, waiting = accumulator
        keys = (self.key._replace(model_name=model) for model in self.models)
        waiting.append([row_of(element, key, self._eval_config) for key in keys])
        return (self._total(accumulator), []) if len(waiting) >= BATCH else (state, waiting)

    def merge_accumulators(self, accumulators: Iterable[tuple[Any, list[list[Row]]]]) -> tuple[Any, list[list[Row]]]:
        """Adds up several accumulators."""
        merged = None
        for accumulator in accumulators:
            merged = self.merged(merged, self._total(accumulator))
        return merged, []

    def extract_output(self, accumulator: tuple[Any, list[list[Row]]]) -> dict[metric_types.MetricKey, Any]:
        """What the fold makes of the state; None where there was no row."""
        return {self.key: self.output(self._total(accumulator))}

    def output(self, state: Any) -> Any:
        """What the fold makes of a state, which may be None."""
        return None if state is None else self.fold.output(state)

    def merged(self, state: Any, more: Any) -> Any:
        """Both states, one of which or both may be None."""
        if state is None or more is None:
            return state if more is None else more
        return self.fold.merged(state, more)

    def _total(self, accumulator: tuple[Any, list[list[Row]]]) -> Any:
        state, waiting = accumulator
        if not waiting:
            return state
        columns = [stacked(rows) for rows in zip(*waiting, strict=True)]
        return self.merged(state, self.fold.of(self.fold.matrix(columns)))


class HeldRows:
    """The fold that keeps the rows themselves, those of weight 0 left out; see `Fold`.

    24 bytes for each row and each slice that it is in, and 8 for each further number that a model answers.
    """

    def __init__(self, models: int, most: float = math.inf) -> None:
        """Starts with no row.

        Args:
          models: how many answer the same rows.
          most: of more answers (rows times classes) than this nothing is kept.
        """
        self._models, self._most = models, most

    def matrix(self, columns: Sequence[Columns]) -> Floats:
        """Label, weight, and each model's prediction."""
        first = columns[0]
        parts = [first.label, first.weight, *(each.prediction for each in columns)]
        return np.concatenate([part.reshape(len(first.label), -1) for part in parts], axis=1)

    def of(self, matrix: Floats) -> tuple[Floats, ...]:
        """The rows that have a weight."""
        return self._kept((matrix[matrix[:, 1] != 0],))

    def merged(self, state: tuple[Floats, ...], more: tuple[Floats, ...]) -> tuple[Floats, ...]:
        """Both, not yet in one piece; empty where they are too many."""
        return self._kept((*state, *more)) if state and more else ()

    def _kept(self, state: tuple[Floats, ...]) -> tuple[Floats, ...]:
        return state if sum(len(part) * (part.shape[1] - 2) for part in state) <= self._most else ()

    def output(self, state: tuple[Floats, ...]) -> list[Columns] | None:
        """Each model's answers, the rows in an order that doesn't depend on how they came; None for too many."""
        if not state:
            return None
        held = np.concatenate(state)
        held = held[np.lexsort(held.T[::-1])]
        label, weight = held[:, 0], held[:, 1]
        return [
            Columns(label, prediction[:, 0] if prediction.shape[1] == 1 else prediction, weight)
            for prediction in np.split(held[:, 2:], self._models, axis=1)
        ]
