"""What REST can't carry, on answers small enough to work out by hand."""

from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, signature, texts

from components.smoke_test.checks.rest import check_rest
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult

GOOD = {"value": np.array([1.0, 2.0, 3.0], np.float32)}


def run(outputs: Any, inputs: Any = None, **declared: TensorSpec) -> CheckResult:
    """The result for a model of three rows."""
    one = signature(inputs=inputs, **declared)
    [result] = check_rest(bench(lambda *_: outputs, signatures=(one,), x=(1.0, 2.0, 3.0)))
    assert result.signature == "serving_default"
    return result


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "bool"])
def test_types_that_rest_writes(dtype: str) -> None:
    assert run({"value": np.ones(3, dtype)}, value=TensorSpec(dtype, (None,))).status == "passed"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint16", "complex64", "qint8", "float8_e5m2"])
def test_types_that_rest_does_not_write(dtype: str) -> None:
    result = run({"value": np.ones(3)}, value=TensorSpec(dtype, (None,)))
    assert (result.status, result.received) == (
        "failed",
        f"output 'value' is {dtype}, for which TensorFlow Serving has no JSON",
    )
    assert "cast it" in result.hint
    assert "clients: [grpc]" in result.hint


def test_types_that_rest_does_not_read() -> None:
    result = run(GOOD, {"x": TensorSpec("uint16", (None,))})
    assert result.received == "input 'x' is uint16, for which TensorFlow Serving has no JSON"


def test_bytes_need_a_name_that_says_so() -> None:
    picture = np.array([b"\x89PNG\r\n\x1a\n", b"\x89PNG", b""], dtype=object)
    result = run({"picture": picture}, picture=TensorSpec("string", (None,)))
    assert result.received == r"output 'picture' holds bytes that are not UTF-8: b'\x89PNG\r\n\x1a\n'"
    assert "`_bytes`" not in result.received
    assert "_bytes at the end" in result.hint
    assert run({"picture_bytes": picture}, picture_bytes=TensorSpec("string", (None,))).status == "passed"
    words = {"word": texts(["naïve", "", "日本"])}
    assert run(words, word=TensorSpec("string", (None,))).status == "passed"


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (np.float32(1.0), "output 'other' is a single value"),
        (np.ones(2, np.float32), "output 'other' has 2 rows for the 3 of the request"),
    ],
)
def test_every_output_needs_a_row_for_each(other: Any, says: str) -> None:
    result = run(GOOD | {"other": other}, value=TensorSpec("float32", (None,)), other=TensorSpec("float32", None))
    assert (result.status, result.received) == ("failed", says)
    assert "one row for each row" in result.hint


def test_one_row_at_a_time_has_no_rows() -> None:
    inputs = {"x": TensorSpec("float32", ())}
    assert run({"value": np.float32(1.0)}, inputs, value=TensorSpec("float32", ())).status == "passed"


def test_an_error_tells_nothing_of_the_answer_and_the_types_count_all_the_same() -> None:
    def refuses(*_: Any) -> Any:
        raise ModelRefusesError("Internal", "broken")

    signatures = (signature("a"), signature("b", value=TensorSpec("float16", (None,))))
    results = list(check_rest(bench(refuses, signatures=signatures)))
    assert [(each.signature, each.status) for each in results] == [("a", "passed"), ("b", "failed")]
