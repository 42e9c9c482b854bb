"""What TensorFlow Model Analysis's combiners add up row by row, added up by NumPy over columns, slice by slice."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types

from components.engine import NeedsBeamError
from components.evaluator import tfma_private
from components.evaluator.columns import CellsOf, CellSums, Columns, Floats, RowSums, Summands, Sums
from components.evaluator.folds import ModelsRows
from components.evaluator.tally import EMPTY, Tally

Metrics = dict[metric_types.MetricKey, Any]


@dataclass(frozen=True)
class Answers:
    """One model's answers to some rows.

    Attributes:
      label: float64 [rows].
      prediction: float64 [rows] or [rows, classes].
      weight: float64 [rows]; None where rows have no weights.
    """

    label: Floats
    prediction: Floats
    weight: Floats | None


@dataclass(frozen=True)
class Groups:
    """Which rows are in which slices.

    Attributes:
      rows: int64 [pairs], the rows of pairs of a row and a slice that it is in.
      slices: int64 [pairs], the positions of their slices.
      count: how many slices there are so far.
    """

    rows: NDArray[np.int64]
    slices: NDArray[np.int64]
    count: int

    def sums(self, values: Floats) -> Floats:
        """Adds up one value per row, float64 [rows]; gives one sum per slice, float64 [count]."""
        return np.bincount(self.slices, values[self.rows], self.count).astype(np.float64, copy=False)


class Total(Protocol):
    """What one combiner of TensorFlow Model Analysis does, for all slices at once."""

    def add(self, columns: Columns, groups: Groups) -> None:
        """Adds rows to the sums of their slices."""

    def output(self, position: int) -> Metrics:
        """What the combiner gives for the slice at a position."""


class Totals:
    """All combiners of an evaluation."""

    def __init__(self, computations: Sequence[metric_types.MetricComputation]) -> None:
        self._totals: list[tuple[metric_types.MetricKey, Total | _FoldTotal]] = [
            (each.keys[0], _FoldTotal(each.combiner) if isinstance(each.combiner, ModelsRows) else _total(each))
            for each in computations
        ]

    def add(self, answers: Mapping[str, Answers], groups: Groups) -> None:
        """Adds rows to all sums.

        Args:
          answers: by the model's name.
          groups: the slices of the rows.

        Raises:
          NeedsBeamError: the answers have a form that no fast path is written for.
        """
        columns = functools.cache(lambda model, *rest: _columns(answers[model], *rest))
        for key, total in self._totals:
            if isinstance(total, _FoldTotal):
                several = [columns(model, key.sub_key, key.example_weighted) for model in total.models]
                total.add_models(several, groups)
            else:
                total.add(columns(key.model_name, key.sub_key, key.example_weighted), groups)

    def output(self, position: int) -> Metrics:
        """What the combiners give for the slice at a position."""
        metrics: Metrics = {}
        for _, total in self._totals:
            metrics.update(total.output(position))
        return metrics


def _columns(answers: Answers, sub_key: metric_types.SubKey | None, weighted: bool) -> Columns:
    label, prediction = answers.label, answers.prediction
    if sub_key is not None:
        chosen = sub_key.class_id
        if prediction.ndim == 1 or not 0 <= chosen < prediction.shape[1]:
            raise NeedsBeamError(f"there is no class {chosen} among the predictions")
        label, prediction = (label == chosen).astype(np.float64), prediction[:, chosen]
    weight = answers.weight if weighted and answers.weight is not None else np.ones(len(label))
    return Columns(label, prediction, weight)


def _total(computation: metric_types.MetricComputation) -> Total:
    combiner = computation.combiner
    if isinstance(combiner, RowSums):
        return _SumTotal(combiner.summands, lambda sums: {combiner.key: sums})
    if isinstance(combiner, CellSums):
        return _CellTotal(combiner.cells, combiner.key)
    if isinstance(combiner, tfma_private.CountCombiner):
        return _SumTotal(lambda columns: {"rows": columns.weight}, lambda sums: combiner.extract_output(sums["rows"]))
    if isinstance(combiner, tfma_private.ConfusionCombiner):
        return _SumTotal(functools.partial(_confusion, tfma_private.thresholds(combiner)), _Confused(combiner))
    return _HistogramTotal(combiner)


class _SumTotal:
    """A combiner that is sums over rows."""

    def __init__(self, summands: Summands, output: Any) -> None:
        self._summands = summands
        self._output = output
        self._sums: dict[str, Floats] = {}

    def add(self, columns: Columns, groups: Groups) -> None:
        for name, values in self._summands(columns).items():
            sums = groups.sums(values)
            before = self._sums.get(name, np.zeros(0))
            sums[: len(before)] += before
            self._sums[name] = sums

    def output(self, position: int) -> Metrics:
        sums: Sums = {name: float(values[position]) for name, values in self._sums.items()}
        result: Metrics = self._output(sums)
        return result


class _CellTotal:
    """A combiner that is sums by group and score."""

    def __init__(self, cells: CellsOf, key: metric_types.MetricKey) -> None:
        self._cells, self._key = cells, key
        self._tally: Tally | None = None

    def add(self, columns: Columns, groups: Groups) -> None:
        cells = self._cells(columns)
        if self._tally is None:
            self._tally = Tally.of(cells)
        try:
            self._tally.add(cells, groups.rows, groups.slices)
        except OverflowError as error:
            raise NeedsBeamError(str(error)) from error

    def output(self, position: int) -> Metrics:
        return {self._key: EMPTY if self._tally is None else self._tally.table(position)}


class _FoldTotal:
    """A combiner that folds rows as several models answer them."""

    def __init__(self, combiner: ModelsRows) -> None:
        self.models = combiner.models
        self._combiner = combiner
        self._states: dict[int, Any] = {}
        """By the position of a slice."""

    def add_models(self, columns: Sequence[Columns], groups: Groups) -> None:
        """Adds rows, as each model answers them, to the states of their slices."""
        matrix = self._combiner.fold.matrix(columns)
        order = np.argsort(groups.slices, kind="stable")
        rows, slices = groups.rows[order], groups.slices[order]
        starts = np.flatnonzero(np.diff(slices, prepend=-1))
        for position, part in zip(slices[starts].tolist(), np.split(rows, starts[1:]), strict=True):
            state = self._combiner.fold.of(matrix[part])
            self._states[position] = self._combiner.merged(self._states.get(position), state)

    def output(self, position: int) -> Metrics:
        return {self._combiner.key: self._combiner.output(self._states.get(position))}


class _HistogramTotal:
    """The histogram of the predictions, without the buckets that are empty: there are ten thousand per slice."""

    def __init__(self, combiner: tfma_private.HistogramCombiner) -> None:
        self._combiner = combiner
        self._left, self._length, self._buckets = tfma_private.interval(combiner)
        self._places: NDArray[np.int64] = np.zeros(0, np.int64)
        """Sorted; of a bucket in a slice: slice * (buckets + 2) + bucket."""
        self._sums: Floats = np.zeros((3, 0))
        """[3, places]: of label, prediction and 1, by weight."""

    def add(self, columns: Columns, groups: Groups) -> None:
        label, prediction, weight = _binary(columns)
        # As fractional labels: a row of weight 0 is in no bucket.
        counted = weight != 0
        if np.isnan(prediction[counted]).any():
            raise NeedsBeamError("a prediction is not a number, which a histogram has no bucket for")
        safe = np.where(counted, prediction, self._left)
        bucket = (safe - self._left) / self._length * self._buckets + 1
        bucket = np.clip(np.where(bucket < 0, 0, bucket), 0, self._buckets + 1).astype(np.int64)
        kept = counted[groups.rows]
        rows = groups.rows[kept]
        places = np.concatenate([self._places, groups.slices[kept] * (self._buckets + 2) + bucket[rows]])
        self._places, at = np.unique(places, return_inverse=True)
        added = (label * weight)[rows], (safe * weight)[rows], weight[rows]
        self._sums = np.stack(
            [
                np.bincount(at, np.concatenate([before, more]), len(self._places))
                for before, more in zip(self._sums, added, strict=True)
            ]
        )

    def output(self, position: int) -> Metrics:
        start, end = np.searchsorted(
            self._places, [position * (self._buckets + 2), (position + 1) * (self._buckets + 2)]
        )
        buckets = (self._places[start:end] - position * (self._buckets + 2)).tolist()
        sums = self._sums[:, start:end].T.tolist()
        result: Metrics = self._combiner.extract_output(
            {bucket: tfma_private.Bucket(bucket, *values) for bucket, values in zip(buckets, sums, strict=True)}
        )
        return result


def _scalar(columns: Columns) -> Columns:
    if columns.prediction.ndim != 1:
        raise NeedsBeamError("a metric of one prediction per row is asked of several classes")
    return columns


def _binary(columns: Columns) -> Columns:
    label = _scalar(columns).label
    if not ((label >= 0) & (label <= 1)).all():
        raise NeedsBeamError("a label is outside [0, 1], which a metric of two classes doesn't take")
    return columns


def _confusion(thresholds: Sequence[float], columns: Columns) -> dict[str, Floats]:
    label, prediction, weight = _binary(columns)
    positive, negative = label * weight, (1 - label) * weight
    summands = {}
    for threshold in thresholds:
        # Not a number is above nothing.
        above = prediction > threshold
        summands[f"{threshold} tp"] = np.where(above, positive, 0.0)
        summands[f"{threshold} fp"] = np.where(above, negative, 0.0)
        summands[f"{threshold} fn"] = np.where(above, 0.0, positive)
        summands[f"{threshold} tn"] = np.where(above, 0.0, negative)
    return summands


class _Confused:
    """The output of the combiner of confusion matrices, from the sums of `_confusion`."""

    def __init__(self, combiner: tfma_private.ConfusionCombiner) -> None:
        self._combiner = combiner

    def __call__(self, sums: Sums) -> Metrics:
        accumulator = {}
        for threshold in tfma_private.thresholds(self._combiner):
            cells = {name: sums[f"{threshold} {name}"] for name in ("tp", "tn", "fp", "fn")}
            accumulator[threshold] = tfma_private.ThresholdEntry(tfma_private.Matrix(**cells), [], [], [], [])
        result: Metrics = self._combiner.extract_output(accumulator)
        return result
