"""How much a metric varies that is made of sums over rows, from the sums of products of what the rows add.

The delta method (Cramér, Mathematical Methods of Statistics, 1946, chapter 28): a function of sums varies as its
tangent does, and the sums vary as independent rows say. The same rows' answers of two models are summed side by side,
so that the difference of their metrics is judged in pairs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluator.columns import Columns, Floats, Summands, Sums
from components.evaluator.interval import Spread

_WEIGHT, _ROW = (-1, "weight"), (-1, "row")
"""The sums of the rows' weights, and of 1 for each row that has a weight."""
_STEP = 1e-5
"""How far the tangent looks to each side, in standard deviations of a sum: labels far from 0 have squares that vary
much more than their variance does, which is the difference of two sums."""

Name = tuple[int, str]
"""A sum: the position of its model, and its name there."""


@dataclass(frozen=True)
class Moments:
    """What is known of some rows.

    Attributes:
      names: of the sums.
      sums: float64 [sums].
      products: float64 [sums, sums]: the sums over rows of what a row adds to one sum, times what it adds to another.
    """

    names: tuple[Name, ...]
    sums: Floats
    products: Floats

    def __add__(self, other: "Moments") -> "Moments":
        """What is known of both sets of rows."""
        return Moments(self.names, self.sums + other.sums, self.products + other.products)

    def spread(self, finish: Callable[[Sums], float], models: Sequence[int]) -> Spread:
        """How much a metric varies, or the difference of two models' metrics.

        Args:
          finish: the metric, from one model's sums.
          models: the position of the model, or of both: the second one's metric is taken from the first one's.
        """
        values = dict(zip(self.names, self.sums.tolist(), strict=True))
        squares = dict(zip(self.names, np.diag(self.products).tolist(), strict=True))
        count = values[_ROW]
        if count < 2:
            return Spread(math.nan, 0.0)
        gradient = np.zeros(len(self.names))
        changes = [0.0]
        for sign, model in zip((1, -1), models, strict=False):
            own = {name: value for (of, name), value in values.items() if of == model}
            for at, (of, name) in enumerate(self.names):
                step = _STEP * math.sqrt(max(squares[of, name] - values[of, name] ** 2 / count, 0.0))
                if of == model and 0 < step < math.inf:
                    above, below = (finish(own | {name: own[name] + way * step}) for way in (1, -1))
                    gradient[at] = sign * (above - below) / (2 * step)
            # What one more row of the usual weight can change.
            middle, usual = finish(own), squares[_WEIGHT] / values[_WEIGHT]
            changes += (abs(finish(own | {name: own[name] + usual}) - middle) for name in own)
        one_row = max(change for change in changes if not math.isnan(change))
        rows = values[_WEIGHT] ** 2 / squares[_WEIGHT]
        counted = self._are_counts(np.flatnonzero(gradient))
        return Spread(self._variance(gradient, count), rows - 1, one_row, counted=counted)

    def _are_counts(self, needed: NDArray[np.int64]) -> bool:
        """Whether rows add nothing or their weight to sums."""
        squares = np.diag(self.products)[needed]
        by_weight = self.products[needed, self.names.index(_WEIGHT)]
        return bool(np.allclose(squares, by_weight, rtol=1e-9, atol=0.0))

    def _variance(self, gradient: Floats, count: float) -> float:
        # What is not a number, in sums that the metric isn't made of, stays out.
        [needed] = np.nonzero(gradient)
        slopes, sums, products = gradient[needed], self.sums[needed], self.products[np.ix_(needed, needed)]
        covariance = (products - np.outer(sums, sums) / count) * (count / (count - 1))
        variance = float(slopes @ covariance @ slopes)
        return max(variance, 0.0) if math.isfinite(variance) else math.nan


class MomentFold:
    """From rows to their moments; see `folds.Fold`."""

    def __init__(self, summands: Summands) -> None:
        """Args: `summands` of one model's rows."""
        self._summands = summands
        self._names: tuple[Name, ...] = ()

    def matrix(self, columns: Sequence[Columns]) -> Floats:
        """What each row adds to each sum."""
        weight = columns[0].weight
        added: dict[Name, Floats] = {_WEIGHT: weight, _ROW: (weight != 0).astype(np.float64)}
        for model, answers in enumerate(columns):
            added |= {(model, name): values for name, values in self._summands(answers).items()}
        self._names = tuple(added)
        return np.stack(list(added.values()), axis=1)

    def of(self, matrix: Floats) -> Moments:
        """The moments of rows."""
        with np.errstate(all="ignore"):  # what is not a number is the answer here
            return Moments(self._names, matrix.sum(axis=0), matrix.T @ matrix)

    def merged(self, state: Moments, more: Moments) -> Moments:
        """The moments of both."""
        return state + more

    def output(self, state: Moments) -> Moments:
        """They are whole as they are."""
        return state
