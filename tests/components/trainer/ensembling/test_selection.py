"""Greedy selection beside a bag of models that is counted by hand, and beside every mixture there is."""

import itertools
import math

import numpy as np
import pytest

from components.trainer.ensembling.answers import as_averaged, as_outputs
from components.trainer.ensembling.selection import greedy


def by_the_book(answers: list[np.ndarray], labels: np.ndarray, rounds: int) -> list[float]:
    """The paper's procedure with a plain list of models, for the squared error."""

    def error(bag: list[int]) -> float:
        return float(np.mean((np.mean([answers[each] for each in bag], axis=0) - labels) ** 2))

    bag = sorted(range(len(answers)), key=lambda each: error([each]))[:2]
    bags = [list(bag)]
    while len(bag) < rounds:
        bag = min(([*bag, each] for each in range(len(answers))), key=error)
        bags.append(list(bag))
    best = min(bags, key=error)
    return [best.count(each) / len(best) for each in range(len(answers))]


@pytest.mark.parametrize("seed", range(6))
def test_the_weights_are_those_of_the_best_bag(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.normal(size=200)
    answers = [
        labels + random.normal(scale=scale, size=200) + bias for scale, bias in [(1, 0), (1.2, 0.3), (0.9, -0.4)]
    ]

    def judge(average: np.ndarray) -> float:
        return float(np.mean((average - labels) ** 2))

    weights = greedy(answers, judge, 20, higher=False)
    assert weights == pytest.approx(by_the_book(answers, labels, 20), abs=1e-12)
    assert sum(weights) == pytest.approx(1)
    # Of a convex error every mixture of twentieths is hardly better.
    grid = [shares for shares in itertools.product(range(21), repeat=3) if sum(shares) == 20]
    mixed = [judge(sum(share / 20 * each for share, each in zip(shares, answers, strict=True))) for shares in grid]
    found = judge(sum(weight * each for weight, each in zip(weights, answers, strict=True)))
    assert found <= min(mixed) * 1.02


def test_a_perfect_member_keeps_the_second_best_at_the_least_weight() -> None:
    labels = np.arange(4.0)
    answers = [labels + 5, labels, labels + 1]
    weights = greedy(answers, lambda average: float(np.abs(average - labels).mean()), 10, higher=False)
    assert weights == pytest.approx([0, 0.9, 0.1])


def test_more_may_be_better_and_what_is_no_number_is_worst() -> None:
    values = {1.0: 0.5, 2.0: math.nan, 4.0: 0.9, 2.5: 0.95}  # 2.5 is the average of the first and the third one
    answers = [np.array(each) for each in (1.0, 2.0, 4.0)]
    assert greedy(answers, lambda average: values.get(float(average), 0.1), 8, higher=True) == [0.5, 0, 0.5]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_outputs_become_what_is_averaged_and_back(task: str) -> None:
    raw = np.array([[2.0, -1.0, 0.5], [-3.0, 4.0, 0.0]])[:, : 3 if task == "multiclass" else 1]
    averaged = as_averaged(task, raw)
    shares = {
        "binary": 1 / (1 + np.exp(-raw)),
        "multiclass": np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True),
        "regression": raw,
    }[task]
    np.testing.assert_allclose(averaged, shares, rtol=1e-12)
    np.testing.assert_allclose(as_averaged(task, as_outputs(task, averaged)), averaged, rtol=1e-9)
    sure = as_outputs(task, as_averaged(task, np.where(raw > 0, 800.0, -800.0)))
    assert np.isfinite(sure).all()
