"""The learning rate at given steps, by hand."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from components.trainer.schedule import WarmupDecay


def rates(steps: Sequence[float], **options: Any) -> list[float]:
    defaults = {
        "name": "constant", "learning_rate": 0.1, "warmup_steps": 0, "total_steps": 100, "epoch_steps": 10,
        "decay_rate": 0.5, "final_fraction": 0.0,
    }  # fmt: skip
    schedule = WarmupDecay(**(defaults | options))
    return [float(np.asarray(schedule(step))) for step in steps]


def test_constant() -> None:
    assert rates([0, 1, 99, 1000]) == pytest.approx([0.1] * 4)


def test_warm_up_rises_linearly_to_the_rate() -> None:
    expected = [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]
    assert rates([0, 1, 2, 3, 4, 50], warmup_steps=4) == pytest.approx(expected)


def test_cosine_falls_from_the_rate_to_its_last_share() -> None:
    got = rates([0, 25, 50, 75, 100, 200], name="cosine")
    assert got == pytest.approx([0.1, 0.05 * (1 + math.sqrt(0.5)), 0.05, 0.05 * (1 - math.sqrt(0.5)), 0, 0], abs=1e-8)
    got = rates([0, 50, 100, 200], name="cosine", final_fraction=0.2)
    assert got == pytest.approx([0.1, 0.1 * (0.2 + 0.8 / 2), 0.02, 0.02])


def test_cosine_after_a_warm_up() -> None:
    # 20 steps of warm-up, then 80 steps of decay: half way at step 60.
    got = rates([0, 9, 19, 20, 60, 100], name="cosine", warmup_steps=20)
    assert got == pytest.approx([0.005, 0.05, 0.1, 0.1, 0.05, 0], abs=1e-8)


def test_exponential_multiplies_by_the_factor_in_each_epoch() -> None:
    assert rates([0, 10, 20, 5], name="exponential") == pytest.approx([0.1, 0.05, 0.025, 0.1 * math.sqrt(0.5)])


def test_exponential_after_a_warm_up() -> None:
    got = rates([4, 9, 10, 20, 30], name="exponential", warmup_steps=10)
    assert got == pytest.approx([0.05, 0.1, 0.1, 0.05, 0.025])


def test_coslog4_rises_and_falls_four_times_and_each_time_for_twice_as_long() -> None:
    # 150 steps after 20 of warm-up: it is back at 0 after 1, 3, 7 and 15 fifteenths, and at the rate where
    # log2(1 + 15t) is a half, one and a half and so on: t = (sqrt(2) - 1) / 15, (2 sqrt(2) - 1) / 15, ...
    options = {"name": "coslog4", "warmup_steps": 20, "total_steps": 170}
    assert rates([20, 30, 50, 90, 170, 500], **options) == pytest.approx([0] * 6, abs=1e-6)
    peaks = [20 + 10 * (math.sqrt(2) * 2**turn - 1) for turn in range(4)]
    assert rates(peaks, **options) == pytest.approx([0.1] * 4, abs=1e-6)
    # t = 1/5: log2(4) is 2; t = 1/60: log2(1.25) is 0.3219.
    assert rates([22.5], **options) == pytest.approx([0.1 * (0.5 - 0.5 * math.cos(2 * math.pi * 0.321928))], abs=1e-6)


def test_warm_up_longer_than_the_run() -> None:
    assert rates([0, 99], name="cosine", warmup_steps=200) == pytest.approx([0.0005, 0.05])


def test_configuration_round_trip() -> None:
    options = {
        "name": "cosine", "learning_rate": 0.1, "warmup_steps": 3, "total_steps": 10, "epoch_steps": 5,
        "decay_rate": 0.9, "final_fraction": 0.1,
    }  # fmt: skip
    assert WarmupDecay.from_config(WarmupDecay(**options).get_config()).get_config() == options
