"""Check `rest`: what a server's REST interface can read and write.

gRPC carries every tensor. REST turns them into JSON and back, and TensorFlow Serving does that for some types only
(tensorflow_serving/util/json_tensor.cc); a text that is not UTF-8 breaks the JSON unless its output's name ends with
`_bytes`, which has it written in base64 (tensorflow/serving#1993); and `predictions` are rows, so every output needs
one for each (tensorflow/serving#1047, #2043).
"""

from collections.abc import Iterator, Mapping

from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.requests import takes_batches
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Answer
from preprocessing.text import sentences

REST_TYPES = frozenset(
    {"float32", "float64", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64", "bool", "string"}
)
"""What TensorFlow Serving reads from JSON, and writes to it."""
_BYTES = "_bytes"
_EXPECTED = "inputs and outputs that a server can read from JSON and write to it"
_TYPE_HINT = "cast it in the export, to float32 or int32 for example"
_BYTES_HINT = f"name the output with {_BYTES} at the end: then REST writes it in base64; or make it a text in UTF-8"
_ROWS_HINT = "give every output one row for each row of the request, or put this one into a signature of its own"
_GRPC = "; where no client uses REST, say `smoke_test: {clients: [grpc]}`"
_NAMED = 3


def check_rest(bench: Bench) -> Iterator[CheckResult]:
    """One result for each signature: its declared types, and the texts and shapes of its answer to the real rows.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    if not bench.contract.predicting():
        yield CheckResult.skips("rest", "no signature gives predictions")
    for signature in bench.contract.predicting():
        answer = bench.answers[signature.name]
        faults = [*_types(signature.inputs, "input"), *_types(signature.outputs, "output")]
        hint = _TYPE_HINT
        if not faults and (faults := [*_texts(answer)]):
            hint = _BYTES_HINT
        if not faults and takes_batches(signature) and (faults := [*_rows(answer, len(bench.rows))]):
            hint = _ROWS_HINT
        if faults:
            received = sentences(faults, _NAMED)
            yield CheckResult.fails("rest", _EXPECTED, received, signature=signature.name, hint=hint + _GRPC)
        else:
            yield CheckResult.passes("rest", _EXPECTED, signature=signature.name)


def _types(specs: Mapping[str, TensorSpec], kind: str) -> Iterator[str]:
    for name, spec in sorted(specs.items()):
        if spec.dtype not in REST_TYPES:
            yield f"{kind} {name!r} is {spec.dtype}, for which TensorFlow Serving has no JSON"


def _texts(answer: Answer) -> Iterator[str]:
    for name, array in sorted(answer.outputs.items()):
        if array.dtype == object and not name.endswith(_BYTES) and (first := _first_bytes(array)) is not None:
            yield f"output {name!r} holds bytes that are not UTF-8: {first[:16]!r}"


def _first_bytes(array: Array) -> bytes | None:
    for value in array.reshape(-1).tolist():
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            return bytes(value)
    return None


def _rows(answer: Answer, rows: int) -> Iterator[str]:
    for name, array in sorted(answer.outputs.items()):
        if array.ndim == 0:
            yield f"output {name!r} is a single value"
        elif len(array) != rows:
            yield f"output {name!r} has {len(array)} rows for the {rows} of the request"
