"""Of many test splits drawn from one distribution, 95 % intervals have the true value inside in about 95 %.

`LOCKGATE_SOAK=20` draws so many times as many splits, so that the tolerance can be as narrow as it is meant.
"""

import math
import os
import zlib
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy import stats

from components.evaluator import ranking
from components.evaluator.catalog import find
from components.evaluator.columns import Columns
from components.evaluator.confidence import limits_of
from components.evaluator.config import MetricParameters, MetricSettings
from components.evaluator.folds import HeldRows
from components.evaluator.interval import Range, Spread, interval
from components.evaluator.measures import CellSource, Measure, RowSource, class_measures, measures
from components.evaluator.moments import MomentFold
from components.evaluator.resampling import Redrawn, held_spread
from components.evaluator.tally import Tally
from preprocessing.config import Task

SOAK = int(os.environ.get("LOCKGATE_SOAK", "1"))
REPLICATES = 100
TRUE_ROWS = 150_000
PARAMETERS = MetricParameters(precision=0.7, recall=0.7, within_percent=10)
Random = np.random.Generator
Pair = tuple[Columns, Columns]


def binary(random: Random, rows: int, weighted: bool) -> Pair:
    """A third of the rows is positive; the champion sees the same evidence with more noise."""
    y = (random.random(rows) < 1 / 3).astype(float)
    evidence = 1.6 * y + random.normal(size=rows)
    return _pair(
        random,
        y,
        weighted,
        *(_sigmoid(1.3 * (evidence + noise * random.normal(size=rows)) - 1.6) for noise in (0, 0.5)),
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


def spread(measure: Measure, models: tuple[Columns, ...]) -> Spread:
    source = measure.source
    if isinstance(source, RowSource):
        fold = MomentFold(source.summands)
        return fold.of(fold.matrix(models)).spread(measure.finish, range(len(models)))
    if len(models) == 2 or source.name == "class_scores":
        held = HeldRows(len(models))
        return held_spread(source, measure.finish, held.output(held.of(held.matrix(models))), REPLICATES)
    return Redrawn(sums_of(measure, models[0]), source.scored, [measure.finish], REPLICATES).spread(measure.finish)


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
        for name, measure in every.items():
            limits = Range(-math.inf, math.inf) if paired else limits_of(find(task, name))
            point = points[0][name] - (points[1][name] if paired else 0.0)
            ends = interval(point, spread(measure, models), limits, 0.95)
            assert ends is not None
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
    assert_covered(coverage(task, 500, weighted, splits, of_rows), splits)


@pytest.mark.parametrize(("task", "weighted"), [("binary", True), ("multiclass", False), ("regression", True)])
def test_metrics_that_are_sums_by_score(task: Task, weighted: bool) -> None:
    splits = 25 * SOAK
    assert_covered(coverage(task, 400, weighted, splits, of_cells), splits)


@pytest.mark.parametrize(("task", "weighted"), [("binary", False), ("multiclass", True), ("regression", False)])
def test_changes_against_a_champion_on_the_same_rows(task: Task, weighted: bool) -> None:
    splits = 100 * SOAK
    assert_covered(coverage(task, 300, weighted, splits, of_rows, paired=True), splits)


def test_the_change_of_an_area_under_a_curve() -> None:
    splits = 100 * SOAK
    shares = coverage("binary", 300, True, splits, lambda measure: measure.finish is ranking.auc, paired=True)
    assert_covered(shares, splits)


@pytest.mark.parametrize("right", [12, 40])
def test_a_share_of_all_rows_is_not_certain(right: int) -> None:
    rows = Columns(np.ones(right), np.full(right, 0.9), np.ones(right))
    recall = all_measures("binary")["recall"]
    ends = interval(1.0, spread(recall, (rows,)), Range(0, 1), 0.95)
    assert ends is not None
    assert ends.high == 1
    # Wilson's interval with Student's t; that of Clopper and Pearson begins at 0.025 ** (1 / rows).
    assert ends.low == pytest.approx(right / (right + stats.t.ppf(0.975, right - 1) ** 2), rel=1e-2)
    assert ends.low == pytest.approx(0.025 ** (1 / right), abs=0.06)


def test_an_area_of_1_is_not_certain() -> None:
    y = np.repeat([0.0, 1.0], [30, 20])
    area = all_measures("binary")["auc"]
    ends = interval(1.0, spread(area, (Columns(y, y * 0.5 + 0.25, np.ones(50)),)), Range(0, 1), 0.95)
    assert ends is not None
    assert 0.7 < ends.low < 0.9
    assert ends.high == 1


def test_of_too_many_answers_no_rows_are_held() -> None:
    [rows] = multiclass(np.random.default_rng(6), 30, False)[:1]
    for most, kept in ((90, True), (89, False)):
        held = HeldRows(1, most)
        states = [held.of(held.matrix([rows])[part]) for part in (slice(0, 10), slice(10, 30))]
        for state in (held.merged(*states), held.merged(*reversed(states)), held.of(held.matrix([rows]))):
            assert (held.output(state) is not None) is kept


@pytest.mark.parametrize("wrong", [0, 3])
def test_a_percentage_has_the_interval_of_its_share(wrong: int) -> None:
    label = np.full(40, 100.0)
    rows = Columns(label, np.where(np.arange(40) < wrong, 200.0, 100.0), np.ones(40))
    right = Columns(np.zeros(40), np.eye(3)[(np.arange(40) < wrong).astype(int)], np.ones(40))
    close, accuracy = all_measures("regression")["within_percent"], all_measures("multiclass")["accuracy"]
    share = 1 - wrong / 40
    of_close = interval(100 * share, spread(close, (rows,)), Range(0, 100), 0.95)
    of_share = interval(share, spread(accuracy, (right,)), Range(0, 1), 0.95)
    assert of_close is not None
    assert of_share is not None
    assert of_close == pytest.approx((100 * of_share.low, 100 * of_share.high))


@pytest.mark.parametrize("away", [1013.0, 5_000.0])
def test_the_explained_share_varies_as_much_wherever_labels_are(away: float) -> None:
    random = np.random.default_rng(4)
    y = 10 * random.normal(size=500)
    p = 0.9 * y + 4 * random.normal(size=500)
    r2 = all_measures("regression")["r2"]
    near, far = (spread(r2, (Columns(y + to, p + to, np.ones(500)),)) for to in (0.0, away))
    # From the influences of single rows: those on the mean square of errors, and on the variance of labels.
    error, centred = (y - p) ** 2, (y - y.mean()) ** 2
    influences = -error / centred.mean() + error.mean() * centred / centred.mean() ** 2
    assert near.variance == pytest.approx(influences.var(ddof=1) / 500, rel=1e-3)
    assert far.variance == pytest.approx(near.variance, rel=1e-2)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_scores_that_are_all_0_are_scores(task: Task) -> None:
    y = np.repeat([0.0, 1.0], [30, 20]) if task == "binary" else np.arange(50.0)
    rows = Columns(y, np.zeros(50) if task == "binary" else y, np.ones(50))
    every = {name: measure for name, measure in all_measures(task).items() if of_cells(measure)}
    for name, point in values(every, rows).items():
        found = spread(every[name], (rows,))
        limits = limits_of(find(task, name))
        ends = interval(point, found, limits, 0.95)
        assert ends is not None, name
        assert limits.low <= ends.low <= point <= ends.high, name


def test_a_few_rows_say_nothing() -> None:
    rows = Columns(np.arange(8.0), np.arange(8.0) + 1 / np.arange(1, 9), np.ones(8))
    assert interval(0.3, spread(all_measures("regression")["mae"], (rows,)), Range(0, math.inf), 0.95) is None


def test_a_mean_has_the_interval_of_students_t() -> None:
    random = np.random.default_rng(2)
    error = random.normal(size=40)
    moved = error + 0.1 * random.normal(size=40)
    models = tuple(Columns(np.zeros(40), each, np.ones(40)) for each in (error, moved))
    mae = all_measures("regression")["mae"]
    change = abs(error) - abs(moved)
    ends = interval(change.mean(), spread(mae, models), Range(-math.inf, math.inf), 0.9)
    assert ends == pytest.approx(stats.ttest_1samp(change, 0).confidence_interval(0.9), rel=1e-4)


def test_the_area_varies_as_delong_says() -> None:
    random = np.random.default_rng(3)
    y = np.repeat([0.0, 1.0], [40, 25])
    p = (y + random.normal(size=65)).round(1)  # with ties
    order = (p[y == 1][:, None] > p[y == 0]) + 0.5 * (p[y == 1][:, None] == p[y == 0])
    expected = order.mean(axis=1).var() / 25 + order.mean(axis=0).var() / 40
    area = all_measures("binary")["auc"]
    models = (Columns(y, p, np.ones(65)),)
    assert spread(area, models).variance == pytest.approx(expected)
    assert held_spread(area.source, area.finish, models, 20).variance == pytest.approx(expected)
    twice = (*models, models[0])
    assert held_spread(area.source, area.finish, twice, 20).variance == 0
