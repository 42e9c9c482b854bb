"""The gain over the answer without features, beside the textbook's paired t-test."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from components.artifacts.golden import TrivialAnswer
from components.evaluator.gain import GainSums, losses, t_quantile


def sums_of(gains: Sequence[float], weights: Sequence[float] | None = None) -> GainSums:
    total = GainSums()
    for gain, w in zip(gains, weights or [1.0] * len(gains), strict=True):
        total = total.plus(GainSums(w, w * w, w * gain, w * w * gain, w * w * gain * gain, w * 2.0))
    return total


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
    both = losses("binary", TrivialAnswer(answer=(0.8, 0.2), error="log_loss"))
    assert both(np.array([1.0]), np.array([0.6])) == pytest.approx((-math.log(0.2), -math.log(0.6)))
    assert both(np.array([0.0]), np.array([0.6])) == pytest.approx((-math.log(0.8), -math.log(0.4)))
    both = losses("multiclass", TrivialAnswer(answer=(0.5, 0.3, 0.2), error="log_loss"))
    assert both(np.array([1]), np.array([0.1, 0.7, 0.2])) == pytest.approx((-math.log(0.3), -math.log(0.7)))


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
    both = losses("regression", TrivialAnswer(answer=(5.0,), transform=transform, error=error))  # type: ignore[arg-type]
    assert both(np.array([8.0]), np.array([6.0])) == pytest.approx(expected)


def test_labels_that_the_scale_lacks_do_not_count_and_predictions_that_it_lacks_do() -> None:
    logarithm = losses("regression", TrivialAnswer(answer=(5.0,), transform="log", error="squared"))
    assert logarithm(np.array([0.0]), np.array([6.0])) is None
    assert logarithm(np.array([math.nan]), np.array([6.0])) is None
    lost = logarithm(np.array([1.0]), np.array([-3.0]))
    assert lost is not None
    assert lost[1] > 1000
    unanswered = logarithm(np.array([1.0]), np.array([math.nan]))
    assert unanswered is not None
    assert math.isnan(unanswered[1])
