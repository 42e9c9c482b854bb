"""Lists that are longer than those of the rows, in models that are Python functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, signature

from components.smoke_test.bench.bench import Rows
from components.smoke_test.checks.lengths import check_lengths
from components.smoke_test.export.constants import Constants
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult

OPEN = TensorSpec("int64", (None, None))
Lengths = Sequence[int]


def run(
    answer: Callable[[Mapping[str, Any]], Any], lengths: Lengths = (3, 8, 5), *,
    columns: Sequence[str] = ("ids",), integers: Sequence[int] = (), made: bool = False,
) -> CheckResult:  # fmt: skip
    rows = [{name: np.arange(1, length + 1) for name in columns} for length in lengths]
    one = signature("serving_default", dict.fromkeys(columns, OPEN))
    on = bench(
        lambda _, sent, __: {"value": answer(sent)}, signatures=(one,), rows=Rows(rows, range(len(rows)), made=made)
    )
    object.__setattr__(on, "constants", Constants(integers={each: f"Const c{each}" for each in integers}))
    (result,) = check_lengths(on)
    return result


def mean(sent: Mapping[str, Any]) -> Any:
    return sent["ids"].mean(axis=1)


def up_to(most: int, message: str = "Incompatible shapes", refuses: Callable[[int], bool] | None = None) -> Any:
    def answer(sent: Mapping[str, Any]) -> Any:
        length = sent["ids"].shape[1]
        if refuses(length) if refuses is not None else length > most:
            raise ModelRefusesError("InvalidArgument", message)
        return mean(sent)

    return answer


@pytest.mark.parametrize("lengths", [(3, 8, 5), (8, 8, 8)], ids=["different", "all the same"])
@pytest.mark.parametrize("integers", [(), (50,)], ids=["found by halving", "stands in the graph"])
def test_a_limit_is_found_to_the_element(lengths: Lengths, integers: Sequence[int]) -> None:
    found = run(up_to(50), lengths, integers=integers)
    assert (found.status, found.severity, found.case) == ("failed", "block", "ids, 51 elements")
    assert found.received.startswith("more than 50 elements in ids are not answered")
    assert ("(the graph holds 50 in Const c50)" in found.received) is bool(integers)


@pytest.mark.parametrize(
    ("limit", "lengths", "made"), [(65, (3, 8, 5), False), (50, (1, 1, 1), True)], ids=["beyond eight times", "made up"]
)
def test_a_limit_that_may_be_known_to_all_clients_is_a_warning(limit: int, lengths: Lengths, made: bool) -> None:
    found = run(up_to(limit), lengths, made=made)
    assert (found.status, found.severity) == ("failed", "warn")
    assert f"more than {limit} elements" in found.received


def test_eight_times_the_longest_is_still_refused() -> None:
    assert run(up_to(64)).severity == "block"


def test_nan_from_a_length_on() -> None:
    found = run(lambda sent: np.where(sent["ids"].shape[1] > 20, np.nan, mean(sent)))
    assert found.received == "more than 20 elements in ids are not answered: value [nan]"


@pytest.mark.parametrize(
    ("answer", "lengths", "says"),
    [
        (mean, (3, 8, 5), "ids: up to 1,025 elements"),
        (up_to(50, "assertion failed: [at most 50 tokens]"), (3, 8, 5), "up to 50 elements, a limit that the graph"),
        (up_to(0, refuses=lambda length: length != 8), (8, 8, 8), "not judged: only elements as the rows have them"),
    ],
    ids=["any length", "a limit that is stated", "a width that nobody declares"],
)
def test_sound_models(answer: Any, lengths: Lengths, says: str) -> None:
    found = run(answer, lengths)
    assert found.status == "passed"
    assert says in found.received


def test_lists_of_the_same_lengths_are_made_longer_together() -> None:
    def answer(sent: Mapping[str, Any]) -> Any:
        if sent["ids"].shape != sent["mask"].shape:
            raise ModelRefusesError("InvalidArgument", "Incompatible shapes")
        return (sent["ids"] * sent["mask"]).mean(axis=1)

    assert run(answer, columns=("ids", "mask")).received == "ids, mask: up to 1,025 elements"


def test_what_is_of_a_declared_size_is_left_alone() -> None:
    assert [each.status for each in check_lengths(bench(lambda _, sent, __: {"value": sent["x"]}))] == ["skipped"]
