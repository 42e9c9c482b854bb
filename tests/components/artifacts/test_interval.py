"""Intervals hold the share of new rows that they promise, and are the order statistics of the literature."""

import math

import numpy as np
import pytest

from components.artifacts.interval import Residuals


def test_the_half_width_is_the_residual_of_the_rank_of_the_literature() -> None:
    labels = np.array([3.0, -1.0, 4.0, 1.5, -9.0, 2.0, 6.0, -5.0, 7.0])
    found = Residuals.of(labels, np.zeros(9), "none", "test")
    # ceil(10 * level) of the absolute values, from the smallest.
    assert [found.half_width(level) for level in (0.05, 0.5, 0.51, 0.9)] == [1.0, 4.0, 5.0, 9.0]
    assert found.half_width(0.91) is None


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_new_rows_are_inside_as_often_as_promised(level: float) -> None:
    random = np.random.default_rng(3)

    def noisy(rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Prices whose logarithm the model knows but for noise with one long tail, and a model that is off besides."""
        known = random.normal(2, 1, rows)
        noise = random.exponential(0.5, rows) - 0.3
        return known + noise, np.exp(known + 0.1).astype(np.float32)

    shares, rows = [], 2000
    for _ in range(50):
        labels, answers = noisy(rows)
        found = Residuals.of(labels, answers, "log", "test")
        half_width = found.half_width(level)
        assert half_width is not None
        labels, answers = noisy(rows)
        low, high = found.ends(answers, half_width)
        shares.append(np.mean((low <= np.exp(labels)) & (np.exp(labels) <= high)))
    # Each share varies by calibration and by rows; their mean by a seventh of that.
    error = math.sqrt(2 * level * (1 - level) / rows / len(shares))
    assert level - 4 * error < np.mean(shares) < level + 4 * error + 0.002


def test_ends_are_in_the_units_of_the_label_and_lean_as_its_scale_does() -> None:
    found = Residuals.of(np.log1p([0.0, 1.0, 3.0]), np.array([0.0, 3.0, 3.0]), "log1p", "test")
    assert found.residuals == pytest.approx((0, 0, math.log(2)))
    low, high = found.ends(np.array([3.0], np.float32), math.log(2))
    assert (low.tolist(), high.tolist()) == (pytest.approx([1.0]), pytest.approx([7.0]))
    assert low.dtype == high.dtype == np.float32


def test_an_answer_that_is_not_a_number_counts_as_far_away() -> None:
    found = Residuals.of(np.ones(4), np.array([1.0, math.nan, 2.0, math.inf]), "none", "test")
    assert (found.rows, found.residuals) == (4, (0.0, 1.0))
    assert [found.half_width(level) for level in (0.2, 0.4, 0.6)] == [0.0, 1.0, None]
    assert Residuals.of(np.ones(0), np.ones(0), "none", "test").half_width(0.5) is None


def test_of_many_rows_some_ranks_are_kept_and_none_in_between_is_too_narrow() -> None:
    rows = 20_001
    found = Residuals.of(np.arange(1.0, rows + 1), np.zeros(rows), "none", "test")
    assert len(found.ranks) == 1000
    for level in (0.001, 0.5, 0.9, 0.9999):
        exact, got = math.ceil((rows + 1) * level), found.half_width(level)
        assert got is not None
        assert exact <= got <= exact + rows / 1000 + 1
