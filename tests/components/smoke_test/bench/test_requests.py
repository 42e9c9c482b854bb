"""Rows to requests: serialized tf.Examples, or one tensor for each feature."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.smoke_test.bench.requests import (
    column_of,
    decode,
    encode,
    request,
    serialized,
    strings,
    take,
    takes_batches,
    tensor,
)
from components.smoke_test.export.contract import Feature, Signature, TensorSpec

INTEGER_MISSING = -(2**63)


def signature(kind: Any = "features", **inputs: TensorSpec) -> Signature:
    features = {name: Feature("x mm" if name == "c_x_mm" else name, "float32") for name in inputs}
    return Signature("serve", kind, "predict", inputs, {}, features=features)


def spec(dtype: str, *shape: int | None) -> TensorSpec:
    return TensorSpec(dtype, shape)


def floats(*values: float) -> Any:
    return np.array(values, np.float32)


FULL = {"carat": floats(0.5), "x mm": np.array([4], np.int64), "cut": strings([b"Ideal"]), "price": floats(326)}


def test_a_row_is_encoded_and_decoded_as_it_is() -> None:
    row = FULL | {"cut": strings([b"a\x00", b"\xff"]), "x mm": np.array([4, -5], np.int64)}
    back = decode(encode(row))
    assert {name: (each.dtype.name, each.tolist()) for name, each in back.items()} == {
        "carat": ("float32", [0.5]),
        "x mm": ("int64", [4, -5]),
        "cut": ("object", [b"a\x00", b"\xff"]),
        "price": ("float32", [326.0]),
    }


def test_features_without_a_value_are_not_in_the_row() -> None:
    example = tf.train.Example()
    example.features.feature["empty"].CopyFrom(tf.train.Feature())
    example.features.feature["list"].float_list.value.extend([])
    assert decode(example.SerializeToString()) == {}


def test_what_is_no_example_says_so() -> None:
    with pytest.raises(DecodeError):
        decode(b"\xff\xff\xff")


def test_a_signature_that_parses_gets_serialized_rows_without_the_label() -> None:
    asked = request(signature("examples", examples=spec("string", None)), [FULL, FULL], without="price")
    examples = asked.inputs["examples"]
    assert (asked.signature, examples.shape, examples.dtype) == ("serve", (2,), object)
    assert set(tf.train.Example.FromString(examples[0]).features.feature) == {"carat", "x mm", "cut"}


def test_a_signature_that_parses_one_example_gets_the_first() -> None:
    one = signature("examples", example=spec("string"))
    asked = request(one, [FULL, {"carat": floats(9)}])
    assert asked.inputs["example"].shape == ()
    assert asked.inputs["example"][()] == serialized([FULL])[0]
    assert not takes_batches(one)


def test_a_signature_by_feature_gets_columns_by_argument_and_missing_ones_as_they_are_sent() -> None:
    by_feature = signature(carat=spec("float32", None), c_x_mm=spec("int64", None), cut=spec("string", None))
    inputs = request(by_feature, [FULL, {}, {"carat": floats(2)}]).inputs
    np.testing.assert_array_equal(inputs["carat"], floats(0.5, np.nan, 2))
    assert inputs["c_x_mm"].tolist() == [4, INTEGER_MISSING, INTEGER_MISSING]
    assert inputs["cut"].tolist() == [b"Ideal", b"", b""]
    assert {name: each.dtype.name for name, each in inputs.items()} == {
        "carat": "float32",
        "c_x_mm": "int64",
        "cut": "object",
    }
    assert column_of(by_feature, "c_x_mm") == "x mm"


def test_an_input_for_the_label_gets_nothing_when_the_label_is_left_out() -> None:
    greedy = signature(carat=spec("float32", None), price=spec("float32", None))
    assert set(request(greedy, [FULL], without="price").inputs) == {"carat"}
    assert set(request(greedy, [FULL]).inputs) == {"carat", "price"}


@pytest.mark.parametrize(
    ("dtype", "given", "expected"),
    [
        ("float32", floats(1.5), [1.5, None]),
        ("float64", floats(1.5), [1.5, None]),
        ("float32", np.array([3], np.int64), [3.0, None]),
        ("int64", np.array([2**40], np.int64), [2**40, INTEGER_MISSING]),
        ("int32", np.array([7], np.int64), [7, 0]),
        ("bool", np.array([1], np.int64), [True, False]),
        ("string", strings([b"a\x00"]), [b"a\x00", b""]),
    ],
)
def test_a_value_and_a_missing_one_have_the_inputs_own_type(dtype: str, given: Any, expected: list[Any]) -> None:
    array = tensor([given, None], spec(dtype, None))
    assert array.dtype == (object if dtype == "string" else np.dtype(dtype))
    assert [None if isinstance(each, float) and np.isnan(each) else each for each in array.tolist()] == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((None,), [1, 3]),
        ((None, 1), [[1], [3]]),
        ((None, 2), [[1, 2], [3, 0]]),
        ((None, None), [[1, 2], [3, 0]]),
        ((None, 2, None), [[[1], [2]], [[3], [0]]]),
        ((None, None, None), [[[1]], [[3]]]),
        ((None, 2, 2), [[[1, 2], [0, 0]], [[3, 0], [0, 0]]]),
        ((), 1),
        (None, [1, 3]),
    ],
    ids=["one", "column", "vector", "varlen", "open and fixed", "both open", "matrix", "scalar", "unknown rank"],
)
def test_values_take_the_shape_of_the_input(shape: Any, expected: Any) -> None:
    rows = [np.array([1, 2], np.int64), np.array([3], np.int64)]
    assert tensor(rows, TensorSpec("int32", shape)).tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "given", "expected"),
    [
        ("float32", [floats(0.5, 2), None, floats(7)], [[0.5, 2.0], [0.0, 0.0], [7.0, 0.0]]),
        ("int64", [np.array([4], np.int64), np.array([5, 6], np.int64)], [[4, 0], [5, 6]]),
        ("string", [strings([b"a", b"b"]), strings([b"c"])], [[b"a", b"b"], [b"c", b""]]),
    ],
)
def test_lists_of_an_open_length_are_filled_up_as_clients_do(dtype: str, given: Any, expected: list[Any]) -> None:
    assert tensor(given, spec(dtype, None, None)).tolist() == expected


@pytest.mark.parametrize(
    ("sizes", "default", "expected"),
    [
        ((None,), floats(40), [3.0, 40.0]),
        ((None, 2), floats(40, 41), [[3.0, None], [40.0, 41.0]]),
        ((None, 2), floats(40), [[3.0, None], [40.0, 40.0]]),
        ((None, None), floats(40, 41), [[3.0, 0.0], [40.0, 41.0]]),
        ((), floats(40), 3.0),
    ],
    ids=["one", "vector", "one value for a vector", "list", "scalar"],
)
def test_a_row_without_a_value_is_sent_the_declared_default(sizes: Any, default: Any, expected: Any) -> None:
    array = tensor([floats(3), None], spec("float32", *sizes), default=default)
    assert np.where(np.isnan(array), None, array.astype(object)).tolist() == expected


def test_a_request_has_the_defaults_of_its_signature() -> None:
    optional = signature(carat=spec("float32", None), rate=spec("float32"))
    optional = replace(
        optional, defaults=frozenset({"carat", "rate"}), row_defaults={"carat": floats(0.7), "rate": floats(0.92)}
    )
    inputs = request(optional, [{"carat": floats(2)}, {}]).inputs
    assert np.array_equal(inputs["carat"], np.array([2, 0.7], np.float32))
    assert inputs["rate"] == np.float32(0.92)


def test_no_rows_make_an_empty_batch() -> None:
    assert tensor([], spec("float32", None, 3)).shape == (0, 3)
    assert tensor([], spec("string")).shape == ()


def test_rows_are_taken_by_place_and_what_is_no_rows_own_stays() -> None:
    mixed = signature(x=spec("float32", None, 2), words=spec("string", None, None), factor=spec("float32"))
    rows = [{"x": floats(i, i), "words": strings([b"w"] * (i + 1)), "factor": floats(i + 5)} for i in range(3)]
    whole = request(mixed, rows)
    some = take(whole, mixed, [2, 0, 2, 2])
    assert some.inputs["x"].tolist() == [[2, 2], [0, 0], [2, 2], [2, 2]]
    assert some.inputs["words"].tolist()[1] == [b"w", b"", b""]  # as wide as before
    assert some.inputs["factor"].tolist() == 5
    assert take(whole, mixed, []).inputs["x"].shape == (0, 2)
    assert takes_batches(mixed)
