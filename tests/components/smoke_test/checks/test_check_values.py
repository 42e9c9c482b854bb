"""Numbers at which models break, as Python functions."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, failures, signature

from components.smoke_test.bench.bench import Rows
from components.smoke_test.checks.values import check_values
from components.smoke_test.export.constants import Constants
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult

NEAR = np.linspace(0.5, 30.0, 20)
FAR = np.linspace(170.0, 190.0, 20)
Numbers = Mapping[str, Any]
FLOATS = {"x": TensorSpec("float32", (None,)), "z": TensorSpec("float32", (None,))}


def run(
    function: Callable[[Numbers], Any],
    x: Any = NEAR,
    z: Any = FAR,
    *,
    made: bool = False,
    constants: Constants | None = None,
    inputs: Any = FLOATS,
    **contract: Any,
) -> list[CheckResult]:
    kind = np.int64 if inputs["x"].dtype == "int64" else np.float32
    rows = [{"x": np.array([a], kind), "z": np.array([b], np.float32)} for a, b in zip(x, z, strict=True)]

    def model(_: str, sent: Numbers, __: int) -> Any:
        with np.errstate(all="ignore"):
            return {"value": np.asarray(function(sent), np.float32)}

    on = bench(
        model, signatures=(signature("serving_default", inputs),), rows=Rows(rows, range(20), made=made), **contract
    )
    object.__setattr__(on, "constants", constants or Constants())
    return list(check_values(on))


PROMISED: dict[str, Any] = {"promised": {"serving_default": ({}, {})}}


def test_a_sound_model_passes() -> None:
    (result,) = run(lambda sent: np.tanh(sent["x"]) + np.log1p(np.abs(sent["z"])))
    assert (result.status, result.signature) == ("passed", "serving_default")


def test_x_log_x_breaks_at_zero() -> None:
    (found,) = failures(run(lambda sent: sent["x"] * np.log(sent["x"])))
    assert (found.case, found.severity) == ("x = 0", "block")
    assert "logarithm of 0" in found.hint


def test_a_zero_that_the_rows_stay_far_from_is_a_warning_unless_an_answer_was_promised() -> None:
    assert [each.severity for each in failures(run(lambda sent: 1 / sent["z"]))] == ["warn"]
    assert [each.severity for each in failures(run(lambda sent: 1 / sent["z"], **PROMISED))] == ["block"]


def test_zero_counts_for_made_up_rows() -> None:
    assert [each.severity for each in failures(run(lambda sent: 1 / sent["z"], made=True))] == ["block"]


@pytest.mark.parametrize("promised", [False, True])
def test_a_negative_number_matters_where_the_rows_have_such_or_an_answer_was_promised(promised: bool) -> None:
    found = failures(run(lambda sent: np.sqrt(sent["x"]), **(PROMISED if promised else {})))
    assert bool(found) == promised
    assert all("negative" in each.hint for each in found)


def test_a_number_of_the_graph_is_tried_exactly() -> None:
    known = Constants({}, {13.37: "Const sub/y"})
    (found,) = failures(run(lambda sent: 1 / (sent["x"] - np.float32(13.37)), constants=known))
    assert found.case == "x = 13.3699999"
    assert "Const sub/y" in found.hint


def test_the_next_float_after_a_number_of_the_graph() -> None:
    after = np.nextafter(np.float32(13.37), np.float32(99))
    known = Constants({}, {13.37: "Const sub/y"})
    assert failures(run(lambda sent: np.where(sent["x"] == after, np.nan, 1.0), constants=known))


def test_every_whole_number_of_a_short_range() -> None:
    x = np.array([2001, 2020] * 10)
    inputs = {**FLOATS, "x": TensorSpec("int64", (None,))}
    (found,) = failures(run(lambda sent: np.where(sent["x"] == 2013, np.inf, 1.0), x, inputs=inputs))
    assert found.case == "x = 2013"


def test_two_columns_that_are_zero_or_equal_together() -> None:
    z = np.linspace(0.1, 40.0, 20)
    (both,) = failures(run(lambda sent: sent["x"] / (np.abs(sent["x"]) + np.abs(sent["z"])), z=z))
    assert both.case == "x = z = 0"
    (equal,) = failures(run(lambda sent: 1 / (sent["x"] - sent["z"]), x=NEAR + 0.013, z=z))
    assert equal.case.startswith("x = z = ")
    # What was never near zero is not zero in two columns at once.
    assert [each.severity for each in failures(run(lambda sent: sent["z"] / sent["x"], x=FAR))] == ["warn"]


def test_an_error_is_a_fault_unless_it_says_that_the_request_is_wrong() -> None:
    def refuse(code: str) -> Callable[[Numbers], Any]:
        def model(sent: Numbers) -> Any:
            if (sent["x"] == 0).any():
                raise ModelRefusesError(code, "no")
            return sent["x"]

        return model

    assert failures(run(refuse("InvalidArgument"))) == []
    (found,) = failures(run(refuse("Internal")))
    assert (found.case, found.received) == ("x = 0", "Internal: no (and for x = -0)")
    assert failures(run(refuse("InvalidArgument"), **PROMISED))


def test_a_fault_of_the_neighbours_is_not_one_of_the_value() -> None:
    assert failures(run(lambda sent: np.where(len(sent["x"]) > 20, np.nan, sent["x"]))) == []


def test_what_is_not_finite_for_the_rows_may_be_so_for_others() -> None:
    assert failures(run(lambda sent: np.where(sent["x"] >= 0, np.inf, 1.0))) == []


def test_probabilities_outside_0_and_1() -> None:
    results = run(lambda sent: np.where(sent["x"] == 0, 2.0, 0.5), task="binary", prediction="value")
    assert [each.case for each in failures(results)] == ["x = 0"]


def test_without_numbers_there_is_nothing_to_try() -> None:
    on = bench(
        lambda _, sent, __: {"value": np.ones(len(sent["x"]))},
        signatures=(signature("a", {"x": TensorSpec("string", (None,))}),),
        rows=Rows([{"x": np.array([b"a"], object)}], [0]),
    )
    assert [each.status for each in check_values(on)] == ["skipped"]
