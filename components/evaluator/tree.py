"""A small decision tree on raw columns (Breiman and others 1984, as scikit-learn has it): no preprocessing of ours.

It knows nothing of `features`: a model that loses to it reads its columns badly, or learned too little.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.artifacts.golden import TrivialAnswer
from components.evaluator.columns import Floats
from components.evaluator.config import TreeConfig
from components.evaluator.slices import Values
from preprocessing.config import Task

_SEED = 0
"""Decides between splits that are equally good."""
_SMALLEST_POSITIVE = 1e-38
_SCALES: dict[str, Callable[[Floats], Floats]] = {"none": np.asarray, "log": np.log, "log1p": np.log1p}
_BACK: dict[str, Callable[[Floats], Floats]] = {"none": np.asarray, "log": np.exp, "log1p": np.expm1}
_LOWEST = {"none": -np.inf, "log": _SMALLEST_POSITIVE, "log1p": 0.0}

Raw = Mapping[str, Values]
"""Raw columns by name, of the same rows."""


@dataclass(frozen=True)
class LearningRows:
    """Rows to learn from.

    Attributes:
      raw: the columns.
      label: float64 [rows]: class ids, or values in the label's own units.
      weight: float64 [rows].
    """

    raw: Raw
    label: Floats
    weight: Floats


class NothingToLearnError(Exception):
    """A tree can't be made; the message says why, as the end of a sentence."""


class Tree:
    """A small tree that answers as a model does.

    Attributes:
      rows: the training rows that counted.
      depth, leaves: of the tree.
      columns: by column, the share of what all splits together lowered the loss by; largest first, without zeros.
    """

    def __init__(self, data: LearningRows, settings: TreeConfig, task: Task, trivial: TrivialAnswer) -> None:
        """Learns from rows.

        Args:
          data: the training rows.
          settings: how large the tree may be.
          task: of the model.
          trivial: of the training split: classes and their weights, or the label's scale, and the loss.

        Raises:
          NothingToLearnError: no row has a label and a weight, or no column says anything.
        """
        self._task, self._trivial = task, trivial
        label, weight = self._targets(data)
        counts = weight > 0
        self.rows = int(counts.sum())
        if not self.rows:
            raise NothingToLearnError("no training row has a label and a weight")
        indicators = np.eye(len(trivial.answer))[label[counts].astype(np.int64)] if task != "regression" else None
        shown = indicators if indicators is not None else label[counts, np.newaxis]
        self._columns = {
            name: _column(values, counts, shown, weight[counts], settings.leaf) for name, values in data.raw.items()
        }
        if not self._names():
            raise NothingToLearnError("the model reads no column with numbers or with categories that come back")
        matrix = self._matrix(data.raw)[counts]
        # Half a second, which only an execution of the Evaluator need pay.
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind: Any = DecisionTreeRegressor if task == "regression" else DecisionTreeClassifier
        self._tree = kind(max_depth=settings.depth, min_samples_leaf=settings.leaf, random_state=_SEED)
        self._tree.fit(matrix, label[counts], sample_weight=weight[counts])
        self._values = self._leaves(self._tree.apply(matrix), label[counts], weight[counts])
        self.depth, self.leaves = int(self._tree.get_depth()), int(self._tree.get_n_leaves())
        shares = zip(self._names(), self._tree.feature_importances_.tolist(), strict=True)
        self.columns = dict(sorted(((name, share) for name, share in shares if share > 0), key=lambda each: -each[1]))

    def _targets(self, data: LearningRows) -> tuple[Floats, Floats]:
        """Labels on the loss's scale and weights, float64 [rows] each; the weight of a row without a label is 0."""
        label, weight = data.label, np.maximum(np.nan_to_num(data.weight), 0.0)
        if self._task == "regression":
            known = np.isfinite(label) & (label >= _LOWEST[self._trivial.transform])
            return _SCALES[self._trivial.transform](np.where(known, label, 1.0)), np.where(known, weight, 0.0)
        known = (label >= 0) & (label < len(self._trivial.answer))
        safe = np.where(known, label, 0.0)
        if self._trivial.class_weights is not None:
            weight = weight * np.array(self._trivial.class_weights)[safe.astype(np.int64)]
        return safe, np.where(known, weight, 0.0)

    def answers(self, raw: Raw) -> Floats:
        """What the tree says to rows of the columns that it learned from.

        Returns:
          float64: [rows] in the label's own units; [rows, classes] probabilities.
        """
        found: Floats = self._values[self._tree.apply(self._matrix(raw))]
        return _BACK[self._trivial.transform](found) if self._task == "regression" else found

    def _names(self) -> list[str]:
        return [name for name, column in self._columns.items() if column is not None]

    def _matrix(self, raw: Raw) -> NDArray[np.float32]:
        """float32 [rows, columns]; NaN for what is missing."""
        columns = [column.numbers(raw[name]) for name, column in self._columns.items() if column is not None]
        return np.stack(columns, axis=1)

    def _leaves(self, leaf: NDArray[np.int64], label: Floats, weight: Floats) -> Floats:
        """What each node answers, float64 [nodes] or [nodes, classes].

        Of classes the shares in the leaf, and in all rows with the weight of one: no class has a probability of 0.
        """
        nodes = self._tree.tree_.node_count
        if self._task != "regression":
            classes = len(self._trivial.answer)
            place = leaf * classes + label.astype(np.int64)
            sums = np.bincount(place, weight, nodes * classes).reshape(nodes, classes)
            sums += sums.sum(axis=0) / sums.sum() * weight.mean()
            return np.asarray(sums / sums.sum(axis=1, keepdims=True))
        if self._trivial.error == "squared":
            return np.asarray(
                np.bincount(leaf, label * weight, nodes) / np.maximum(np.bincount(leaf, weight, nodes), 1e-300)
            )
        found = np.zeros(nodes)
        for node in np.unique(leaf):
            found[node] = _weighted_median(label[leaf == node], weight[leaf == node])
        return found


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


class _Numbers:
    """A column of numbers, as they are."""

    def numbers(self, values: Values) -> NDArray[np.float32]:
        """float32 [rows]: the first number of each row, NaN where there is none or it is infinite."""
        found = np.full(len(values.splits) - 1, np.nan, np.float32)
        at, present = _firsts(values)
        found[present] = values.flat[at]
        found[~np.isfinite(found)] = np.nan
        return found


class _Categories:
    """A column of text: each category is its place among them, in the order of what the rows with it are like."""

    def __init__(self, places: Mapping[bytes, int]) -> None:
        self._places = places

    def numbers(self, values: Values) -> NDArray[np.float32]:
        """float32 [rows]: the place of each row's first text, NaN where there is none or it is unknown."""
        found = np.full(len(values.splits) - 1, np.nan, np.float32)
        at, present = _firsts(values)
        encoded = pa.array(values.flat[at], pa.binary()).dictionary_encode()
        places = np.array([self._places.get(text, np.nan) for text in encoded.dictionary.to_pylist()], np.float32)
        if len(places):
            found[present] = places[encoded.indices.to_numpy()]
        return found


def _firsts(values: Values) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where the first value of each row that has one is, int64 [rows with one], and which have one, bool [rows]."""
    present = np.diff(values.splits) > 0
    return values.splits[:-1][present], present


def _column(
    values: Values, counts: NDArray[np.bool_], shown: Floats, weight: Floats, fewest: int
) -> "_Numbers | _Categories | None":
    """How a column is read; None where it says nothing.

    Args:
      values: of all training rows.
      counts: bool [rows], those that count.
      shown: what is to be learned, float64 [rows that count, classes or 1].
      weight: float64 [rows that count].
      fewest: rows that a category has at least.
    """
    if values.flat.dtype != object:
        numbers = _Numbers().numbers(values)[counts]
        present = numbers[~np.isnan(numbers)]
        return _Numbers() if len(present) and (present.min() < present.max() or len(present) < len(numbers)) else None
    at, present = _firsts(values)
    kept = counts[present]
    encoded = pa.array(values.flat[at][kept], pa.binary()).dictionary_encode()
    codes, texts = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
    rows = np.bincount(codes, minlength=len(texts))
    [often] = np.nonzero(rows >= fewest)
    if not len(often):
        return None
    of_rows = present[counts]
    columns = [np.bincount(codes, (weight * each)[of_rows], len(texts)) for each in shown.T]
    sums: Floats = np.stack(columns, axis=1)[often].astype(np.float64)
    order = _order(sums, np.bincount(codes, weight[of_rows], len(texts))[often].astype(np.float64))
    return _Categories({texts[often[each]]: place for place, each in enumerate(order.tolist())})


def _order(sums: Floats, weight: Floats) -> NDArray[np.int64]:
    """The order of categories in which a tree may look for its splits.

    Of two classes, and of numbers, it is that of the means (Fisher 1958, for which the best split is in that order); of
    more classes that of the first principal component of their shares (Coppersmith, Hong and Hosking 1999).

    Args:
      sums: by category, of weight * indicator of each class or weight * number, float64 [categories, classes or 1].
      weight: by category, float64 [categories].

    Returns:
      int64 [categories].
    """
    means = sums / np.maximum(weight, 1e-300)[:, np.newaxis]
    centred = (means - np.average(means, axis=0, weights=weight)) * np.sqrt(weight)[:, np.newaxis]
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    # Its sign is arbitrary.
    direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
    return np.argsort(means @ direction, kind="stable")
