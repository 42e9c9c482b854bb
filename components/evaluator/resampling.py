"""How much a metric varies that is made of sums by score, or of rows: its values on sets of rows drawn anew, seeded.

The bootstrap of Efron (Bootstrap methods: another look at the jackknife, 1979), its draws independent for each row
(Poisson bootstrap, as in Chamandy et al., Estimating uncertainty for massive data streams, 2012), so that sums can be
drawn instead of rows: what weighs w^2 / w each, w / (w^2 / w) times.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from components.evaluator import confusion
from components.evaluator.columns import Columns, Floats
from components.evaluator.interval import Spread
from components.evaluator.measures import CellSource
from components.evaluator.tally import Table, Whole

MOST_CELLS = 4096
"""A finer table than this is drawn from as if neighbours in score were one: their order hardly counts then."""
_SEED = 1
"""The same rows have the same interval."""
_SEEN = math.sqrt(2) - 1
"""The share of a bias that drawing anew shows where the bias comes from noise around 0: the noise of the rows is there
once more, and sqrt(2) times as large then."""
_CHANCE = 3.0
"""A bias of fewer standard errors is none."""

Finish = Callable[[Table], float]


class Redrawn:
    """A table, drawn anew several times.

    Attributes:
      table: the sums that were drawn from.
    """

    def __init__(self, table: Table, replicates: int) -> None:
        """Draws.

        Args:
          table: of one slice; a row adds to one cell of it.
          replicates: how often.
        """
        self.table = _coarse(table)
        sums, squares = self.table.sums, self.table.squares
        each = np.divide(squares, sums, out=np.zeros_like(sums), where=sums > 0)
        times = np.divide(sums, each, out=np.zeros_like(sums), where=each > 0)
        drawn = np.random.default_rng(_SEED).poisson(times, (replicates, *times.shape))
        self._tables = [_without_empty(self.table._replace(sums=sums)) for sums in drawn * each]
        total = squares.sum()
        self._rows = sums.sum() ** 2 / total if total else 0.0

    def spread(self, finish: Finish) -> Spread:
        """How much a metric varies."""
        values = [finish(table) for table in self._tables]
        point = finish(self.table)
        return spread_of(values, point, self._rows, self._one_row(finish, point))

    def _one_row(self, finish: Finish, point: float) -> float:
        """How much one more row can change the metric, of those that are as wrong as can be."""
        total = self.table.sums.sum()
        usual = self.table.squares.sum() / total if total else math.nan
        changes = [abs(finish(table) - point) for table in _with_one_row(self.table, usual)]
        return max((change for change in changes if math.isfinite(change)), default=math.nan)


def spread_of(values: Sequence[float], point: float, rows: float, one_row: float = math.nan) -> Spread:
    """How much a metric varies.

    Args:
      values: of the metric on sets of rows drawn anew; what is not a number is left out.
      point: the metric on what they were drawn from.
      rows: as many of equal weight they are drawn from.
      one_row: how much one more row can change the metric.
    """
    known = np.array([value for value in values if math.isfinite(value)])
    if len(known) < max(2, len(values) / 2):
        return Spread(math.nan, 0.0)
    variance = float(known.var(ddof=1))
    bias = float(known.mean()) - point
    chance = abs(bias) < _CHANCE * math.sqrt(variance / len(known))
    return Spread(variance, min(rows, len(known)) - 1, one_row, 0.0 if chance else bias / _SEEN)


def held_spread(source: CellSource, finish: Finish, models: Sequence[Columns], replicates: int) -> Spread:
    """How much a metric varies that a row adds to in several cells, or the difference of two models' metrics.

    Args:
      source: of the metric.
      finish: the metric.
      models: the answers of the model, or of both: the second one's metric is taken from the first one's.
      replicates: how often rows are drawn.
    """
    weight = models[0].weight
    tables = [_Regrouped(source, columns) for columns in models]
    random = np.random.default_rng(_SEED)

    def value(times: Floats) -> float:
        first, *second = (finish(table.drawn(times)) for table in tables)
        return first - second[0] if second else first

    values = [value(random.poisson(1.0, len(weight)).astype(np.float64)) for _ in range(replicates)]
    return spread_of(values, value(np.ones(len(weight))), _equal_rows(weight))


def own_spread(metric: Callable[[Columns], float], models: Sequence[Columns], replicates: int) -> Spread:
    """How much a metric of the user's own varies, or its difference between two models: rows are drawn, as many.

    Args:
      metric: of rows.
      models: as in `held_spread`.
      replicates: how often rows are drawn.
    """
    rows = len(models[0].label)
    random = np.random.default_rng(_SEED)

    def value(chosen: NDArray[np.int64]) -> float:
        first, *second = (metric(Columns(*(part[chosen] for part in columns))) for columns in models)
        return first - second[0] if second else first

    values = [value(random.integers(rows, size=rows)) for _ in range(replicates)]
    return spread_of(values, value(np.arange(rows)), _equal_rows(models[0].weight))._replace(bias=0.0)


class _Regrouped:
    """The cells that rows add to, so that sums with other weights come quickly."""

    def __init__(self, source: CellSource, columns: Columns) -> None:
        cells = source.cells(columns)
        shape = cells.group.shape
        score = np.zeros(shape) if cells.score is None else np.broadcast_to(cells.score, shape)
        order = np.lexsort((score.reshape(-1), cells.group.reshape(-1)))
        group, score = cells.group.reshape(-1)[order], score.reshape(-1)[order]
        starts = np.concatenate([[True], (np.diff(group) != 0) | (np.diff(score) != 0)])[: len(order)]
        self._at = np.cumsum(starts) - 1
        self._row = order // shape[1] if len(order) else order
        self._values = np.where(cells.counts[:, np.newaxis, np.newaxis], cells.values, 0.0)
        self._values = self._values.reshape(-1, cells.values.shape[2])[order]
        self._group, self._score = group[starts], score[starts]

    def drawn(self, times: Floats) -> Table:
        """The table in which each row stands so often."""
        weighted = self._values * times[self._row][:, np.newaxis]
        sums = np.stack([np.bincount(self._at, column, len(self._group)) for column in weighted.T], axis=1)
        return _without_empty(Table(self._group, self._score, sums, sums))


def _equal_rows(weight: Floats) -> float:
    """As many rows of equal weight say as much about a mean (Kish, Survey Sampling, 1965)."""
    square = float((weight * weight).sum())
    return float(weight.sum()) ** 2 / square if square else 0.0


def _without_empty(table: Table) -> Table:
    """The table without the cells that no row is in: metrics see none otherwise."""
    some = table.sums.any(axis=1)
    return Table(table.group[some], table.score[some], table.sums[some], table.squares[some])


def _coarse(table: Table) -> Table:
    """The table with neighbours in score put together, where it has many cells."""
    cells = len(table.group)
    if cells <= MOST_CELLS or not np.any(table.score):
        return table
    # Cells of the same number in one group are one.
    number = np.arange(cells) * MOST_CELLS // cells
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(number) != 0) | (np.diff(table.group) != 0)]))
    weight = table.sums.sum(axis=1)
    total = np.add.reduceat(weight, starts)
    score = np.add.reduceat(table.score * weight, starts) / np.where(total, total, 1.0)
    return Table(
        table.group[starts],
        np.where(total > 0, score, table.score[starts]),
        np.add.reduceat(table.sums, starts),
        np.add.reduceat(table.squares, starts),
    )


def _with_one_row(table: Table, weight: float) -> Iterator[Table]:
    """The table with one more row, at the worst place for one kind of metric or the other."""
    if not len(table.group):
        return
    if not np.any(table.score):
        for group in confusion.mistaken(table):
            yield _added(table, group, weight)
        return
    for cell in (0, len(table.group) - 1):
        for column in range(table.sums.shape[1]):
            sums = table.sums.copy()
            sums[cell, column] += weight
            yield table._replace(sums=sums)


def _added(table: Table, group: int, weight: float) -> Table:
    groups: Whole = np.append(table.group, group)
    order = np.argsort(groups, kind="stable")
    sums = np.concatenate([table.sums, [[weight]]])[order]
    return Table(groups[order], np.zeros(len(groups)), sums, sums)
