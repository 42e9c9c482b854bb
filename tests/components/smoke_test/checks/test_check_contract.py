"""Declared signatures against the promise, the schema and the champion."""

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.smoke_test.checks.contract import check_champion_contract, check_schema, check_signatures, unheard_of
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import Contract, Feature, Signature, TensorSpec

TEXTS, FLOATS = TensorSpec("string", (None,)), TensorSpec("float32", (None,))
SERVE = Signature("serve", "features", "predict", {"a": FLOATS, "b": TEXTS}, {"value": FLOATS}, frozenset({"b"}))
FEATURES = {"a": Feature("a", "float32"), "b": Feature("b", "string")}


def contract(*signatures: Signature, **more: Any) -> Contract:
    known: dict[str, Any] = {"task": "regression", "classes": None, "label": "y", "features": FEATURES}
    return Contract(**known | {"signatures": {each.name: each for each in signatures}, "prediction": "value"} | more)


def schema(text: str) -> Any:
    return text_format.Parse(text, schema_pb2.Schema())


def test_features_of_the_schema() -> None:
    good = schema('feature { name: "a" type: FLOAT } feature { name: "b" type: BYTES } feature { name: "y" type: INT }')
    assert [each.status for each in check_schema(contract(), good)] == ["passed"]
    # A whole number is a number too.
    whole = schema('feature { name: "a" type: INT } feature { name: "b" type: BYTES }')
    assert [each.status for each in check_schema(contract(), whole)] == ["passed"]
    [bad] = check_schema(contract(), schema('feature { name: "a" type: BYTES }'))
    assert bad.status == "failed"
    assert bad.received == "'a' is BYTES in the schema and float32 in the model; 'b' is not in the schema"
    assert [each.status for each in check_schema(contract(), None)] == ["skipped"]
    assert [each.status for each in check_schema(contract(features={}), good)] == ["skipped"]


PROMISE = {"serve": (dict(SERVE.inputs), dict(SERVE.outputs))}


def test_a_promise_that_is_kept() -> None:
    assert [each.status for each in check_signatures(contract(SERVE, promised=PROMISE))] == ["passed"]
    # The graph may not know the size of an output before it runs.
    open_output = replace(SERVE, outputs={"value": TensorSpec("float32", None)})
    assert [each.status for each in check_signatures(contract(open_output, promised=PROMISE))] == ["passed"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"inputs": {"a": FLOATS}}, "no input 'b'"),
        ({"inputs": {"a": FLOATS, "b": TEXTS, "y": FLOATS}}, "input 'y' was not promised"),
        ({"inputs": {"a": TensorSpec("int32", (None,)), "b": TEXTS}}, "input 'a' is int32 [?] instead of float32 [?]"),
        ({"inputs": {"a": TensorSpec("float32", (32,)), "b": TEXTS}}, "'a' is float32 [32] instead of float32 [?]"),
        ({"inputs": {"a": TensorSpec("float32", (None, 1)), "b": TEXTS}}, "'a' is float32 [?, 1] instead"),
        ({"inputs": {"a": TensorSpec("float32", None), "b": TEXTS}}, "'a' is float32 of unknown rank instead"),
        ({"outputs": {"values": FLOATS}}, "no output 'value'; output 'values' was not promised"),
        ({"outputs": {"value": TensorSpec("float64", (None,))}}, "output 'value' is float64 [?] instead of float32"),
        ({"outputs": {"value": TensorSpec("float32", (None, 1))}}, "output 'value' is float32 [?, 1] instead"),
    ],
)
def test_a_promise_that_is_broken(change: Any, says: str) -> None:
    [result] = check_signatures(contract(replace(SERVE, **change), promised=PROMISE))
    assert (result.status, result.signature) == ("failed", "serve")
    assert says in result.received
    assert result.hint


def test_a_promised_signature_that_is_not_there() -> None:
    failed, other = check_signatures(contract(replace(SERVE, name="other"), promised=PROMISE))
    assert (failed.status, failed.received) == ("failed", "no such signature, only other")
    assert (other.status, other.signature) == ("passed", "other")


def test_a_transform_signature_may_give_more_than_its_row_key() -> None:
    key = TensorSpec("int64", (None, 1))
    transform = Signature("t", "examples", "transform", {"examples": TEXTS}, {"key": key, "a_xf": FLOATS})
    promised = {"t": ({"examples": TEXTS}, {"key": key})}
    assert [each.status for each in check_signatures(contract(transform, promised=promised))] == ["passed"]


def test_without_a_promise_batches_must_be_open() -> None:
    assert [each.status for each in check_signatures(contract(SERVE))] == ["passed"]
    [fixed] = check_signatures(contract(replace(SERVE, inputs={"a": TensorSpec("float32", (32, 4))})))
    assert (fixed.status, fixed.received) == ("failed", "input 'a' is float32 [32, 4]")


@pytest.mark.parametrize(
    ("shape", "passes"), [((), False), ((5,), False), ((1, 2), False), ((None, 2), True), (None, True)]
)
def test_without_a_promise_every_output_must_follow_the_batch(shape: Any, passes: bool) -> None:
    outputs = {"value": FLOATS, "other": TensorSpec("int64", shape)}
    [found] = check_signatures(contract(replace(SERVE, outputs=outputs)))
    assert found.status == ("passed" if passes else "failed")
    assert passes or found.received == f"output 'other' is {outputs['other']}, the same size for every batch"
    # Where no input has a batch, no output can have one.
    single = replace(SERVE, inputs={"a": TensorSpec("float32", ())}, outputs=outputs)
    assert [each.status for each in check_signatures(contract(single))] == ["passed"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "renamed"}, "no signature 'serve'"),
        ({"inputs": {"a": FLOATS}}, "serve takes no 'b' any more"),
        ({"inputs": {"a": TEXTS, "b": TEXTS}}, "serve takes 'a' as string [?] instead of float32 [?]"),
        ({"inputs": {**SERVE.inputs, "c": FLOATS}}, "serve needs 'c' too"),
        ({"outputs": {}}, "serve gives no 'value' any more"),
        ({"outputs": {"value": TensorSpec("float64", (None,))}}, "serve gives 'value' as float64 [?] instead"),
        ({"outputs": {"value": TensorSpec("float32", (None, 5))}}, "serve gives 'value' as float32 [?, 5] instead"),
    ],
)
def test_a_client_of_the_champion_that_would_break(change: Any, says: str) -> None:
    candidate = contract(replace(SERVE, **change))
    [result] = check_champion_contract(candidate, contract(SERVE), SmokeTestConfig())
    assert (
        (result.status, result.received) == ("failed", says) if "instead" not in says else ("failed", result.received)
    )
    assert says in result.received
    accepted = SmokeTestConfig(accept_contract_change=True)
    assert [each.status for each in check_champion_contract(candidate, contract(SERVE), accepted)] == ["skipped"]


def test_additions_break_no_client() -> None:
    wider = replace(
        SERVE,
        inputs={**SERVE.inputs, "c": FLOATS},
        outputs={**SERVE.outputs, "more": FLOATS},
        defaults=frozenset({"b", "c"}),
    )
    candidate = contract(wider, replace(SERVE, name="new"))
    results = check_champion_contract(candidate, contract(SERVE), SmokeTestConfig())
    assert [each.status for each in results] == ["passed"]
    [skipped] = check_champion_contract(candidate, "no champion was given", SmokeTestConfig())
    assert (skipped.status, skipped.received) == ("skipped", "no champion was given")


def test_inputs_that_no_request_can_be_made_of() -> None:
    assert unheard_of(contract(SERVE)) is None
    failure = unheard_of(contract(replace(SERVE, inputs={"table": TensorSpec("resource", ())})))
    assert failure is not None
    assert (failure.check, failure.status, failure.received) == ("signatures", "failed", "input 'table' is resource []")


def test_other_classes_break_clients() -> None:
    classes = {"task": "multiclass", "classes": ("x", "y")}
    other = contract(SERVE, **classes | {"classes": ("y", "x")})
    [result] = check_champion_contract(other, contract(SERVE, **classes), SmokeTestConfig())
    assert (result.status, result.received) == ("failed", "classes ['y', 'x'] instead of ['x', 'y']")


SERVING = "tensorflow/serving/"
TOLD = {"classes": TensorSpec("string", (None, 3)), "scores": TensorSpec("float32", (None, 3))}


@pytest.mark.parametrize(
    ("method", "inputs", "outputs", "says"),
    [
        ("predict", {"x": FLOATS}, {"value": FLOATS}, ""),
        ("classify", {"inputs": TEXTS}, TOLD, ""),
        ("classify", {"inputs": TEXTS}, {"scores": TOLD["scores"]}, ""),
        ("classify", {"inputs": TEXTS}, {"probabilities": TOLD["scores"]}, "gives 'classes' and 'scores' and nothing"),
        ("classify", {"x": FLOATS}, TOLD, "takes serialized tf.Examples as 'inputs'"),
        ("regress", {"inputs": TEXTS}, {"outputs": FLOATS}, ""),
        ("regress", {"inputs": TEXTS}, {"value": FLOATS}, "declared for 'regress'"),
        ("regress", {"inputs": TEXTS}, {}, "declared for 'regress'"),
        ("embed", {"x": FLOATS}, {"value": FLOATS}, "which the Predict API refuses"),
    ],
)
def test_the_api_that_a_signature_is_declared_for(method: str, inputs: Any, outputs: Any, says: str) -> None:
    one = replace(SERVE, inputs=inputs, outputs=outputs, defaults=frozenset(), method=SERVING + method)
    [found] = check_signatures(contract(one))
    assert found.status == ("failed" if says else "passed")
    assert says in found.received


def test_a_signature_that_is_declared_for_nothing() -> None:
    [found] = check_signatures(contract(replace(SERVE, method="")))
    assert "method_name ''" in found.received
