"""Each cause of answers that depend on the batch gets its own words; models are Python functions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, failures, of

from components.smoke_test.checks.batches import check_batches
from components.smoke_test.checks.diagnosis import said_of_sizes
from components.smoke_test.report import CheckResult

X = (0.5, -2.0, 3.0, 1.0, 7.0, 2.5, -1.0, 4.0, 6.0, -3.0)


def run(function: Callable[[Any], Any], **more: Any) -> list[CheckResult]:
    made = bench(
        lambda _, inputs, __: {"value": np.asarray(function(inputs["x"]), np.float32)},
        **{"x": X, "prediction": "value", "config": {"batches": {"max_rows": 12}}} | more,
    )
    return failures(check_batches(made))


def rolled(x: Any) -> Any:
    return np.roll(x, 1)


def shared(x: Any) -> Any:
    """A score divided by how often the row is in the batch."""
    return x / np.array([np.sum(x == each) for each in x]) if len(x) else x


def of_neighbours(x: Any) -> Any:
    return x + 0.5 * np.concatenate([x[:1] * 0, x[:-1]]) + 0.5 * np.concatenate([x[1:], x[:1] * 0])


CAUSES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sorted": (np.sort, "come back sorted"),
    "sorted down": (lambda x: -np.sort(-x), "come back sorted"),
    "reversed": (lambda x: x[::-1], "in reverse order"),
    "rolled": (rolled, "the answer of the row before it"),
    "rolled back": (lambda x: np.roll(x, -1), "the answer of the row after it"),
    "last row's": (lambda x: np.repeat(x[-1:], len(x)), "the answer of the last row"),
    "first row's": (lambda x: np.repeat(x[:1], len(x)), "the answer of the first row"),
    "last row counts": (lambda x: x + 0.3 * np.sum(x[-1:]), "the last row of the batch changes"),
    "first row counts": (lambda x: x + 0.3 * np.sum(x[:1]), "the first row of the batch changes"),
    "cumulative sum": (np.cumsum, "stand before a row"),
    "cumulative sum in reverse": (lambda x: np.cumsum(x[::-1])[::-1], "stand after a row"),
    "window": (of_neighbours, "next to a row"),
    "mean": (lambda x: x - x.sum() / max(1, len(x)), "a mean, a sum or a norm over the batch"),
    "softmax": (lambda x: np.exp(x) / np.exp(x).sum(), "a mean, a sum or a norm over the batch"),
    "maximum": (lambda x: x - (x.max() if len(x) else 0.0), "the largest or smallest of the batch counts"),
    "duplicates": (shared, "more than once"),
    "alternation": (lambda x: x + 0.1 * (np.arange(len(x)) % 2), "the place of the row in the batch"),
    "size": (lambda x: x + 0.1 * len(x), "how many rows the batch has"),
    "size above ten": (lambda x: x + 1.0 * (len(x) > 10), "how many rows the batch has"),
    "one certain pair": (lambda x: x + 5.0 * ((x == 3.0) & (-2.0 not in x) & (7.0 in x)), "depends on the other rows"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_named_and_none_of_the_others(cause: str) -> None:
    function, words = CAUSES[cause]
    found = [each for each in run(function) if each.case != "0 rows"]
    assert found
    assert {each.check for each in found} <= {"batch_sizes", "row_order"}
    for each in found:
        assert words in each.hint, (each.name(), each.hint)
    others = {said for _, said in CAUSES.values()} - {words}
    assert [said for said in others if said in found[0].hint and said not in words] == []


@pytest.mark.parametrize("cause", ["sorted", "mean", "duplicates", "alternation", "last row counts"])
def test_the_first_failure_shows_the_smallest_request(cause: str) -> None:
    first, *more = run(CAUSES[cause][0])
    assert first.smallest is not None
    assert first.smallest.size() == 2
    assert [each.smallest for each in more if each.check == first.check] == [None] * len(
        [each for each in more if each.check == first.check]
    )


def only(fits: Callable[[int], bool]) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        if not fits(len(x)):
            raise ModelRefusesError("InvalidArgument", "Input to reshape is a tensor of another size")
        return x

    return function


@pytest.mark.parametrize(
    ("fits", "words"),
    [
        (lambda size: size == 10, "only a batch of 10 rows"),
        (lambda size: size % 5 == 0, "only batches of a multiple of 5 rows"),
        (lambda size: size <= 10, "batches of up to 10 rows are answered"),
        (lambda size: size != 1, "tf.squeeze"),
        (lambda size: size != 0 and size != 7, "batches of a multiple of 7 rows are not answered"),
    ],
)
def test_sizes_that_are_an_error_are_named(fits: Callable[[int], bool], words: str) -> None:
    found = [each for each in run(only(fits)) if each.check == "batch_sizes" and each.case != "0 rows"]
    assert found
    assert all(words in each.hint for each in found), found[0].hint


def test_a_batch_of_one_row_that_loses_its_dimension_is_named() -> None:
    found = [each for each in run(lambda x: x.squeeze()) if each.check == "batch_sizes"]
    assert [each.case for each in found if each.status == "failed"] == ["1 row"]
    assert "tf.squeeze" in found[0].hint


def test_lists_as_long_as_the_longest_of_the_batch_may_be_wrong_too() -> None:
    def padded(x: Any) -> Any:
        width = int(np.abs(x).max(initial=1)) + 1
        return x[:, np.newaxis] * (np.arange(width) < 1 + np.abs(x)[:, np.newaxis]) + 0.3 * (len(x) > 10)

    found = run(padded)
    assert {each.check for each in found if each.status == "failed"} >= {"batch_sizes"}


def test_rows_that_may_not_meet_are_not_called_a_size() -> None:
    def function(x: Any) -> Any:
        if 3.0 in x and 7.0 in x and -2.0 not in x:
            raise ModelRefusesError("Internal", "no")
        return x

    found = run(function)
    assert found
    assert "it is not the size" in found[0].hint


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ([], [1, 2], "no batch of any size"),
        ([2, 3], [1], "loses its dimension"),
        ([4, 5, 6], [1, 2], "fewer than 4 rows"),
        ([1, 3, 5], [2, 4], "a multiple of 2 rows are not answered"),
        ([1, 4, 6], [3, 5], "batches of 3, 5 rows are not answered, of 1, 4, 6 rows they are"),
    ],
)
def test_what_sizes_have_in_common(good: list[int], bad: list[int], words: str) -> None:
    assert words in said_of_sizes(good, bad)


def remembering(change: Callable[[list[Any], Any], Any]) -> Callable[[Any], Any]:
    before: list[Any] = [np.zeros(1)]

    def function(x: Any) -> Any:
        answer = change(before, x)
        before.append(x)
        return answer

    return function


def test_the_request_before_is_told_from_a_counter_and_from_noise() -> None:
    random, calls = np.random.default_rng(3), iter(range(100_000))
    causes = {
        "the request that was asked before it": remembering(lambda before, x: x + before[-1].sum()),
        "a variable changes with each call": lambda x: x + 0.1 * next(calls),
        "are random": lambda x: x + random.normal(size=len(x)),
    }
    for words, function in causes.items():
        [found] = of(run(function), "repeatable")
        assert words in found.hint, (words, found.hint)


def test_a_single_row_that_changes_is_the_smallest_request() -> None:
    random = np.random.default_rng(3)
    [found] = of(run(lambda x: x + 0.5 * random.normal(size=len(x))), "repeatable")
    assert found.smallest is not None
    assert found.smallest.size() == 1
    assert found.smallest.received.endswith("asked again")
