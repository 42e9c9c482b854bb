"""The check `defaults`: a value that is left out gets the answer of its declared default, sent as a value."""

from collections.abc import Iterator, Mapping

from components.smoke_test.bench.altered import Batch, evenly
from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.compare import difference, text
from components.smoke_test.bench.probes import good_rows
from components.smoke_test.bench.requests import strings
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.checks.by_signature import by_signature
from components.smoke_test.export.contract import Signature
from components.smoke_test.export.parsed_features import parsed_defaults
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import Answer
from preprocessing.text import listed, one_line

_CHECK: CheckName = "defaults"
_ROWS = 3
_MOST_COLUMNS = 48
_SHOWN = 5
_EXPECTED = "the same answer without a value as with its declared default"
_HINT = (
    "what the signature fills in is not what the graph takes a missing value for: a client that leaves the value out, "
    "and one that sends the default, are told different things; declare the value that training used for missing ones"
)


def check_defaults(bench: Bench) -> Iterator[CheckResult]:
    """`defaults`: by signature, each column that may be left out, left out and sent with its default.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    yield from by_signature(bench, _CHECK, _of_signature)


def _of_signature(bench: Bench, signature: Signature, slot: Slot) -> Iterator[CheckResult]:
    defaults = _defaults(bench, signature)
    seconds = 2 * _ROWS * bench.row_seconds[signature.name]
    most = int(slot.left() / max(seconds, 1e-3))
    chosen = {name: defaults[name] for name in evenly(sorted(defaults), min(most, _MOST_COLUMNS))}
    if not defaults:
        yield CheckResult.skips(_CHECK, "it declares no default", signature=signature.name)
    elif not chosen:
        yield CheckResult.skips(_CHECK, "no time: see smoke_test.search.seconds", signature=signature.name)
    else:
        yield _compared(bench, signature, chosen)


def _defaults(bench: Bench, signature: Signature) -> dict[str, Array]:
    """The declared defaults of one row by column, flat; of arguments only those of one row or of one value."""
    if signature.kind == "examples":
        [info] = bench.export.meta_graph.signature_def[signature.name].inputs.values()
        found = parsed_defaults(bench.export.graph, info.name)
        return {name: values for name, values in found.items() if name != bench.contract.label}
    return {
        signature.features[argument].name: values
        for argument, values in signature.row_defaults.items()
        if argument in signature.features
        and signature.inputs[argument].shape
        and signature.features[argument].name != bench.contract.label
    }


def _compared(bench: Bench, signature: Signature, defaults: Mapping[str, Array]) -> CheckResult:
    ours = signature.name in bench.contract.promised
    # Who declares a default of one row has not said that it serves a batch.
    rows = good_rows(bench, _ROWS if ours or signature.kind == "examples" else 1)
    batch = Batch(signature, rows)
    requests = []
    for column, values in defaults.items():
        default = strings([_bytes(each) for each in values]) if values.dtype.kind in "OSU" else values
        requests += [batch.without(column), batch.request({column: [default] * len(rows)})]
    answers = bench.session.ask(requests, phase=_CHECK)
    faults = {}
    for column, left_out, sent in zip(defaults, answers[::2], answers[1::2], strict=True):
        if (fault := _fault(bench, left_out, sent)) is not None:
            faults[column] = fault
    if not faults:
        received = f"true of {listed(list(defaults), _SHOWN)}"
        return CheckResult.passes(
            _CHECK, _EXPECTED, received, signature=signature.name, tolerance=bench.tolerance(_CHECK)
        )
    column = next(iter(faults))
    expected, received = faults[column]
    more = f" (and {listed(list(faults)[1:], _SHOWN)})" if len(faults) > 1 else ""
    return CheckResult.fails(
        _CHECK,
        f"{_EXPECTED} {text(defaults[column])}: {expected}",
        f"{received}{more}",
        case=column,
        signature=signature.name,
        tolerance=bench.tolerance(_CHECK),
        hint=_HINT,
    )


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _fault(bench: Bench, left_out: Answer, sent: Answer) -> tuple[str, str] | None:
    """What is expected and what came; None where both are the same, or both are refused."""
    if left_out.error is not None and sent.error is not None:
        return None
    if left_out.error is not None or sent.error is not None:
        which = "left out" if left_out.error is not None else "sent"
        return "an answer", f"{which}: {one_line(left_out.error or sent.error, LONGEST_MESSAGE)}"
    tolerance, contract = bench.tolerance(_CHECK), bench.contract
    found = difference(
        sent.outputs,
        left_out.outputs,
        tolerance=tolerance,
        task=contract.task,
        threshold=contract.decision_threshold,
    )
    return None if found is None else (found.expected_in_words, found.received_in_words)
