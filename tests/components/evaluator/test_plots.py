"""Curves, histograms and quantiles from sums by score, beside scikit-learn and NumPy."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import calibration, metrics

from components.artifacts.curves import BINS, POINTS, QUANTILES, Range
from components.evaluator import plots, ranking
from components.evaluator.columns import Columns
from components.evaluator.tally import EMPTY, Cells, Table, Tally

Floats = NDArray[np.float64]


def table_of(cells: Cells) -> Table:
    tally = Tally.of(cells)
    rows = np.arange(len(cells.counts))
    tally.add(cells, rows, np.zeros_like(rows))
    return tally.table(0)


def scored(rows: int, digits: int = 9) -> tuple[Floats, Floats, Floats]:
    """Labels, probabilities that know of them, and weights, some of which are 0."""
    random = np.random.default_rng(rows)
    label = (random.random(rows) < 0.3).astype(np.float64)
    probability = 1 / (1 + np.exp(-random.normal(2 * label - 1.5, 1.2)))
    probability = np.round(probability, digits).astype(np.float32).astype(np.float64)
    return label, probability, random.choice([0.0, 0.5, 1.0, 3.0], rows)


@pytest.mark.parametrize(("rows", "digits"), [(60, 9), (500, 1), (4000, 9)])
def test_each_threshold_is_a_point_of_both_curves(rows: int, digits: int) -> None:
    label, probability, weight = scored(rows, digits)
    found = plots.at_thresholds(table_of(ranking.scores(Columns(label, probability, weight))), also=(0.123,)).matrices
    assert len(found) <= POINTS
    assert {0.05, 0.5, 0.95, 0.123} <= {each.threshold for each in found}
    for each in found:
        answer = probability > each.threshold
        expected = metrics.confusion_matrix(label, answer, sample_weight=weight, labels=[0, 1])
        got = [each.true_negatives, each.false_positives, each.false_negatives, each.true_positives]
        assert got == pytest.approx(expected.ravel(), abs=1e-9)
        assert each.recall == pytest.approx(metrics.recall_score(label, answer, sample_weight=weight))
        precision = metrics.precision_score(label, answer, sample_weight=weight, zero_division=0.0)
        assert each.precision == pytest.approx(precision)


def test_few_scores_give_the_whole_curve_and_many_nearly_the_area() -> None:
    for rows, digits, tolerance in ((500, 2, 1e-9), (20_000, 9, 1e-3)):
        label, probability, weight = scored(rows, digits)
        found = plots.at_thresholds(table_of(ranking.scores(Columns(label, probability, weight)))).matrices
        points = sorted(
            (each.false_positives / (each.false_positives + each.true_negatives), each.recall) for each in found
        )
        x, y = np.array(points).T
        area = metrics.roc_auc_score(label, probability, sample_weight=weight)
        assert metrics.auc(x, y) == pytest.approx(area, abs=tolerance)
        assert (x.min(), x.max()) == (0, 1)


def test_calibration_is_that_of_scikit_learn() -> None:
    label, probability, weight = scored(3000)
    every = np.ones_like(weight)
    found = plots.probabilities(table_of(ranking.scores(Columns(label, probability, every)))).buckets
    inside = [each for each in found[1:-1] if each.num_weighted_examples.value]
    shares = [each.total_weighted_label.value / each.num_weighted_examples.value for each in inside]
    means = [each.total_weighted_refined_prediction.value / each.num_weighted_examples.value for each in inside]
    # Where a probability is an edge the two differ; here none is.
    expected = calibration.calibration_curve(label, probability, n_bins=BINS)
    assert shares == pytest.approx(expected[0])
    assert means == pytest.approx(expected[1])
    weighted = plots.probabilities(table_of(ranking.scores(Columns(label, probability, weight)))).buckets
    histogram = np.histogram(probability, BINS, (0, 1), weights=weight)[0]
    assert [each.num_weighted_examples.value for each in weighted[1:-1]] == pytest.approx(histogram)


def test_the_largest_classes_are_chosen_and_each_has_its_part() -> None:
    random = np.random.default_rng(5)
    label = random.choice(40, 900, p=np.arange(1, 41) / np.arange(1, 41).sum()).astype(np.float64)
    probability = random.dirichlet(np.ones(40), 900).astype(np.float32).astype(np.float64)
    table = table_of(ranking.class_scores(Columns(label, probability, np.ones(900))))
    sizes = np.bincount(label.astype(int), minlength=40)
    chosen = plots.largest(table)
    assert len(chosen) == 30
    assert min(sizes[chosen]) >= max(sizes[[each for each in range(40) if each not in chosen]])
    part = plots.of_group(table, 39)
    assert part.sums.sum(axis=0) == pytest.approx([sizes[39], 900 - sizes[39]])
    assert set(part.score) == set(probability[:, 39])


def test_scores_that_are_not_numbers_and_no_rows_are_left_out() -> None:
    columns = Columns(np.array([1.0, 0.0, 1.0]), np.array([0.7, math.nan, 0.2]), np.ones(3))
    part = plots.of_group(table_of(ranking.scores(columns)), 0)
    assert part.score == pytest.approx([0.2, 0.7])
    nothing = plots.of_group(EMPTY, 0)
    assert len(plots.at_thresholds(nothing).matrices) == 0
    assert sum(each.num_weighted_examples.value for each in plots.probabilities(nothing).buckets) == 0
    assert len(plots.errors(nothing).buckets) == len(plots.error_quantiles(nothing).buckets) == 0


def test_errors_and_their_quantiles_are_those_of_numpy() -> None:
    random = np.random.default_rng(7)
    label = random.normal(10, 3, 2000)
    prediction = (label + random.standard_t(3, 2000)).astype(np.float64)
    weight = random.choice([0, 1, 2, 5], 2000)
    table = plots.of_group(table_of(plots.signed_errors(Columns(label, prediction, weight.astype(np.float64)))), 0)
    errors = np.repeat(prediction - label, weight)  # a weight of 2 is a row that is there twice
    expected = [np.quantile(errors, each, method="inverted_cdf") for each in QUANTILES]
    between = plots.error_quantiles(table).buckets
    assert [each.lower_threshold_inclusive for each in between[1:]] == pytest.approx(expected, rel=1e-5)
    found = plots.errors(table).buckets
    counted = [each.num_weighted_examples.value for each in found]
    # NumPy's last range has its upper end in it.
    below = errors[errors < expected[-1] - 1e-6]
    histogram = np.histogram(below, BINS, (expected[0], expected[-1]))[0]
    assert sum(counted) == len(errors)
    # Errors are kept as float32, which may move one over an edge.
    assert np.abs(np.array(counted[1:-1]) - histogram).sum() <= 4


@pytest.mark.parametrize("transform", ["none", "log1p", "log"])
def test_the_grid_is_a_histogram_on_the_scale_of_the_label(transform: str) -> None:
    random = np.random.default_rng(8)
    label = random.lognormal(2, 1, 800)
    prediction, weight = label * random.lognormal(0, 0.3, 800), random.choice([0.0, 1.0, 2.5], 800)
    prediction[3] = math.nan
    edges = Range(low=float(label.min()), high=float(np.quantile(label, 0.9)), transform=transform).edges()
    scale: Any = {"none": np.asarray, "log": np.log, "log1p": np.log1p}[transform]
    assert np.diff(scale(edges)) == pytest.approx(np.diff(scale(edges))[0])
    bins = len(edges) - 1
    cells = plots.grid(np.array(edges), Columns(label, prediction, weight))
    [matrix] = plots.against(table_of(cells), bins).matrices
    inner = np.array([-np.inf, *edges[1:-1], np.inf])
    kept = ~np.isnan(prediction)
    expected = np.histogram2d(label[kept], prediction[kept], [inner, inner], weights=weight[kept])[0]
    found = np.zeros((bins, bins))
    for each in matrix.entries:
        found[each.actual_class_id, each.predicted_class_id] = each.num_weighted_examples
    assert found == pytest.approx(expected)


def test_a_range_without_a_logarithm_or_without_length_is_plain() -> None:
    from components.artifacts.golden import TrivialAnswer

    trivial = TrivialAnswer(answer=(1.0,), transform="log1p", error="squared")
    assert Range.of((-2.0, 5.0), trivial).transform == "none"
    assert Range.of((0.0, 5.0), trivial).transform == "log1p"
    assert Range.of((3.0, 3.0), None).edges()[-1] > 3.0
