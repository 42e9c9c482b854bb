"""Which checks are made on what the child saw, and what they say of the model as a whole."""

from typing import Any

import numpy as np
import pytest

from components.smoke_test.checks import run_checks
from components.smoke_test.golden import Contract, Golden
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox import Limits, Observation, Outcome, Tensor

CONTRACT = Contract(task="regression", classes=None, row_key="row_key_xf", label="price", inputs={})
GOLDEN = Golden(CONTRACT, np.array([7, 8, 9], np.int64), np.array([70, 80, 90], np.float32))
FEATURES = {"carat": "float32"}
EXAMPLES = {"inputs": {"examples": {"dtype": "string", "shape": [None]}}, "outputs": {}}
SIGNATURES = {
    "serving_default": EXAMPLES,
    "transform_features": EXAMPLES,
    "serve_features": {"inputs": {"carat": {"dtype": "float32", "shape": [None]}}, "outputs": {}},
}


def value(*numbers: float, dtype: str = "float32") -> dict[str, Tensor]:
    return {"value": Tensor(dtype, np.array(numbers, dtype))}


def observation(**changes: Any) -> Observation:
    answers = {name: {"all": value(90, 70), "0": value(90)} for name in ("serving_default", "serve_features")}
    arguments: dict[str, Any] = {
        "signatures": SIGNATURES,
        "rows": (4, 5),
        "row_keys": (9, 7),
        "answers": answers,
        "errors": {},
        "seconds": {"load": 1.5, "serving_default": 0.25},
    }
    return Observation(**arguments | changes)


def results(outcome: Outcome) -> list[CheckResult]:
    return run_checks(outcome, GOLDEN, FEATURES, limits=Limits(30, 1024), tolerance=1e-4)


def on(seen: Observation) -> list[CheckResult]:
    return results(Outcome(seen, failure="", phase="serve_features", log_tail=""))


def failures(seen: Observation) -> list[tuple[str, str | None, str]]:
    return [(result.check, result.signature, result.actual) for result in on(seen) if not result.passed]


def test_sound_answers_pass_and_are_compared_by_row_key_not_by_place() -> None:
    assert failures(observation()) == []
    assert {result.check: result.seconds for result in on(observation())}["loads"] == 1.5


def test_predictions_of_the_wrong_rows_are_caught() -> None:
    assert [failure[:2] for failure in failures(observation(row_keys=(7, 9)))] == [
        ("parity", "serving_default"),
        ("parity", "serve_features"),
    ]


@pytest.mark.parametrize(
    ("log", "hint"), [("std::bad_alloc", "smoke_test.memory_mb"), ("Fatal Python error", "read log_tail")]
)
def test_a_child_that_did_not_finish_is_the_only_result(log: str, hint: str) -> None:
    (result,) = results(Outcome(None, failure="killed by signal 6 (Aborted)", phase="load", log_tail=log))
    assert (result.check, result.passed) == ("process", False)
    assert result.expected == "the model's process to finish within 30 s and 1024 MiB"
    assert result.actual == "killed by signal 6 (Aborted), in phase 'load'"
    assert hint in result.hint


def test_no_golden_row_is_a_failure_and_the_other_checks_are_still_made() -> None:
    assert failures(observation(row_keys=())) == [("golden_rows", "transform_features", "0 rows")]
    assert "finite" in {result.check for result in on(observation(row_keys=()))}


def test_a_failing_transform_is_named_with_its_error() -> None:
    seen = observation(row_keys=(), errors={"transform_features": "InvalidArgumentError: no label"})
    assert failures(seen) == [("golden_rows", "transform_features", "InvalidArgumentError: no label")]


def test_a_model_that_does_not_load_is_asked_nothing() -> None:
    seen = observation(signatures={}, answers={}, row_keys=(), errors={"load": "OSError: no file"})
    assert failures(seen) == [("loads", None, "OSError: no file")]
    assert len(on(seen)) == 2


def test_an_argument_that_the_contract_does_not_have_is_named() -> None:
    both = {"carat": {"dtype": "float64", "shape": [None]}, "price": {"dtype": "float32", "shape": [None]}}
    wrong = SIGNATURES | {"serve_features": {"inputs": both, "outputs": {}}}
    assert failures(observation(signatures=wrong)) == [
        ("signature", "serve_features", "inputs carat: float64, price: float32")
    ]


@pytest.mark.parametrize(
    ("answer", "actual"),
    [
        ({"all": value(90, 70, dtype="float64"), "0": value(90)}, "value: float64 [2] for 2 rows"),
        ({"all": value(90, 70), "0": value(90, 90)}, "value: float32 [2] for 1 rows"),
        ({"all": {"value": Tensor("float32", np.array([[90], [70]], np.float32))}}, "value: float32 [2, 1] for 2 rows"),
        ({"all": {"output_0": value(90, 70)["value"]}}, "output_0: float32 [2] for 2 rows"),
        ({"all": {}}, "no output for 2 rows"),
    ],
    ids=["type", "rows", "rank", "name", "none"],
)
def test_outputs_must_have_the_promised_names_types_and_shapes(answer: Any, actual: str) -> None:
    seen = observation(answers=observation().answers | {"serve_features": answer})
    assert failures(seen) == [("outputs", "serve_features", actual)]


def test_an_error_as_answer_is_the_reason() -> None:
    seen = observation(errors={"serve_features": "ResourceExhaustedError: OOM"})
    assert failures(seen) == [("answers", "serve_features", "ResourceExhaustedError: OOM")]
    (failed,) = (result for result in on(seen) if not result.passed)
    assert "memory_mb" in failed.hint
