"""The requests that travel with an export: TensorFlow Serving sends them when it loads it, and loads it for no other.

A request for a signature or an input of an older version stops the server (tensorflow_serving/servables/tensorflow/
saved_model_warmup_util.cc): it reports the error as one of loading.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.requests import Array
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import Request
from preprocessing.text import counted, listed, one_line

_CHECK: CheckName = "loads"
_CASE = "warm-up requests"
FILE = Path("assets.extra", "tf_serving_warmup_requests")
_DEFAULT = "serving_default"
_MOST_RECORDS = 1000
"""TensorFlow Serving refuses a file with more."""
_REPLAYED = 20
_EXPECTED = f"warm-up requests ({FILE}) that this export answers"
_HINT = f"record {FILE} anew with this version, or leave it out: TensorFlow Serving does not load the model with it"


@dataclass(frozen=True)
class _Recorded:
    """One request of the file: for which signature, and its tensors where it asks for predictions by name."""

    signature: str
    inputs: dict[str, Array] | None


def check_warmup(bench: Bench) -> Iterator[CheckResult]:
    """A result of `loads` where the export brings warm-up requests.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    file = bench.export.folder / FILE
    if not file.is_file():
        return
    try:
        records = _records(file)
    except tf.errors.OpError as error:
        yield _fails(f"the file can't be read: {one_line(error.message, LONGEST_MESSAGE)}")
        return
    except (DecodeError, ValueError, TypeError) as error:
        # Whoever wrote it may not use it with TensorFlow Serving.
        yield _fails(f"a record that isn't a PredictionLog: {one_line(error, LONGEST_MESSAGE)}").model_copy(
            update={"severity": "warn"}
        )
        return
    if len(records) > _MOST_RECORDS:
        yield _fails(f"more than {_MOST_RECORDS:,} of them")
        return
    faults = [fault for each in records if (fault := _declared(bench, each))] or _replayed(bench, records)
    if faults:
        yield _fails(listed(list(dict.fromkeys(faults)), 3))
    else:
        yield CheckResult.passes(_CHECK, _EXPECTED, counted(len(records), "request"), case=_CASE)


def _fails(received: str) -> CheckResult:
    return CheckResult.fails(_CHECK, _EXPECTED, received, case=_CASE, hint=_HINT)


def _records(file: Path) -> list[_Recorded]:
    """The requests of the file, one more than a server takes at most.

    Raises:
      tf.errors.OpError: it isn't a file of records.
      google.protobuf.message.DecodeError, ValueError, TypeError: a record isn't the log of a request.
    """
    records = islice(tf.data.TFRecordDataset(str(file)).as_numpy_iterator(), _MOST_RECORDS + 1)
    return [each for record in records for each in _requests(record)]


def _requests(record: bytes) -> Iterator[_Recorded]:
    log = prediction_log_pb2.PredictionLog.FromString(record)
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(each) for name, each in request.inputs.items()}
        yield _Recorded(request.model_spec.signature_name or _DEFAULT, inputs)
    elif kind in ("classify_log", "regress_log"):
        yield _Recorded(getattr(log, kind).request.model_spec.signature_name or _DEFAULT, None)
    elif kind == "multi_inference_log":
        for task in log.multi_inference_log.request.tasks:
            yield _Recorded(task.model_spec.signature_name or _DEFAULT, None)


def _declared(bench: Bench, recorded: _Recorded) -> str:
    """What a request asks for that the export does not declare; empty for nothing."""
    signatures = bench.export.signatures
    signature = signatures.get(recorded.signature)
    if signature is None:
        return f"a request to signature {recorded.signature!r}, which it does not have (only {', '.join(signatures)})"
    if recorded.inputs is None:
        return ""
    unknown = sorted(recorded.inputs.keys() - signature.inputs.keys())
    lacking = sorted(signature.inputs.keys() - recorded.inputs.keys() - signature.defaults)
    faults = [f"input {name!r}, which {signature.name} does not have" for name in unknown]
    faults += [f"no input {name!r} for {signature.name}" for name in lacking]
    return listed(faults, 3)


def _replayed(bench: Bench, records: Sequence[_Recorded]) -> list[str]:
    """The errors of the first requests, which are sent as a server does."""
    known: dict[str, Signature] = {each.name: each for each in bench.contract.predicting()}
    sent = [each for each in records if each.inputs is not None and each.signature in known][:_REPLAYED]
    requests = [Request(each.signature, dict(each.inputs or {})) for each in sent]
    answers = bench.session.ask(requests, phase="warm-up") if requests else []
    return [
        f"{each.signature} answers one with {one_line(answer.error, LONGEST_MESSAGE)}"
        for each, answer in zip(sent, answers, strict=True)
        if answer.error is not None
    ]
