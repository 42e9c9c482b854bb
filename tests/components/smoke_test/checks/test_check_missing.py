"""Cells that mean missing, sent as they are written, against a model that knows the words and some that don't."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from support.stand_in import bench, signature, texts

from components.smoke_test.bench.bench import Rows
from components.smoke_test.bench.requests import Row
from components.smoke_test.checks.missing import check_missing_words
from components.smoke_test.export.contract import Feature, Signature, TensorSpec
from components.smoke_test.report import CheckResult

INPUTS = {"x": TensorSpec("float32", (None,)), "city": TensorSpec("string", (None,))}
SERVE = signature("serve_features", INPUTS)
SERVE = Signature(
    SERVE.name,
    SERVE.kind,
    SERVE.role,
    SERVE.inputs,
    SERVE.outputs,
    features={"x": Feature("x", "float32"), "city": Feature("city", "string")},
)
WORDS = {"city": ("NA", "none")}
CITIES = {b"": 5.0, b"Bonn": 10.0}
"""What each city adds to x; any other adds 20."""


def row(x: float, city: str | None) -> Row:
    given: Row = {"x": np.array([x], np.float32)}
    return given if city is None else {**given, "city": texts([city])}


ROWS = [row(1.0, "Bonn"), row(2.0, None), row(3.0, "Ulm")]
GOLDEN = np.array([11.0, 7.0, 23.0], np.float32)


def model(known: Callable[[bytes], bool]) -> Callable[..., Mapping[str, Any]]:
    """Reads a city as missing where `known` says so."""

    def answer(_: str, inputs: Mapping[str, Any], __: int) -> Mapping[str, Any]:
        cities = [b"" if known(each) else each for each in inputs["city"]]
        return {"value": inputs["x"] + np.array([CITIES.get(each, 20.0) for each in cities], np.float32)}

    return answer


def run(known: Callable[[bytes], bool], rows: Rows | None = None, **more: Any) -> list[CheckResult]:
    contract = {
        "task": "regression",
        "prediction": "value",
        "promised": {"serve_features": (INPUTS, {})},
        "missing_words": WORDS,
    }
    on = bench(model(known), signatures=[SERVE], rows=rows or Rows(ROWS, range(10, 13), GOLDEN), **contract | more)
    return list(check_missing_words(on))


def knows_all(city: bytes) -> bool:
    return city.strip() in (b"", b"NA", b"none")


def test_a_model_that_knows_the_words_passes() -> None:
    (result,) = run(knows_all)
    assert (result.status, result.signature) == ("passed", "serve_features")
    # "", " ", two words, and one with blanks around it.
    assert result.expected == "the answer to a missing value, for 5 cells in 'city'"


@pytest.mark.parametrize(
    ("known", "sent"),
    [
        (lambda city: not city, "'NA'"),
        (lambda city: city in (b"", b"NA", b"none", b" NA\t"), "' '"),
        (lambda city: city.strip() in (b"", b"NA"), "'none'"),
        (lambda city: city in (b"", b" ", b"NA", b"none"), r"' NA\t'"),
    ],
    ids=["no words", "no blanks", "one word", "bare words"],
)
def test_one_that_does_not_is_told_which_cell(known: Callable[[bytes], bool], sent: str) -> None:
    (result,) = run(known)
    assert result.status == "failed"
    assert result.case == f"city = {sent}"
    assert result.row == 11
    assert result.hint


def test_the_trainers_own_prediction_counts_where_a_real_row_has_no_value() -> None:
    """The export is wrong in the same way whether the cell is empty or left out: only the trainer knows better."""
    (result,) = run(knows_all, rows=Rows(ROWS, range(10, 13), GOLDEN + np.array([0, 1, 0], np.float32)))
    assert (result.status, result.expected) == ("failed", "value [8], as for a missing value")


def test_without_such_a_row_the_answer_to_a_row_without_the_column_counts() -> None:
    rows = Rows([row(1.0, "Bonn"), row(3.0, "Ulm")], range(2), GOLDEN[[0, 2]])
    (result,) = run(knows_all, rows=rows)
    assert result.status == "passed"
    (result,) = run(lambda city: not city, rows=rows)
    assert (result.status, result.case, result.row) == ("failed", "city = 'NA'", 0)


def test_what_there_is_nothing_to_say_of_is_skipped() -> None:
    assert [each.status for each in run(knows_all, missing_words=None)] == ["skipped"]
    assert [each.status for each in run(knows_all, missing_words={})] == ["skipped"]
    assert [each.status for each in run(knows_all, promised={})] == ["skipped"]


def test_of_many_columns_each_is_asked_something() -> None:
    many = {f"c{i}": ("NA",) for i in range(1500)} | WORDS
    (result,) = run(knows_all, missing_words=many)
    assert result.status == "passed"
    assert "2000 cells" in result.expected
