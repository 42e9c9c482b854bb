"""The variance of a metric that is made of sums over rows, from the sums of products of what the rows add.

The delta method (Cramér, Mathematical Methods of Statistics, 1946, chapter 28): a function of sums varies as its
tangent does, and the sums vary as independent rows say. The same rows' answers of two models are summed side by side,
so that the difference of their metrics is judged in pairs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.evaluator.columns import Columns, Floats, Summands

WEIGHT = "weight of a row"
"""The name of the sum of all rows' weights."""
_ROW = "row"
"""The name of the sum that counts rows of any weight."""
_STEP = 0.01
"""How far the tangent looks to each side, in standard deviations of a sum."""

Name = tuple[int, str]
"""A sum: the position of its model, and its name there."""
Function = Callable[[Mapping[Name, float]], float]
"""A function of sums."""


@dataclass(frozen=True)
class Variance:
    """How much a function of sums varies.

    Attributes:
      value: the variance; NaN where a sum is not a number.
      one_row: how much one more row of the usual weight can change the function.
    """

    value: float
    one_row: float


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

    @property
    def rows(self) -> float:
        """As many rows of equal weight say as much about a mean (Kish, Survey Sampling, 1965); 0 without a row."""
        position = self.names.index((0, WEIGHT))
        square = float(self.products[position, position])
        return float(self.sums[position]) ** 2 / square if square else 0.0

    def variance(self, function: Function) -> Variance:
        """How much a function of the sums varies from one such set of rows to another.

        Args:
          function: smooth near the sums.
        """
        values = dict(zip(self.names, self.sums.tolist(), strict=True))
        squares = np.diag(self.products)
        position = self.names.index((0, WEIGHT))
        usual = float(squares[position] / self.sums[position])
        gradient = np.zeros(len(self.names))
        one_row = 0.0
        middle = function(values)
        for at, (name, square) in enumerate(zip(self.names, squares.tolist(), strict=True)):
            if name[1] not in (WEIGHT, _ROW):
                change = abs(function(values | {name: values[name] + usual}) - middle)
                one_row = max(one_row, change) if change < math.inf else one_row
            if not 0 < square < math.inf:
                continue
            step = _STEP * math.sqrt(square)
            above, below = (function(values | {name: values[name] + sign * step}) for sign in (1, -1))
            gradient[at] = (above - below) / (2 * step)
        [needed] = np.nonzero(gradient)
        count = float(self.sums[self.names.index((0, _ROW))])
        if count < 2 or not np.isfinite(gradient).all():
            return Variance(math.nan, one_row)
        sums, products = self.sums[needed], self.products[np.ix_(needed, needed)]
        covariance = (products - np.outer(sums, sums) / count) * (count / (count - 1))
        return Variance(max(float(gradient[needed] @ covariance @ gradient[needed]), 0.0), one_row)


class MomentFold:
    """From rows to their `Moments`; see `folds.Fold`."""

    def __init__(self, summands: Summands, models: int) -> None:
        """Args: `summands` of one model's rows, and how many models answer the same rows."""
        self._summands = summands
        self._models = models
        self.names: tuple[Name, ...] = ()

    def matrix(self, columns: Sequence[Columns]) -> Floats:
        weight = columns[0].weight
        added: dict[Name, Floats] = {(0, WEIGHT): weight, (0, _ROW): (weight != 0).astype(np.float64)}
        for model, answers in enumerate(columns):
            added |= {(model, name): values for name, values in self._summands(answers).items()}
        self.names = tuple(added)
        return np.stack(list(added.values()), axis=1)
