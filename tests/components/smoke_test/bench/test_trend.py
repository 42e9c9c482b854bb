"""What counts as growth, and what does not."""

import numpy as np
import pytest

from components.smoke_test.bench.trend import (
    changed_for_good,
    fast,
    goes_on,
    grown,
    latency_growth,
    memory_growth,
    slope,
    step,
)

RANDOM = np.random.default_rng(4)
NOISE = RANDOM.normal(size=10)


def test_the_slope_is_not_moved_by_one_outlier_and_the_step_not_by_a_jump() -> None:
    assert slope([0, 1, 2, 3, 4]) == 1
    assert slope([0, 1, 2, 3, 104]) == 1
    assert step([0, 1, 2, 103, 104, 105, 106]) == 1


@pytest.mark.parametrize(
    ("mebibytes", "growth"),
    [
        (np.arange(10) * 0.1, 0.1),
        (np.arange(10) * 0.1 + 0.02 * NOISE, 0.1),
        # A table that makes room for twice as many in the middle.
        (np.arange(10) * 0.1 + 5.0 * (np.arange(10) > 3), 0.1),
    ],
    ids=["steady", "noisy", "with a jump"],
)
def test_memory_that_grows(mebibytes: np.ndarray, growth: float) -> None:
    assert memory_growth(mebibytes, exact=True) == pytest.approx(growth, abs=0.02)
    assert memory_growth(mebibytes, exact=False) == 0  # as resident memory it may be a few pages


@pytest.mark.parametrize(
    "mebibytes",
    [
        NOISE,
        np.zeros(10),
        0.005 * np.arange(10) + 0.01 * NOISE,  # less than 24 KiB a step
        1 - 0.3 ** np.arange(10.0),  # it warms up
        [0, 0, 0, 0, 9, 9, 9, 9, 9, 9],
        [1.0, 2.0, 3.0],  # too few
    ],
    ids=["noise", "flat", "too little", "warms up", "one step", "few"],
)
def test_memory_that_does_not_grow(mebibytes: list[float]) -> None:
    assert memory_growth(mebibytes, exact=True) == 0


def blocks(times: list[float], disturbed: float = 0.3) -> list[np.ndarray]:
    """Of each time 40 measurements, of which some took much longer: something else was running."""
    return [time * np.where(RANDOM.random(40) < disturbed, 1 + 20 * RANDOM.random(40), 1) for time in times]


def test_a_request_that_takes_longer_and_longer() -> None:
    assert latency_growth(blocks([1e-3 * (1 + i / 10) for i in range(10)]))
    assert fast(blocks([2e-3, 3e-3], disturbed=0.0)) == [2e-3, 3e-3]


def test_a_machine_that_is_busier_now_and_then_is_no_growth() -> None:
    assert not latency_growth(blocks([1e-3] * 10, disturbed=0.6))
    assert not latency_growth(blocks([1e-3] * 5 + [3e-3] * 5))  # twice as slow from some time on, and not slower yet
    assert not latency_growth(blocks([1e-6 * (1 + i) for i in range(10)]))  # of microseconds


def test_growth_that_is_worth_a_second_look() -> None:
    assert grown(1e-3, 1.5e-3)
    assert not grown(1e-3, 1.3e-3)
    assert not grown(1e-5, 5e-5)


def test_growth_goes_on_or_it_was_something_else() -> None:
    before = np.arange(10) * 0.1
    assert goes_on(before, 1 + before)
    assert not goes_on(before, np.ones(10))
    assert not goes_on(before, 1 + 0.2 * before)


@pytest.mark.parametrize(
    ("flags", "since"),
    [
        ("0" * 20 + "1" * 20, 20),
        ("0" * 40, None),
        ("1" * 40, None),
        ("01" * 20, None),
        ("0" * 20 + "1" * 3, None),
        ("0" * 20 + "1" * 10 + "0" + "1" * 9, None),
    ],
)
def test_an_answer_that_changes_for_good(flags: str, since: int | None) -> None:
    assert changed_for_good([each == "1" for each in flags]) == since
