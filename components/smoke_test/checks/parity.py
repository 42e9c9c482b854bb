"""The same rows get the same numbers: from the trainer, from Transform's own graph, and from every signature."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.common_values import common_values, said_of
from components.smoke_test.bench.compare import Difference, compare_output, largest
from components.smoke_test.bench.requests import serialized
from components.smoke_test.bench.resemblance import resemblance
from components.smoke_test.checks.agreement import Answered, check_agreement
from components.smoke_test.checks.answers import NO_ANSWER, NO_SIGNATURE
from components.smoke_test.export.contract import Contract, Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import Answer, ModelError, Request
from preprocessing.features import RESERVED_SUFFIX
from preprocessing.text import one_line

Array = NDArray[Any]
Outputs = Mapping[str, Array]

_PHASE = "parity"
_NO_GOLDEN = "the trainer left no predictions to compare with"
_NO_GRAPH = "no TransformGraph was given"
_NO_TRANSFORM = "no signature gives transformed features of examples"
NOT_AS_TRAINED = (
    "the exported model is not the one that was trained, or prepares rows in another way: another vocabulary, another "
    "mean, a column dropped; the check `transform_parity` says which transformed feature differs"
)
_VOCABULARY = (
    "the export carries the preprocessing of another run: a stale vocabulary among its assets, or other means and "
    "bounds; export it again from this TransformGraph"
)


@dataclass(frozen=True)
class Transformed:
    """The rows after preprocessing, and what the model answers to them.

    Attributes:
      features: the transformed features by name, [batch, ...].
      answer: what `signature` gave for them; None when there is no such signature, or it can't be asked.
      signature: the one that takes transformed features.
    """

    features: Outputs
    answer: Answer | None = None
    signature: Signature | None = None


def check_parity(bench: Bench) -> Iterator[CheckResult]:
    """`golden`, `parity`, `transform_parity`, `signatures_agree`.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    yield _golden(bench)
    if not bench.contract.predicting():
        for check in _COMPARISONS:
            yield CheckResult.skips(check, NO_SIGNATURE)
        return
    examples = serialized(bench.rows.rows)
    own = _by_export(bench, examples)
    graphs = _by_graph(bench, examples)
    yield from _parity(bench, own, graphs)
    yield from _transform_parity(bench, own, graphs)
    yield from check_agreement(bench, _answered(own))


_COMPARISONS: tuple[CheckName, ...] = ("parity", "transform_parity", "signatures_agree")


def _golden(bench: Bench) -> CheckResult:
    """Whether there are predictions of the trainer for the rows."""
    expected = "rows that the trainer has predicted"
    if bench.rows.golden is not None:
        return CheckResult.passes("golden", expected, f"{len(bench.rows)} rows")
    if bench.contract.row_key is None or bench.rows.made:
        return CheckResult.skips(
            "golden", _NO_GOLDEN if not bench.rows.made else "there are no examples, only made rows"
        )
    hint = "export the signature `transform_features`, which gives each row's key"
    return CheckResult.fails("golden", expected, f"no signature gives {bench.contract.row_key}", hint=hint)


def _by_export(bench: Bench, examples: Array) -> Transformed | CheckResult | str:
    """What the export's own transform signature makes of the rows, label included, as in training."""
    signature = _first(bench.contract, "transform")
    if signature is None:
        return _NO_TRANSFORM
    [(argument, spec)] = signature.inputs.items()
    if spec.shape == ():
        return _NO_TRANSFORM
    [answer] = bench.session.ask([Request(signature.name, {argument: examples})], phase=_PHASE)
    if answer.error is None:
        return _asked(bench, answer.outputs)
    if bench.rows.golden is None:
        # Somebody else's signature may need what these rows don't have.
        return f"the signature {signature.name} can't transform these rows: {one_line(answer.error, LONGEST_MESSAGE)}"
    hint = "it gave the keys of these rows before: is it a state that changes with each call?"
    return CheckResult.fails(
        "transform_parity",
        "transformed features",
        one_line(answer.error, LONGEST_MESSAGE),
        signature=signature.name,
        hint=hint,
    )


def _by_graph(bench: Bench, examples: Array) -> Transformed | CheckResult | str:
    """What Transform's own graph makes of them."""
    if bench.transform_graph is None:
        return _NO_GRAPH
    if bench.rows.made:
        return "there are no examples to transform, only made rows"
    answer = bench.session.transform(bench.transform_graph, examples)
    if answer.error is None:
        return _asked(bench, answer.outputs)
    hint = "is it the TransformGraph of the run that trained this model, and are these its examples?"
    return CheckResult.fails(
        "transform_parity",
        "the TransformGraph to transform the rows",
        one_line(answer.error, LONGEST_MESSAGE),
        hint=hint,
    )


def _asked(bench: Bench, features: Outputs) -> Transformed:
    """Transformed features, with the answer to them."""
    signature = _first(bench.contract, "transformed")
    if signature is None:
        return Transformed(features)
    inputs = _arguments(signature, features)
    if not isinstance(inputs, str):
        [answer] = bench.session.ask([Request(signature.name, inputs)], phase=_PHASE)
        return Transformed(features, answer, signature)
    if signature.name not in bench.contract.promised:
        return Transformed(features)
    return Transformed(features, Answer(error=ModelError("NotFound", f"no transformed feature {inputs}")), signature)


def _arguments(signature: Signature, features: Outputs) -> dict[str, Array] | str:
    """Transformed features as the inputs of a signature, or the name of one that is not there.

    A feature whose name can't be an argument has more suffixes of our own names there, and a column of numbers may be
    [batch] here and [batch, 1] there.
    """
    inputs = {}
    for argument, spec in signature.inputs.items():
        name = argument
        while name not in features and name.endswith(RESERVED_SUFFIX):
            name = name.removesuffix(RESERVED_SUFFIX)
        values = features.get(name)
        if values is None or (spec.dtype == "string") != (values.dtype == object):
            return argument
        inner = [size for size in (spec.shape or (None,))[1:] if size is not None]
        if spec.shape and len(inner) == len(spec.shape) - 1 and len(values) * int(np.prod(inner)) == values.size:
            values = values.reshape([len(values), *inner])
        inputs[argument] = values if spec.dtype == "string" else values.astype(np.dtype(spec.dtype), copy=False)
    return inputs


def _parity(
    bench: Bench, own: Transformed | CheckResult | str, graphs: Transformed | CheckResult | str
) -> Iterator[CheckResult]:
    """The trainer's predictions, against every way to ask the export."""
    if bench.rows.golden is None:
        yield CheckResult.skips("parity", _NO_GOLDEN)
        return
    answers = [
        (each, bench.answers[each.name], "")
        for each in bench.answering()
        if each.name in bench.contract.promised or bench.contract.prediction in each.outputs
    ]
    for transformed, case in ((own, ""), (graphs, "transform graph and model")):
        if (
            isinstance(transformed, Transformed)
            and transformed.signature is not None
            and transformed.answer is not None
        ):
            answers.append((transformed.signature, transformed.answer, case))
    if not answers:
        yield CheckResult.skips("parity", NO_ANSWER)
    for signature, answer, case in answers:
        yield _against_golden(bench, bench.rows.golden, answer).model_copy(
            update={"signature": signature.name, "case": case}
        )


def _against_golden(bench: Bench, golden: Array, answer: Answer) -> CheckResult:
    tolerance = bench.tolerance("parity")
    expected = f"the trainer's own predictions for {len(golden)} rows"
    if answer.error is not None:
        return CheckResult.fails("parity", expected, one_line(answer.error, LONGEST_MESSAGE), hint=NOT_AS_TRAINED)
    numbers = bench.numbers(answer)
    if numbers is None:
        hint = "see the check `outputs`"
        return CheckResult.fails("parity", expected, f"no output {bench.contract.prediction}", hint=hint)
    if numbers.size == golden.size:
        numbers = numbers.reshape(golden.shape)
    name = bench.contract.prediction or ""
    found = compare_output(name, golden, numbers, tolerance=tolerance, task=bench.contract.task)
    if found is None:
        off = largest(golden, numbers, task=bench.contract.task)
        return CheckResult.passes("parity", expected, f"off by up to {off:.3g}", tolerance=tolerance)
    result = _differs(bench, "parity", found, hint=NOT_AS_TRAINED)
    return result if found.whole else _with_evidence(bench, result, golden, numbers)


def _with_evidence(bench: Bench, result: CheckResult, golden: Array, numbers: Array) -> CheckResult:
    """The result with what the wrong rows have in common, or what was done to their numbers, before the hint."""
    tolerance, task = bench.tolerance("parity"), bench.contract.task
    wrong = np.array(
        [
            compare_output("", golden[i : i + 1], numbers[i : i + 1], tolerance=tolerance, task=task, like=golden)
            is not None
            for i in range(len(golden))
        ]
    )
    column, values = common_values(bench.rows.rows, wrong, bench.contract.features)
    evidence = said_of(column, values, int(wrong.sum())) if column else resemblance(golden, numbers, tolerance)
    return result.model_copy(update={"hint": f"{evidence}; {NOT_AS_TRAINED}"}) if evidence else result


def _transform_parity(
    bench: Bench, own: Transformed | CheckResult | str, graphs: Transformed | CheckResult | str
) -> Iterator[CheckResult]:
    """Each transformed feature, from the export and from Transform's graph."""
    for each in (own, graphs):
        if isinstance(each, CheckResult):
            yield each
    if isinstance(own, CheckResult) or isinstance(graphs, CheckResult):
        return
    reason = next((each for each in (graphs, own) if isinstance(each, str)), "")
    if isinstance(own, str) or isinstance(graphs, str):
        yield CheckResult.skips("transform_parity", reason)
        return
    shared = sorted(set(own.features) & set(graphs.features))
    if not shared:
        yield CheckResult.skips("transform_parity", "the signature and the TransformGraph have no feature in common")
        return
    signature = _first(bench.contract, "transform")
    tolerance = bench.tolerance("transform_parity")
    found = {}
    for name in shared:
        wanted, received = graphs.features[name], own.features[name]
        if wanted.size == received.size:
            # [batch] and [batch, 1] hold the same.
            received = received.reshape(wanted.shape)
        differing = compare_output(name, wanted, received, tolerance=tolerance, task=None)
        if differing is not None:
            found[name] = differing
    more: dict[str, Any] = {"signature": signature.name if signature else None}
    if not found:
        expected = f"the {len(shared)} transformed features of the TransformGraph"
        yield CheckResult.passes("transform_parity", expected, tolerance=tolerance, **more)
        return
    first, *others = found
    result = _differs(bench, "transform_parity", found[first], hint=_VOCABULARY, case=first, **more)
    also = f"; {', '.join(others[:10])} differ too" if others else ""
    yield result.model_copy(update={"received": result.received + also})


def _answered(own: Transformed | CheckResult | str) -> Answered | None:
    """The signature that takes transformed features, where it has answered."""
    if not isinstance(own, Transformed) or own.signature is None or own.answer is None or own.answer.error is not None:
        return None
    return Answered(own.signature, own.answer)


def _differs(bench: Bench, check: CheckName, found: Difference, **more: Any) -> CheckResult:
    return CheckResult.fails(
        check,
        found.expected_in_words,
        found.received_in_words,
        row=None if found.whole or found.row >= len(bench.rows) else bench.rows.positions[found.row],
        tolerance=bench.tolerance(check),
        **more,
    )


def _first(contract: Contract, role: str) -> Signature | None:
    """The first signature of a role; one that transforms takes serialized examples."""
    kind = "examples" if role == "transform" else "features"
    named = (contract.signatures[name] for name in sorted(contract.signatures))
    return next((each for each in named if each.role == role and each.kind == kind), None)
