"""Of many test splits drawn from one distribution, 95 % intervals have the true value inside in about 95 %.

`LOCKGATE_SOAK=20` draws so many times as many splits, so that the tolerance can be as narrow as it is meant.
"""

import math
import os
import zlib
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from components.evaluator.catalog import find
from components.evaluator.columns import Columns
from components.evaluator.config import MetricParameters, MetricSettings
from components.evaluator.folds import HeldRows
from components.evaluator.interval import Interval, Range, Spread, interval
from components.evaluator.measures import CellSource, Measure, RowSource, class_measures, measures
from components.evaluator.moments import MomentFold
from components.evaluator.own_metric import value_of
from components.evaluator.resampling import Redrawn, held_spread, own_spread
from components.evaluator.tally import Tally
from preprocessing.config import Task

SOAK = int(os.environ.get("LOCKGATE_SOAK", "1"))
REPLICATES = 100
TRUE_ROWS = 400_000
PARAMETERS = MetricParameters(precision=0.7, recall=0.7, within_percent=10)
Random = np.random.Generator
Pair = tuple[Columns, Columns]


def binary(random: Random, rows: int, weighted: bool) -> Pair:
    """A third of the rows is positive; the champion sees the same evidence with more noise."""
    y = (random.random(rows) < 1 / 3).astype(float)
    evidence = 1.6 * y + random.normal(size=rows)
    return _pair(
        random, y, weighted, *(_sigmoid(1.3 * (evidence + noise * random.normal(size=rows)) - 1.6) for noise in (0, 0.5))
    )


def multiclass(random: Random, rows: int, weighted: bool) -> Pair:
    """Three classes of different sizes."""
    y = random.choice(3, rows, p=[0.5, 0.3, 0.2])
    evidence = 1.7 * np.eye(3)[y] + random.normal(size=(rows, 3))
    answers = []
    for noise in (0, 0.5):
        powers = np.exp(1.5 * (evidence + noise * random.normal(size=(rows, 3))))
        answers.append(powers / powers.sum(axis=1, keepdims=True))
    return _pair(random, y.astype(float), weighted, *answers)


def regression(random: Random, rows: int, weighted: bool) -> Pair:
    """Labels between about 50 and 110, errors of the usual shape."""
    x = random.normal(size=rows)
    y = 80 + 8 * x + 6 * random.normal(size=rows)
    return _pair(random, y, weighted, 80.5 + 8 * x, 80 + 7 * x + 2 * random.normal(size=rows))


DRAW: dict[Task, Callable[[Random, int, bool], Pair]] = {
    "binary": binary,
    "multiclass": multiclass,
    "regression": regression,
}


def _pair(random: Random, y: np.ndarray, weighted: bool, candidate: np.ndarray, champion: np.ndarray) -> Pair:
    weight = random.choice([0.0, 0.5, 1.0, 3.0], len(y)) if weighted else np.ones(len(y))
    # Models answer in float32.
    rounded = (answer.astype(np.float32).astype(float) for answer in (candidate, champion))
    return Columns(y, next(rounded), weight), Columns(y, next(rounded), weight)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def all_measures(task: Task) -> dict[str, Measure]:
    every = measures(MetricSettings(task=task, parameters=PARAMETERS))
    return every | (class_measures(2, "c") if task == "multiclass" else {})


def sums_of(measure: Measure, columns: Columns) -> object:
    """What the metric is made of, added up without Beam."""
    if isinstance(measure.source, RowSource):
        return {name: float(values.sum()) for name, values in measure.source.summands(columns).items()}
    cells = measure.source.cells(columns)
    tally = Tally.of(cells)
    rows = np.arange(len(cells.counts))
    tally.add(cells, rows, np.zeros_like(rows))
    return tally.table(0)


def values(every: Mapping[str, Measure], columns: Columns) -> dict[str, float]:
    cache: dict[str, object] = {}
    for measure in every.values():
        if measure.source.name not in cache:
            cache[measure.source.name] = sums_of(measure, columns)
    return {name: measure.finish(cache[measure.source.name]) for name, measure in every.items()}


def spread(measure: Measure, models: tuple[Columns, ...], redrawn: dict[str, Redrawn]) -> Spread:
    source = measure.source
    if isinstance(source, RowSource):
        fold = MomentFold(source.summands)
        return fold.of(fold.matrix(models)).spread(measure.finish, range(len(models)))
    if len(models) == 2 or source.name == "class_scores":
        held = HeldRows(len(models))
        return held_spread(source, measure.finish, held.output(held.of(held.matrix(models))), REPLICATES)
    if source.name not in redrawn:
        redrawn[source.name] = Redrawn(sums_of(measure, models[0]), REPLICATES)
    return redrawn[source.name].spread(measure.finish)


def coverage(
    task: Task, rows: int, weighted: bool, splits: int, wanted: Callable[[Measure], bool], paired: bool = False
) -> dict[str, float]:
    """By metric, the share of splits whose interval has the true value inside."""
    every = {name: measure for name, measure in all_measures(task).items() if wanted(measure)}
    of_models = [values(every, columns) for columns in DRAW[task](np.random.default_rng(7), TRUE_ROWS, False)]
    truth = {name: of_models[0][name] - (of_models[1][name] if paired else 0.0) for name in every}
    random = np.random.default_rng(zlib.crc32(f"{task} {rows} {weighted} {paired}".encode()))
    inside = dict.fromkeys(every, 0)
    for _ in range(splits):
        models = DRAW[task](random, rows, weighted)[: 2 if paired else 1]
        points = [values(every, columns) for columns in models]
        redrawn: dict[str, Redrawn] = {}
        for name, measure in every.items():
            metric = find(task, name)
            assert metric is not None
            limits = Range(-math.inf, math.inf) if paired else Range.of(metric.range)
            point = points[0][name] - (points[1][name] if paired else 0.0)
            ends = interval(point, spread(measure, models, redrawn), limits, 0.95)
            assert ends is not None, (name, point)
            assert ends.low <= point <= ends.high
            inside[name] += ends.low <= truth[name] <= ends.high
    return {name: count / splits for name, count in inside.items()}


def assert_covered(shares: dict[str, float], splits: int) -> None:
    """Between 93 and 97 %, three standard deviations of a share of so many splits aside."""
    slack = 3 * math.sqrt(0.95 * 0.05 / splits)
    wrong = {name: share for name, share in shares.items() if not 0.93 - slack <= share <= 0.97 + slack}
    assert not wrong


def of_rows(measure: Measure) -> bool:
    return isinstance(measure.source, RowSource)


def of_cells(measure: Measure) -> bool:
    return isinstance(measure.source, CellSource)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_metrics_that_are_sums_over_rows(task: Task, weighted: bool) -> None:
    splits = 150 * SOAK
    assert_covered(coverage(task, 300, weighted, splits, of_rows), splits)


@pytest.mark.parametrize(("task", "weighted"), [("binary", True), ("multiclass", False), ("regression", True)])
def test_metrics_that_are_sums_by_score(task: Task, weighted: bool) -> None:
    splits = 40 * SOAK
    assert_covered(coverage(task, 300, weighted, splits, of_cells), splits)
