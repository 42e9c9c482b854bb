"""What is known of a model, from four sources: its signatures, its trainer's word, the schema, the configuration."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.artifacts.golden import GoldenContract
from components.smoke_test.config import Expect
from components.smoke_test.export.contract import Contract, Feature, Signature, TensorSpec
from components.smoke_test.export.derive import derive_contract
from components.smoke_test.export.saved_model import Export

BATCH = (None,)
FLOAT, INT, STRING = (TensorSpec(dtype, BATCH) for dtype in ("float32", "int64", "string"))


def signature(name: str, *features: Feature, outputs: tuple[str, ...] = ("probabilities",), **more: Any) -> Signature:
    """One tensor for each feature; the argument is called as the column."""
    content: dict[str, Any] = {
        "kind": "features",
        "role": "predict",
        "inputs": {each.name: TensorSpec(each.dtype, BATCH) for each in features},
        "features": {each.name: each for each in features},
    }
    return Signature(name, outputs=dict.fromkeys(outputs, FLOAT), **content | more)


def parsing(name: str, *features: Feature, **more: Any) -> Signature:
    """Serialized examples."""
    return signature(name, *features, **{"kind": "examples", "inputs": {"examples": STRING}} | more)


def derived(
    *signatures: Signature, golden: GoldenContract | None = None, schema: str | None = None, **expect: Any
) -> Contract:
    export = Export(Path("model"), None, {each.name: each for each in signatures})
    parsed = text_format.Parse(schema, schema_pb2.Schema()) if schema is not None else None
    return derive_contract(export, golden, parsed, Expect(**expect))


def promise(**changes: Any) -> GoldenContract:
    content = {
        "task": "multiclass",
        "classes": ["Adelie", "Gentoo", "Chinstrap"],
        "row_key": "row_key_xf",
        "label": "species",
        "inputs": {
            "bill length": {"argument": "c_bill_length", "dtype": "float32"},
            "year": {"argument": "year", "dtype": "int64"},
        },
        "importance": {"bill length": 0.3, "year": 0.0},
    }
    return GoldenContract.model_validate(content | changes)


def test_a_strange_model_is_what_its_signatures_say() -> None:
    a, b = Feature("a", "float32", (3,), required=True), Feature("b", "string")
    found = derived(signature("serve", a, b, outputs=("output_0",)))
    assert found.features == {"a": a, "b": b}
    assert found.signatures == {"serve": signature("serve", a, b, outputs=("output_0",))}
    assert (found.task, found.classes, found.label, found.range, found.importance) == (None, None, None, None, None)
    assert (found.row_key, found.promised, found.prediction) == (None, {}, "output_0")


def test_the_trainers_word() -> None:
    found = derived(parsing("serving_default"), golden=promise())
    assert (found.task, found.label, found.row_key) == ("multiclass", "species", "row_key_xf")
    assert found.classes == ("Adelie", "Gentoo", "Chinstrap")
    assert found.importance == {"bill length": 0.3, "year": 0.0}
    assert found.prediction == "probabilities"
    # The graph did not say what it parses.
    assert found.features == {"bill length": Feature("bill length", "float32"), "year": Feature("year", "int64")}


def test_the_configuration_goes_before_the_trainers_word() -> None:
    found = derived(
        parsing("serving_default", outputs=("score", "value")),
        golden=promise(),
        task="regression",
        prediction="score",
        classes=("x", "y"),
        label="year",
        range=(1.0, 2.0),
    )
    assert (found.task, found.prediction, found.label) == ("regression", "score", "year")
    assert (found.classes, found.range) == (("x", "y"), (1.0, 2.0))
    assert set(found.features) == {"bill length"}  # the label is no feature


def test_a_regression_promises_values_in_a_range() -> None:
    golden = promise(task="regression", classes=None, range=[1.5, 9.0])
    found = derived(parsing("serving_default", outputs=("value",)), golden=golden)
    assert (found.prediction, found.range, found.classes) == ("value", (1.5, 9.0), None)
    _, outputs = found.promised["serving_default"]
    assert outputs == {"value": FLOAT}


def test_arguments_get_the_names_of_their_columns() -> None:
    served = signature("serve_features", Feature("c_bill_length", "float32"), Feature("year", "int64"))
    found = derived(served, golden=promise())
    columns = {argument: feature.name for argument, feature in found.signatures["serve_features"].features.items()}
    assert columns == {"c_bill_length": "bill length", "year": "year"}
    assert set(found.features) == {"bill length", "year"}


def test_the_columns_of_parsed_examples_keep_their_names() -> None:
    # A column that is called as another's argument.
    served = parsing("serving_default", Feature("c_bill_length", "float32"), Feature("bill length", "float32"))
    found = derived(served, golden=promise())
    assert set(found.signatures["serving_default"].features) == {"c_bill_length", "bill length"}


def test_transformed_features_are_no_columns() -> None:
    inner = signature("predict_transformed", Feature("bill_xf", "float32"), role="transformed")
    transform = parsing("transform_features", Feature("species", "string", required=True), role="transform")
    found = derived(signature("serve", Feature("a", "float32")), inner, transform)
    assert set(found.features) == {"a"}
    assert [each.name for each in found.predicting()] == ["serve"]


def test_what_one_signature_can_do_without_is_optional() -> None:
    strict = parsing("serving_default", Feature("a", "float32", required=True), Feature("b", "int64", required=True))
    lenient = signature("serve_features", Feature("a", "float32"))
    found = derived(lenient, strict)
    assert (found.features["a"].required, found.features["b"].required) == (False, True)
    # Each signature still says for itself what it can't do without.
    assert found.signatures["serving_default"].features["a"].required


def test_the_schema_says_what_must_be_there() -> None:
    found = derived(
        signature("serve", *(Feature(name, "float32") for name in "abcd")),
        schema="""
        feature { name: "a" type: FLOAT presence { min_fraction: 1.0 min_count: 1 } }
        feature { name: "b" type: FLOAT presence { min_fraction: 0.5 } }
        feature { name: "c" type: FLOAT }
        feature { name: "unknown" type: FLOAT presence { min_fraction: 1.0 } }
        feature { name: "d" type: FLOAT presence { min_fraction: 1.0 } not_in_environment: "SERVING" }
        """,
    )
    assert {name: each.required for name, each in found.features.items()} == {
        "a": True,
        "b": False,
        "c": False,
        "d": False,
    }


def test_a_graph_that_does_not_say_what_it_parses_may_read_every_column_of_the_schema() -> None:
    schema = """
    feature { name: "x" type: FLOAT } feature { name: "n" type: INT } feature { name: "s" type: BYTES }
    feature { name: "nested" type: STRUCT } feature { name: "y" type: INT }
    """
    found = derived(parsing("serving_default"), schema=schema, label="y")
    assert found.features == {"n": Feature("n", "int64"), "s": Feature("s", "string"), "x": Feature("x", "float32")}


@pytest.mark.parametrize(
    ("first", "second", "prediction"),
    [
        (("output_0",), ("output_0",), "output_0"),
        (("classes", "scores"), ("scores",), "scores"),
        (("probabilities", "output_0"), ("output_0", "probabilities"), "probabilities"),
        (("probabilities",), ("output_0",), None),  # not the same output: which is the prediction can't be told
        (("my_own",), ("my_own",), None),
    ],
)
def test_the_prediction_is_an_output_of_every_signature(
    first: tuple[str, ...], second: tuple[str, ...], prediction: str | None
) -> None:
    a = Feature("a", "float32")
    transform = signature("transform", a, outputs=("a_xf",), role="transform")
    found = derived(signature("one", a, outputs=first), signature("two", a, outputs=second), transform)
    assert found.prediction == prediction


def test_no_signature_that_predicts() -> None:
    found = derived(signature("transform", Feature("a", "float32"), role="transform"))
    assert (found.prediction, found.features, found.predicting()) == (None, {}, ())


def test_what_schema_and_task_promise_of_each_signature() -> None:
    transformed = {"bill_xf": {"argument": "bill_xf", "dtype": "float32", "shape": [1]}}
    promised = derived(parsing("serving_default"), golden=promise(transformed=transformed)).promised
    outputs = {
        "probabilities": TensorSpec("float32", (None, 3)),
        "classes": TensorSpec("string", (None, 3)),
        "label": STRING,
    }
    assert promised == {
        "serving_default": ({"examples": STRING}, outputs),
        "serve_features": ({"c_bill_length": FLOAT, "year": INT}, outputs),
        "transform_features": ({"examples": STRING}, {"row_key_xf": TensorSpec("int64", (None, 1))}),
        "predict_transformed": ({"bill_xf": TensorSpec("float32", (None, 1))}, outputs),
    }
    # An older trainer had no such signature.
    assert "predict_transformed" not in derived(parsing("serving_default"), golden=promise()).promised
