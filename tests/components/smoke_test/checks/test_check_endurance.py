"""Thousands of requests, with a Python function in the model's place; that takes no time. Latency is the zoo's."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, signature

from components.smoke_test.bench.bench import Bench
from components.smoke_test.checks.endurance import check_endurance
from components.smoke_test.report import CheckResult

CONFIG = {"search": {"seconds": 3.0}}
TWO = (signature("first"), signature("second"))


def of_x(function: Callable[[Any], Any]) -> Callable[..., Mapping[str, Any]]:
    return lambda _, inputs, __: {"value": np.asarray(function(inputs["x"]), np.float32)}


def run(model: Any, **more: Any) -> tuple[CheckResult, Bench]:
    on = bench(model, **{"config": CONFIG, "prediction": "value", "signatures": TWO} | more)
    [result] = check_endurance(on)
    return result, on


def test_a_sound_model_is_asked_often_in_all_signatures_with_fresh_rows() -> None:
    seen: list[float] = []

    def remember(x: Any) -> Any:
        seen.extend(x.tolist())
        return 2 * x

    result, on = run(of_x(remember))
    assert result.status == "passed"
    count = int(result.received.removeprefix("the same after ").removesuffix(" requests").replace(",", ""))
    assert count > 500
    assert {name for name, _ in on.session.asked} == {"first", "second"}
    assert len(set(seen)) > 40  # and not only the four rows
    assert 256 in {rows for _, rows in on.session.asked}


@pytest.mark.parametrize(
    ("late", "says"),
    [(1.0, "received"), (1e-9, "another answer for good")],
    ids=["another answer", "another last digit"],
)
def test_an_answer_that_changes_after_some_hundred_requests(late: float, says: str) -> None:
    calls = iter(range(10**6))

    def count(_: str, inputs: Any, __: int) -> Any:
        return {"value": inputs["x"].astype(np.float64) + late * (next(calls) > 250)}

    result, _ = run(count)
    assert (result.status, result.check) == ("failed", "endurance")
    assert result.case.startswith("request ")
    assert 150 < int(result.case.split()[-1].replace(",", "")) < 300
    assert says in result.line()


def test_an_error_after_some_hundred_requests() -> None:
    calls = iter(range(10**6))

    def refuse(_: str, inputs: Any, __: int) -> Any:
        if next(calls) > 250:
            raise ModelRefusesError("ResourceExhausted", "the table is full")
        return {"value": inputs["x"]}

    result, _ = run(refuse)
    assert (result.status, result.received) == ("failed", "ResourceExhausted: the table is full")


def test_digits_that_change_now_and_then_are_no_change_for_good() -> None:
    random = np.random.default_rng(2)
    result, _ = run(lambda _, inputs, __: {"value": inputs["x"].astype(np.float64) + 1e-9 * random.integers(2)})
    assert result.status == "passed"


@pytest.mark.parametrize(("per_row", "status"), [(1e-4, "failed"), (1e-9, "passed")])
def test_memory_that_grows_with_each_row(per_row: float, status: str) -> None:
    kept: list[Any] = []

    def keep(_: str, inputs: Any, __: int) -> Any:
        if kept:
            kept[0].kept_mb += per_row * len(inputs["x"])
        return {"value": inputs["x"]}

    on = bench(keep, config=CONFIG, prediction="value")
    kept.append(on.session)
    [result] = check_endurance(on)
    assert result.status == status
    if status == "failed":
        assert "memory grows by" in result.received


def test_without_an_answer_there_is_nothing_to_repeat() -> None:
    def refuse(*_: Any) -> Any:
        raise ModelRefusesError("InvalidArgument", "no")

    assert run(refuse)[0].status == "skipped"
