"""The declared signatures against what schema, task and champion ask for. Nothing is executed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from components.smoke_test.bench.requests import takes_batches
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import SCHEMA_DTYPES, Contract, Signature, TensorSpec
from components.smoke_test.report import CheckResult

_OTHER_SCHEMA = "the model was exported with another schema: train again"
_METHODS = {"classify": ("classes", "scores"), "regress": ("outputs",)}
"""The APIs of TensorFlow Serving that look for outputs of certain names."""
_ASKABLE = re.compile(r"u?int\d+|float(16|32|64)|bool|string")


def check_schema(contract: Contract, schema: Any | None) -> Iterator[CheckResult]:
    """The features that the model asks for are columns of the schema, of the same type, and the label is not one."""
    expected = "features that the schema knows"
    if schema is None:
        yield CheckResult.skips("schema", "no schema was given")
        return
    if not contract.features:
        yield CheckResult.skips("schema", "the signatures do not say which features they read")
        return
    types = {each.name: schema_pb2.FeatureType.Name(each.type) for each in schema.feature}
    problems = []
    for name, feature in contract.features.items():
        if name not in types:
            problems.append(f"{name!r} is not in the schema")
        elif SCHEMA_DTYPES.get(types[name]) != feature.dtype and (types[name], feature.dtype) != ("INT", "float32"):
            problems.append(f"{name!r} is {types[name]} in the schema and {feature.dtype} in the model")
    if problems:
        yield CheckResult.fails("schema", expected, "; ".join(problems[:5]), hint=_OTHER_SCHEMA)
    else:
        yield CheckResult.passes("schema", expected, f"{len(contract.features)} features")


def check_signatures(contract: Contract) -> Iterator[CheckResult]:
    """Every promised signature exists, with the promised inputs and outputs; every batch dimension is open."""
    for name, (inputs, outputs) in contract.promised.items():
        yield _promised(name, contract.signatures.get(name), inputs, outputs, contract)
    for name, signature in contract.signatures.items():
        if name not in contract.promised:
            yield _method(signature) or _open_batches(signature)


def _promised(
    name: str,
    declared: Signature | None,
    inputs: Mapping[str, TensorSpec],
    outputs: Mapping[str, TensorSpec],
    contract: Contract,
) -> CheckResult:
    expected = f"takes {_listed(inputs)}; gives {_listed(outputs)}"
    if declared is None:
        return CheckResult.fails(
            "signatures",
            expected,
            f"no such signature, only {', '.join(sorted(contract.signatures))}",
            signature=name,
            hint="a server would refuse the documented request: look at the trainer's export",
        )
    problems = [*_differences(inputs, declared.inputs, "input")]
    # A transform signature gives all transformed features; only the row key is promised by name.
    given = {each: spec for each, spec in declared.outputs.items() if each in outputs or declared.role != "transform"}
    problems += _differences(outputs, given, "output")
    if problems:
        return CheckResult.fails(
            "signatures",
            expected,
            "; ".join(problems),
            signature=name,
            hint="clients would break: the export differs from the schema and task that the model was trained with",
        )
    return CheckResult.passes("signatures", expected, signature=name)


def _differences(promised: Mapping[str, TensorSpec], declared: Mapping[str, TensorSpec], kind: str) -> Iterator[str]:
    for name in sorted(set(promised) | set(declared)):
        if name not in declared:
            yield f"no {kind} {name!r}"
        elif name not in promised:
            yield f"{kind} {name!r} was not promised"
        elif not _compatible(promised[name], declared[name], exact=kind == "input"):
            yield f"{kind} {name!r} is {declared[name]} instead of {promised[name]}"


def _compatible(promised: TensorSpec, declared: TensorSpec, *, exact: bool) -> bool:
    if promised.dtype != declared.dtype:
        return False
    if declared.shape is None or promised.shape is None:
        return declared.shape == promised.shape or not exact
    if len(declared.shape) != len(promised.shape):
        return False
    # A graph may not know the size of an output before it runs; the answers are measured later.
    return all(
        want == have or (have is None and not exact) for want, have in zip(promised.shape, declared.shape, strict=True)
    )


def _method(signature: Signature) -> CheckResult | None:
    """The failure of a signature that the API of TensorFlow Serving which it is declared for can't ask.

    See classifier.cc, regressor.cc and predict_util.cc there: Predict takes any of the three.
    """
    problem, prefix = "", "tensorflow/serving/"
    kind = signature.method.removeprefix(prefix) if signature.method.startswith(prefix) else ""
    if kind in _METHODS:
        outputs = _METHODS[kind]
        if not (signature.outputs and signature.outputs.keys() <= {*outputs} and [*signature.inputs] == ["inputs"]):
            wanted = " and ".join(repr(name) for name in outputs)
            problem = f"takes {_listed(signature.inputs)}; gives {_listed(signature.outputs)}; declared for {kind!r}"
            problem += f", which takes serialized tf.Examples as 'inputs', and gives {wanted} and nothing else"
    elif kind != "predict":
        problem = f"method_name {signature.method!r}, which the Predict API refuses"
    if not problem:
        return None
    hint = "export it with method_name tensorflow/serving/predict, or with the names that its API looks for"
    expected = "a method_name whose API can ask the signature"
    return CheckResult.fails("signatures", expected, problem, signature=signature.name, hint=hint)


def _open_batches(signature: Signature) -> CheckResult:
    """A signature without a promise: the least is that its batch dimension is not fixed, and every output has it."""
    fixed = [
        f"input {name!r} is {spec}"
        for name, spec in sorted(signature.inputs.items())
        if spec.shape and spec.shape[0] is not None
    ]
    hint = "export with None as the first dimension of every input"
    expected = "inputs and outputs for a batch of any size"
    if not fixed and takes_batches(signature):
        hint = (
            "REST and the server's batching need a row of every output for each row of the request: repeat it for "
            "each row, or put it into a signature of its own"
        )
        fixed = [
            f"output {name!r} is {spec}, the same size for every batch"
            for name, spec in sorted(signature.outputs.items())
            if spec.shape is not None and (spec.shape == () or spec.shape[0] is not None)
        ]
    if fixed:
        return CheckResult.fails("signatures", expected, "; ".join(fixed), signature=signature.name, hint=hint)
    return CheckResult.passes("signatures", expected, f"takes {_listed(signature.inputs)}", signature=signature.name)


def unheard_of(contract: Contract) -> CheckResult | None:
    """The failure of a signature whose inputs have types that no request can be made of, a resource for example."""
    for signature in contract.predicting():
        for name, spec in sorted(signature.inputs.items()):
            if not _ASKABLE.fullmatch(spec.dtype):
                return CheckResult.fails(
                    "signatures",
                    "inputs of numbers, booleans or strings",
                    f"input {name!r} is {spec}",
                    signature=signature.name,
                    hint="export this signature with another type, or without it",
                )
    return None


def check_champion_contract(
    contract: Contract, champion: Contract | str, config: SmokeTestConfig
) -> Iterator[CheckResult]:
    """A client of the champion can ask the candidate without a change; a text says why there is no champion."""
    if isinstance(champion, str):
        yield CheckResult.skips("champion_contract", champion)
        return
    if config.accept_contract_change:
        yield CheckResult.skips("champion_contract", "smoke_test.accept_contract_change is true")
        return
    problems = [*_broken_clients(contract, champion)]
    if contract.classes != champion.classes and None not in (contract.classes, champion.classes):
        problems.append(f"classes {list(contract.classes or ())} instead of {list(champion.classes or ())}")
    expected = "whatever the champion's clients send and read"
    if problems:
        hint = "change the clients, then set `smoke_test: {accept_contract_change: true}` for the run that replaces it"
        yield CheckResult.fails("champion_contract", expected, "; ".join(problems[:5]), hint=hint)
    else:
        yield CheckResult.passes("champion_contract", expected, f"{len(champion.signatures)} signatures as before")


def _broken_clients(contract: Contract, champion: Contract) -> Iterator[str]:
    """What a client that works with the champion would stumble over; additions break nobody."""
    yield from (f"no signature {name!r}" for name in sorted(set(champion.signatures) - set(contract.signatures)))
    # What Transform's features are called is no client's business.
    for old in champion.predicting():
        new = contract.signatures.get(old.name)
        if new is None:
            continue
        for name, spec in old.inputs.items():
            if name not in new.inputs:
                yield f"{old.name} takes no {name!r} any more"
            elif new.inputs[name] != spec:
                yield f"{old.name} takes {name!r} as {new.inputs[name]} instead of {spec}"
        for name in sorted(set(new.inputs) - set(old.inputs) - new.defaults):
            yield f"{old.name} needs {name!r} too"
        for name, spec in old.outputs.items():
            if name not in new.outputs:
                yield f"{old.name} gives no {name!r} any more"
            elif not _compatible(spec, new.outputs[name], exact=False):
                yield f"{old.name} gives {name!r} as {new.outputs[name]} instead of {spec}"


def _listed(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"{name}: {spec}" for name, spec in sorted(specs.items())) or "nothing"
