"""Everything that is known of a model, from the trainer's files, the schema, the configuration and its signatures."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from components.artifacts.golden import GoldenContract, prediction_name
from components.smoke_test.config import Expect
from components.smoke_test.export.contract import SCHEMA_DTYPES, Contract, Feature, Signature, TensorSpec
from components.smoke_test.export.saved_model import Export
from preprocessing.config import DECISION_THRESHOLD

SERVE_EXAMPLES, SERVE_FEATURES = "serving_default", "serve_features"
TRANSFORM, PREDICT_TRANSFORMED = "transform_features", "predict_transformed"
_PREDICTIONS = ("probabilities", "value", "scores", "predictions", "output_0", "outputs")

Promise = tuple[Mapping[str, TensorSpec], Mapping[str, TensorSpec]]


def derive_contract(export: Export, golden: GoldenContract | None, schema: Any | None, expect: Expect) -> Contract:
    """The contract of an export.

    Args:
      export: its signatures.
      golden: what its trainer promised, if it left that.
      schema: a schema_pb2.Schema of the raw examples, or None.
      expect: what the configuration says; it goes before the trainer's word.
    """
    task = expect.task or (golden.task if golden else None)
    label = expect.label or (golden.label if golden else None)
    classes = expect.classes or (golden.classes if golden and task != "regression" else None)
    columns = {each.argument: column for column, each in golden.inputs.items()} if golden else {}
    signatures = {name: _named(each, columns) for name, each in export.signatures.items()}
    features = _features(signatures.values(), golden, schema)
    features.pop(label or "", None)
    return Contract(
        task=task,
        classes=classes,
        label=label,
        features=features,
        signatures=signatures,
        prediction=expect.prediction or _prediction(signatures.values(), golden),
        row_key=golden.row_key if golden else None,
        range=expect.range or (golden.range if golden else None),
        importance=golden.importance if golden else None,
        decision_threshold=golden.decision_threshold if golden else DECISION_THRESHOLD,
        missing_words=golden.missing_words if golden else None,
        promised=_promised(golden) if golden else {},
    )


def _named(signature: Signature, columns: Mapping[str, str]) -> Signature:
    """The signature with the raw columns behind its arguments."""
    if signature.kind != "features" or signature.role != "predict":
        return signature
    features = {
        argument: replace(feature, name=columns.get(argument, argument))
        for argument, feature in signature.features.items()
    }
    return replace(signature, features=features)


def _features(signatures: Iterable[Signature], golden: GoldenContract | None, schema: Any | None) -> dict[str, Feature]:
    """The raw features that requests carry: the trainer's word, else what the signatures read."""
    read: dict[str, Feature] = {}
    for signature in signatures:
        if signature.role == "predict":
            for feature in signature.features.values():
                known = read.get(feature.name, feature)
                # What one signature can do without, and another cannot, is required there alone.
                read[feature.name] = replace(known, required=known.required and feature.required)
    if golden is not None:
        read = {name: read.get(name, Feature(name, each.dtype)) for name, each in golden.inputs.items()}
    declared = {each.name: each for each in schema.feature} if schema is not None else {}
    if not read:
        # A graph that does not say what it parses: every column of the schema may matter.
        types = {name: _type_name(each) for name, each in declared.items()}
        read = {name: Feature(name, SCHEMA_DTYPES[kind]) for name, kind in types.items() if kind in SCHEMA_DTYPES}
    return {name: _detailed(feature, declared.get(name)) for name, feature in sorted(read.items())}


def _detailed(feature: Feature, declared: Any | None) -> Feature:
    """Adds the presence that the schema asks for: a column that may be missing in training may be so in serving."""
    if declared is None or not declared.HasField("presence"):
        return feature
    required = feature.required or declared.presence.min_fraction >= 1
    return replace(feature, required=required and "SERVING" not in declared.not_in_environment)


def _type_name(declared: Any) -> str:
    name: str = schema_pb2.FeatureType.Name(declared.type)
    return name


def _prediction(signatures: Iterable[Signature], golden: GoldenContract | None) -> str | None:
    if golden is not None:
        return prediction_name(golden.task)
    outputs = [set(each.outputs) for each in signatures if each.role == "predict"]
    shared = set.intersection(*outputs) if outputs else set[str]()
    return next((name for name in _PREDICTIONS if name in shared), None)


def _promised(golden: GoldenContract) -> dict[str, Promise]:
    """What a Lockgate trainer's signatures take and give, by task."""
    if golden.classes is None:
        outputs = {"value": TensorSpec("float32", (None,))}
    else:
        width = len(golden.classes)
        outputs = {
            "probabilities": TensorSpec("float32", (None, width)),
            "classes": TensorSpec("string", (None, width)),
            "label": TensorSpec("string", (None,)),
        }
    examples = {"examples": TensorSpec("string", (None,))}
    columns = {
        each.argument: TensorSpec(each.dtype, (None, None) if each.several else (None,))
        for each in golden.inputs.values()
    }
    promised: dict[str, Promise] = {
        SERVE_EXAMPLES: (examples, outputs),
        SERVE_FEATURES: (columns, outputs),
        TRANSFORM: (examples, {golden.row_key: TensorSpec("int64", (None, 1))}),
    }
    if golden.transformed:
        inputs = {each.argument: TensorSpec(each.dtype, (None, *each.shape)) for each in golden.transformed.values()}
        promised[PREDICT_TRANSFORMED] = (inputs, outputs)
    return promised
