"""The gain over the answer without features, beside the textbook's paired t-test."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from components.artifacts.golden import TrivialAnswer
from components.evaluator.columns import Columns
from components.evaluator.gain import GainSums, LossPair, losses, summands, t_quantile
from preprocessing.config import Task


def sums_of(gains: Sequence[float], weights: Sequence[float] | None = None) -> GainSums:
    gain = np.array(gains, float)
    weight = np.array(weights or np.ones(len(gains)), float)
    columns = Columns(np.zeros(len(gains)), 2 - gain, weight)
    added = summands(lambda label, prediction: LossPair(label + 2, prediction), None, columns)
    return GainSums(**{name: values.sum() for name, values in added.items()})


def loss_of(task: Task, trivial: TrivialAnswer, label: float, prediction: Any) -> tuple[float, float] | None:
    """What one row loses, without features and by the model; None where it doesn't count."""
    pair = losses(task, trivial)(np.array([label], float), np.array([prediction], float))
    return (pair.trivial.item(), pair.model.item()) if np.all(pair.counts) else None


@pytest.mark.parametrize("degrees", [4, 9, 30, 68, 5000])
@pytest.mark.parametrize("probability", [0.9, 0.95, 0.99])
def test_quantiles_are_those_of_students_t(degrees: int, probability: float) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=0.02)


def test_the_bound_is_that_of_a_paired_t_test() -> None:
    random = np.random.default_rng(3)
    model, without = random.gamma(2, 0.3, 200), random.gamma(2, 0.35, 200)
    sums = sums_of((without - model).tolist())
    low = stats.ttest_rel(without, model).confidence_interval(0.9).low  # two-sided 90 %: one-sided 95 %
    assert sums.mean_gain() == pytest.approx((without - model).mean())
    assert sums.least_gain(0.95) == pytest.approx(low, rel=1e-4)


def test_a_weight_of_all_rows_changes_nothing_and_rows_of_weight_0_do_not_count() -> None:
    gains = [0.3, -0.1, 0.5, 0.2, 0.0, 0.4]
    plain = sums_of(gains).least_gain(0.95)
    assert sums_of(gains, [7.0] * 6).least_gain(0.95) == pytest.approx(plain)
    assert sums_of([*gains, 99.0], [7.0] * 6 + [0.0]).least_gain(0.95) == pytest.approx(plain)


def test_the_bound_of_weighted_rows_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    held = 0
    for _ in range(1000):
        weights = random.exponential(size=150)
        # A gain of 0.1 in all rows together, by weight: the heavy rows gain less.
        gains = 0.1 - 0.2 * (weights - 2) + random.normal(size=150)
        held += sums_of(gains.tolist(), weights.tolist()).least_gain(0.95) <= 0.1
    assert 0.93 <= held / 1000 <= 0.97  # of weights w, the mean of w * (w - 2) is 0


def test_too_few_rows_and_answers_that_are_not_numbers_have_no_bound() -> None:
    assert math.isnan(sums_of([0.5]).least_gain(0.95))
    assert math.isnan(GainSums().least_gain(0.95))
    assert math.isnan(sums_of([0.5, math.nan, 0.5]).least_gain(0.95))


def test_the_same_gain_in_every_row_is_certain() -> None:
    assert sums_of([0.25] * 9).least_gain(0.99) == pytest.approx(0.25)
    assert sums_of([0.0] * 9).least_gain(0.99) == 0.0


def test_classes_are_judged_by_their_log_loss() -> None:
    trivial = TrivialAnswer(answer=(0.8, 0.2), error="log_loss")
    assert loss_of("binary", trivial, 1.0, 0.6) == pytest.approx((-math.log(0.2), -math.log(0.6)))
    assert loss_of("binary", trivial, 0.0, 0.6) == pytest.approx((-math.log(0.8), -math.log(0.4)))
    trivial = TrivialAnswer(answer=(0.5, 0.3, 0.2), error="log_loss")
    assert loss_of("multiclass", trivial, 1, [0.1, 0.7, 0.2]) == pytest.approx((-math.log(0.3), -math.log(0.7)))


@pytest.mark.parametrize(
    ("transform", "error", "expected"),
    [
        ("none", "squared", (9.0, 4.0)),
        ("none", "absolute", (3.0, 2.0)),
        ("log", "squared", (math.log(8 / 5) ** 2, math.log(8 / 6) ** 2)),
        ("log1p", "squared", (math.log(9 / 6) ** 2, math.log(9 / 7) ** 2)),
        ("log", "absolute", (math.log(8 / 5), math.log(8 / 6))),
    ],
)
def test_numbers_are_judged_on_the_scale_of_the_training(
    transform: str, error: str, expected: tuple[float, float]
) -> None:
    trivial = TrivialAnswer(answer=(5.0,), transform=transform, error=error)  # type: ignore[arg-type]
    assert loss_of("regression", trivial, 8.0, 6.0) == pytest.approx(expected)


def test_labels_that_the_scale_lacks_do_not_count_and_predictions_that_it_lacks_do() -> None:
    logarithm = TrivialAnswer(answer=(5.0,), transform="log", error="squared")
    assert loss_of("regression", logarithm, 0.0, 6.0) is None
    assert loss_of("regression", logarithm, math.nan, 6.0) is None
    lost = loss_of("regression", logarithm, 1.0, -3.0)
    assert lost is not None
    assert lost[1] > 1000
    unanswered = loss_of("regression", logarithm, 1.0, math.nan)
    assert unanswered is not None
    assert math.isnan(unanswered[1])
