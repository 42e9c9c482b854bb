"""Rows for a model without examples: every value is one that the schema, or else any model, allows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.smoke_test.bench.made_rows import made_rows
from components.smoke_test.export.contract import Contract, Feature, Signature, TensorSpec

ROWS = 50


def contract(*features: Feature, signatures: Mapping[str, Signature] | None = None) -> Contract:
    return Contract(
        task=None,
        classes=None,
        label=None,
        features={each.name: each for each in features},
        signatures=signatures or {},
        prediction=None,
    )


def values(feature: Feature, declared: str = "", more: str = "") -> np.ndarray[Any, Any]:
    """The values of one feature in all rows, [rows * values]; `declared` is what the schema says of it."""
    schema = text_format.Parse(f'feature {{ name: "{feature.name}" {declared} }} {more}', schema_pb2.Schema())
    return np.concatenate(
        [row[feature.name] for row in made_rows(contract(feature), schema if declared else None, ROWS)]
    )


def test_without_a_schema_numbers_have_logarithms_and_integers_are_in_every_vocabulary() -> None:
    floats = values(Feature("x", "float32"))
    assert floats.dtype == np.float32
    assert len(floats) == ROWS
    assert np.log1p(-floats).min() > -np.inf  # below 1
    assert floats.min() >= 0
    integers = values(Feature("n", "int64"))
    assert integers.dtype == np.int64
    assert set(integers.tolist()) == {0, 1}
    words = values(Feature("s", "string"))
    assert all(type(word) is bytes for word in words)
    assert len(set(words.tolist())) > 1


@pytest.mark.parametrize(
    ("dtype", "domain", "low", "high"),
    [
        ("float32", "float_domain { min: 3000 max: 6000 }", 3000, 6000),
        ("float32", "float_domain { min: -2 max: -1 }", -2, -1),
        ("float32", "float_domain { max: -5 }", -6, -5),
        ("float32", "float_domain { min: 7 }", 7, 8),
        ("float32", "float_domain { min: -inf max: inf }", 0, 1),
        ("float32", "float_domain { disallow_nan: true }", 0, 1),
        ("int64", "int_domain { min: 2007 max: 2009 }", 2007, 2009),
        ("int64", "int_domain { min: -4 max: 0 }", -4, 0),
        ("int64", "int_domain { max: 30 }", 0, 30),
        ("int64", "int_domain { is_categorical: true }", 0, 1),
    ],
)
def test_numbers_stay_within_the_domain_and_use_it(dtype: Any, domain: str, low: float, high: float) -> None:
    found = values(Feature("x", dtype), domain)
    assert low <= found.min()
    assert found.max() <= high
    assert found.min() < found.max()


def test_the_widest_domains_are_within_their_types() -> None:
    floats = values(Feature("x", "float32"), "float_domain { min: -3.4e38 max: 3.4e38 }")
    assert np.isfinite(floats).all()
    assert floats.min() < 0 < floats.max()
    integers = values(Feature("n", "int64"), f"int_domain {{ min: {-(2**63)} max: {2**63 - 1} }}")
    assert integers.min() < 0 < integers.max()
    assert values(Feature("n", "int64"), f"int_domain {{ min: {2**63 - 1} }}").tolist() == [2**63 - 1] * ROWS


@pytest.mark.parametrize(
    ("declared", "more", "known"),
    [
        ('string_domain { value: "Dream" value: "Biscoe" }', "", {b"Dream", b"Biscoe"}),
        ('domain: "islands"', 'string_domain { name: "islands" value: "Torgersen" }', {b"Torgersen"}),
        ('bool_domain { true_value: "yes" false_value: "no" }', "", {b"yes", b"no"}),
        ('domain: "islands"', 'string_domain { name: "others" value: "x" }', {b"a", b"b", b"c", b"d"}),
        ("type: BYTES", "", {b"a", b"b", b"c", b"d"}),
    ],
)
def test_words_are_those_of_the_domain(declared: str, more: str, known: set[bytes]) -> None:
    assert set(values(Feature("s", "string"), declared, more).tolist()) == known


@pytest.mark.parametrize(
    ("shape", "declared", "size"),
    [
        ((), "", 1),
        ((2, 3), "", 6),
        (None, "", 1),
        (None, "shape { dim { size: 4 } dim { size: 2 } }", 8),
        (None, "value_count { min: 3 max: 9 }", 3),
        (None, "value_count { max: 9 }", 1),
        ((2,), "value_count { min: 3 }", 2),  # what the graph says wins
    ],
)
def test_a_row_has_as_many_values_as_the_feature(shape: tuple[int, ...] | None, declared: str, size: int) -> None:
    for dtype in ("float32", "int64", "string"):
        assert len(values(Feature("x", dtype, shape), declared)) == size * ROWS


def test_inputs_that_no_example_can_hold_get_values_too() -> None:
    inputs = {
        "ids": TensorSpec("int32", (None, 4)),
        "weight": TensorSpec("float64", (None,)),
        "flag": TensorSpec("bool", (None, None)),
        "handle": TensorSpec("resource", ()),
        "x": TensorSpec("float32", (None,)),
    }
    x = {"x": Feature("x", "float32")}
    served = Signature("serve", "features", "predict", inputs, {}, features=x)
    inner = Signature("predict_transformed", "features", "transformed", {"x_xf": TensorSpec("int32", (None,))}, {})
    [row, *_] = made_rows(contract(*x.values(), signatures={"a": served, "b": inner}), None, 3)
    assert {name: (array.dtype, len(array)) for name, array in row.items()} == {
        "ids": (np.int64, 4),
        "weight": (np.float32, 1),
        "flag": (np.int64, 1),
        "x": (np.float32, 1),
    }


def test_the_same_rows_every_time_and_not_all_alike() -> None:
    known = contract(Feature("x", "float32"), Feature("s", "string"))
    first, second = made_rows(known, None, 5), made_rows(known, None, 5)
    assert [row["x"].tolist() for row in first] == [row["x"].tolist() for row in second]
    assert len({row["x"].item() for row in first}) == 5
