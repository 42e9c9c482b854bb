"""What the model's process keeps of thousands of requests, with a Python function in the model's place."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from components.smoke_test.sandbox.worker.repeating import Series


def model(answer: Callable[[int, int], Any]) -> Callable[[int], Any]:
    """Of (place of the request, number of the call so far)."""
    calls = iter(range(10**6))

    def ask(place: int) -> Any:
        given = answer(place, next(calls))
        error = given if isinstance(given, str) else None
        return SimpleNamespace(outputs={} if error else {"y": np.asarray(given)}, error=error, seconds=1e-3)

    return ask


@pytest.mark.parametrize("threads", [1, 4])
def test_the_same_answers_leave_only_times(threads: int) -> None:
    series = Series()
    series.run(model(lambda place, _: [place, np.nan]), [0, 1, 2] * 100, threads=threads, seconds=60)
    assert sorted(series.turns) == [(turn, 1e-3) for turn in range(300)]
    assert (series.differing, series.odd) == ([], [])


def test_the_first_answers_are_asked_before_anything_is_compared() -> None:
    asked: list[int] = []
    series = Series()
    series.run(model(lambda place, _: asked.append(place) or place), [1, 0, 1], threads=1, seconds=60)
    assert asked == [1, 0, 1, 0, 1]
    series.start_again()
    series.run(model(lambda place, _: asked.append(place) or place), [0], threads=1, seconds=60)
    assert asked[5:] == [0]


def test_an_answer_that_differs_in_its_last_bit() -> None:
    series = Series()
    series.run(
        model(lambda _, call: np.float32(1) + np.spacing(np.float32(1)) * (call == 5)), [0] * 9, threads=1, seconds=60
    )
    [(turn, place, answer)] = series.odd
    assert (series.differing, turn, place) == ([4], 4, 0)
    assert answer.outputs["y"] > 1


@pytest.mark.parametrize("other", ["an error", [1.0, 2.0], [b"b"]], ids=["error", "shape", "text"])
def test_other_forms_of_another_answer(other: Any) -> None:
    first = np.array([b"a"], dtype=object) if other == [b"b"] else [1.0]
    series = Series()
    series.run(model(lambda _, call: other if call == 2 else first), [0] * 4, threads=1, seconds=60)
    assert series.differing == [1]


def test_of_many_different_answers_the_first_and_the_farthest_are_kept() -> None:
    # 1, 2, 3 ... off, the hundredth a thousand, and one NaN at the end.
    series = Series()
    series.run(model(lambda _, call: [0.0, 1000.0 if call == 100 else call]), [0] * 150, threads=1, seconds=60)
    assert [turn for turn, _, _ in series.odd] == [0, 1, 2, 3, 4, 5, 6, 7, 99]
    assert len(series.differing) == 150
    series.run(model(lambda *_: [0.0, np.nan]), [0], threads=1, seconds=60)
    assert np.isnan(series.odd[-1][2].outputs["y"]).tolist() == [False, True]


def test_it_ends_when_the_time_is_over() -> None:
    series = Series()
    series.run(model(lambda *_: 0), [0, 1], threads=1, seconds=0)
    assert (list(series.first), series.turns) == ([0], [])
