"""How much a metric varies that is made of sums by score, or of rows: its values on sets of rows drawn anew, seeded.

The bootstrap of Efron (Bootstrap methods: another look at the jackknife, 1979), its draws independent for each row
(Poisson bootstrap, as in Chamandy et al., Estimating uncertainty for massive data streams, 2012), so that sums can be
drawn instead of rows: what weighs w^2 / w each, w / (w^2 / w) times. Where a formula gives the same, it is taken: areas
under ROC curves (`ranking.influences`), and the tangent of what is made of a few cells.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from components.evaluator import confusion, ranking
from components.evaluator.columns import Columns, Floats
from components.evaluator.interval import Spread
from components.evaluator.measures import CellSource
from components.evaluator.tally import Table, Whole

LEAST_CELLS = 1024
"""A finer table than this, and than `_FINENESS` times the square root of its rows, is drawn from as if neighbours in
score were one: their order hardly counts then."""
_FINENESS = 4.0
"""Half of a median's standard deviation, counted in rows, and less."""
_SEED = 1
"""The same rows have the same interval."""
_SEEN = math.sqrt(2) - 1
"""The share of a bias that drawing anew shows where the bias comes from noise around 0: the noise of the rows is there
once more, and sqrt(2) times as large then."""
_CHANCE = 3.0
"""A bias of fewer standard errors is none."""
_STEP = 0.01
"""How far a tangent looks to each side, in standard deviations of a cell."""

Finish = Callable[[Table], float]
_AREAS: dict[Finish, float] = {ranking.auc: 1.0, ranking.gini: 2.0, ranking.macro_auc: 1.0}
"""The metrics that are areas under ROC curves, and how many times the area they are."""


class Redrawn:
    """A table, and tables drawn from it."""

    def __init__(self, table: Table, scored: bool, finishes: Sequence[Finish], replicates: int) -> None:
        """Starts without drawing.

        Args:
          table: of one slice, to one cell of which a row adds.
          scored: whether its sums are by score too.
          finishes: the metrics that are made of it.
          replicates: how often it is drawn from.
        """
        self._whole, self._scored = table, scored
        self._finishes, self._replicates = finishes, replicates
        total = float(table.squares.sum())
        self._rows = float(table.sums.sum()) ** 2 / total if total else 0.0

    def spread(self, finish: Finish) -> Spread:
        """How much one of the metrics varies."""
        if finish in _AREAS:
            slopes = _AREAS[finish] * ranking.influences(self._whole)
            variance = float((slopes * slopes * self._whole.squares).sum())
            return Spread(variance, self._rows - 1, _one_row(finish, self._whole, True, variance))
        if not self._scored and 2 * len(self._whole.group) < self._replicates:
            variance = _by_tangent(finish, self._whole)
            return Spread(variance, self._rows - 1, _one_row(finish, self._whole, False, variance))
        spread = spread_of(self._values[finish], finish(self._table), self._rows)
        return spread._replace(one_row=_one_row(finish, self._table, self._scored, spread.variance))

    @functools.cached_property
    def _table(self) -> Table:
        return _coarse(self._whole, self._rows) if self._scored else self._whole

    @functools.cached_property
    def _values(self) -> dict[Finish, list[float]]:
        """The metrics of one drawn table after the other: all tables at once could fill the memory."""
        values: dict[Finish, list[float]] = {finish: [] for finish in self._finishes if finish not in _AREAS}
        for table in self._drawn():
            for finish, known in values.items():
                known.append(finish(table))
        return values

    def _drawn(self) -> Iterator[Table]:
        sums, squares = self._table.sums, self._table.squares
        each = np.divide(squares, sums, out=np.zeros_like(sums), where=sums > 0)
        times = np.divide(sums, each, out=np.zeros_like(sums), where=each > 0)
        random = np.random.default_rng(_SEED)
        for _ in range(self._replicates):
            yield _without_empty(self._table._replace(sums=random.poisson(times) * each))


def _one_row(finish: Finish, table: Table, scored: bool, variance: float) -> float:
    """How much one more row can change a metric that nothing changes, of those that are as wrong as can be."""
    if variance:
        return math.nan
    point = finish(table)
    usual = float(table.squares.sum() / table.sums.sum())
    with_one = _with_one_score if scored else _with_one_mistake
    changes = [abs(finish(more) - point) for more in with_one(table, usual)]
    return max((change for change in changes if math.isfinite(change)), default=math.nan)


def spread_of(values: Sequence[float], point: float, rows: float) -> Spread:
    """How much a metric varies.

    Args:
      values: of the metric on sets of rows drawn anew; what is not a number is left out.
      point: the metric on what they were drawn from.
      rows: as many of equal weight they are drawn from.
    """
    known = np.array([value for value in values if math.isfinite(value)])
    if len(known) < max(2, len(values) / 2):
        return Spread(math.nan, 0.0)
    variance = float(known.var(ddof=1))
    bias = float(known.mean()) - point
    chance = abs(bias) < _CHANCE * math.sqrt(variance / len(known))
    return Spread(variance, min(rows, len(known)) - 1, bias=0.0 if chance else bias / _SEEN)


def held_spread(source: CellSource, finish: Finish, models: Sequence[Columns], replicates: int) -> Spread:
    """How much a metric varies that a row adds to in several cells, or the difference of two models' metrics.

    Args:
      source: of the metric.
      finish: the metric.
      models: the answers of the model, or of both: the second one's metric is taken from the first one's.
      replicates: how often rows are drawn.
    """
    weight = models[0].weight
    rows = _equal_rows(weight)
    tables = [_Regrouped(source, columns, math.inf if finish in _AREAS else rows) for columns in models]
    if finish in _AREAS:
        first, *second = (_AREAS[finish] * table.influences() for table in tables)
        change = first - second[0] if second else first
        variance = float((change * change).sum())
        return Spread(variance, rows - 1, _one_row(finish, tables[0].whole, True, variance))
    random = np.random.default_rng(_SEED)

    def value(times: Floats) -> float:
        first, *second = (finish(table.drawn(times)) for table in tables)
        return first - second[0] if second else first

    values = [value(random.poisson(1.0, len(weight)).astype(np.float64)) for _ in range(replicates)]
    return spread_of(values, value(np.ones(len(weight))), rows)


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
    return spread_of(values, math.nan, _equal_rows(models[0].weight))._replace(bias=0.0)


class _Regrouped:
    """The cells that rows add to, so that sums with other weights come quickly."""

    def __init__(self, source: CellSource, columns: Columns, rows: float) -> None:
        cells = source.cells(columns)
        shape = cells.group.shape
        score = np.zeros(shape) if cells.score is None else np.broadcast_to(cells.score, shape)
        order = np.lexsort((score.reshape(-1), cells.group.reshape(-1)))
        group, score = cells.group.reshape(-1)[order], score.reshape(-1)[order]
        starts = np.diff(group, prepend=-1) != 0
        starts[1:] |= np.diff(score) != 0
        self._several = shape[1]
        self._row = order // shape[1]
        weighted = np.where(cells.counts[:, np.newaxis, np.newaxis], cells.values, 0.0)
        self._values = weighted.reshape(-1, cells.values.shape[2])[order]
        self._at = np.cumsum(starts) - 1
        self._group, self._score = group[starts], score[starts]
        if cells.score is not None:
            together = _together(self._group, rows)
            self._at = (np.cumsum(together) - 1)[self._at]
            self._group, self._score = self._group[together], self._score[together]

    def drawn(self, times: Floats) -> Table:
        """The table in which each row stands so often."""
        return _without_empty(self._table(self._values * times[self._row][:, np.newaxis]))

    @property
    def whole(self) -> Table:
        """The table in which each row stands once."""
        sums = self._table(self._values)
        return sums._replace(squares=self._table(self._values**2).sums)

    def influences(self) -> Floats:
        """How much each row changes the mean of the areas under the groups' ROC curves, float64 [rows]."""
        slopes = ranking.influences(self.whole)
        changes: Floats = np.bincount(self._row, (slopes[self._at] * self._values).sum(axis=1)).astype(np.float64)
        return changes

    def _table(self, values: Floats) -> Table:
        columns = [np.bincount(self._at, column, len(self._group)).astype(np.float64) for column in values.T]
        sums = np.stack(columns, axis=1)
        return Table(self._group, self._score, sums, sums)


def _equal_rows(weight: Floats) -> float:
    """As many rows of equal weight say as much about a mean (Kish, Survey Sampling, 1965)."""
    square = float((weight * weight).sum())
    return float(weight.sum()) ** 2 / square if square else 0.0


def _by_tangent(finish: Finish, table: Table) -> float:
    """The variance by the delta method, cells being independent."""
    variance = 0.0
    for cell, column in np.ndindex(table.sums.shape):
        square = float(table.squares[cell, column])
        step = np.zeros_like(table.sums)
        step[cell, column] = _STEP * math.sqrt(square)
        above, below = (finish(table._replace(sums=table.sums + way * step)) for way in (1, -1))
        # The slope squared, times the square.
        variance += ((above - below) / (2 * _STEP)) ** 2 if square else 0.0
    return variance


def _without_empty(table: Table) -> Table:
    """The table without the cells that no row is in: metrics see none otherwise."""
    some = table.sums.any(axis=1)
    return Table(table.group[some], table.score[some], table.sums[some], table.squares[some])


def _together(group: Whole, rows: float) -> NDArray[np.bool_]:
    """Where sums of neighbours begin, when there are to be no more than so many rows need, bool [cells]."""
    most = max(LEAST_CELLS, int(min(_FINENESS * math.sqrt(rows), len(group))))
    number = np.arange(len(group)) * most // max(len(group), most)
    return (np.diff(number, prepend=-1) != 0) | (np.diff(group, prepend=-1) != 0)


def _coarse(table: Table, rows: float) -> Table:
    """The table with neighbours in score put together, where it has many cells."""
    starts = np.flatnonzero(_together(table.group, rows))
    if len(starts) == len(table.group):
        return table
    weight = table.sums.sum(axis=1)
    return Table(
        table.group[starts],
        np.add.reduceat(table.score * weight, starts) / np.add.reduceat(weight, starts),
        np.add.reduceat(table.sums, starts),
        np.add.reduceat(table.squares, starts),
    )


def _with_one_mistake(table: Table, weight: float) -> Iterator[Table]:
    """The confusion matrix with one more row, which is answered wrong."""
    for group in confusion.mistaken(table) if len(table.group) else ():
        groups: Whole = np.append(table.group, group)
        order = np.argsort(groups, kind="stable")
        sums = np.concatenate([table.sums, [[weight]]])[order]
        yield Table(groups[order], np.zeros(len(groups)), sums, sums)


def _with_one_score(table: Table, weight: float) -> Iterator[Table]:
    """The table with one more row, at the worst place for one kind of metric or the other."""
    if not len(table.group):
        return
    last = np.append(np.diff(table.group) != 0, True)
    first = np.roll(last, 1)
    for cells, behind, beyond in ((first, 0, -math.inf), (last, 1, math.inf)):
        for cell in np.flatnonzero(cells).tolist():
            score = np.insert(table.score, cell + behind, np.nextafter(table.score[cell], beyond))
            groups: Whole = np.insert(table.group, cell + behind, table.group[cell])
            for column in range(table.sums.shape[1]):
                row = np.zeros(table.sums.shape[1])
                row[column] = weight
                sums = np.insert(table.sums, cell + behind, row, axis=0)
                yield Table(groups, score, sums, sums)
