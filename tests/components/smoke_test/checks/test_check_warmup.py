"""Warm-up requests that travel with an export, as TensorFlow Serving reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.stand_in import ModelRefusesError, bench, signature
from tensorflow_serving.apis import prediction_log_pb2

from components.smoke_test.checks.warmup import FILE, check_warmup
from components.smoke_test.export.saved_model import Export
from components.smoke_test.report import CheckResult

ONE = signature("serving_default")


def record(name: str = "", **inputs: Any) -> bytes:
    """A request of the Predict API."""
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = name
    for argument, values in inputs.items():
        request.inputs[argument].CopyFrom(tf.make_tensor_proto(np.asarray(values, np.float32)))
    return log.SerializeToString()


def classify(name: str) -> bytes:
    """A request of the Classify API."""
    log = prediction_log_pb2.PredictionLog()
    log.classify_log.request.model_spec.signature_name = name
    return log.SerializeToString()


def run(folder: Path, records: Sequence[bytes] | None) -> list[CheckResult]:
    def model(_: str, sent: Mapping[str, Any], __: int) -> Any:
        if sent["x"].ndim != 1:
            raise ModelRefusesError("InvalidArgument", "x has another shape")
        return {"value": sent["x"]}

    if records is not None:
        (folder / FILE.parent).mkdir()
        with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
            for each in records:
                writer.write(each)
    made = bench(model, signatures=(ONE,))
    object.__setattr__(made, "export", Export(folder, made.export.proto, {ONE.name: ONE}))
    return list(check_warmup(made))


def test_requests_that_are_answered(tmp_path: Path) -> None:
    [found] = run(tmp_path, [record(x=[1.0, 2.0]), record("serving_default", x=[3.0]), classify("serving_default")])
    assert (found.check, found.status, found.received) == ("loads", "passed", "3 requests")


def test_most_exports_have_none(tmp_path: Path) -> None:
    assert run(tmp_path, None) == []


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([record(x=[1.0]), record("serve_v1", x=[1.0])], "signature 'serve_v1', which it does not have"),
        ([classify("classification")], "signature 'classification'"),
        ([record(x=[1.0], y=[1.0])], "input 'y', which serving_default does not have"),
        ([record()], "no input 'x' for serving_default"),
        ([record(x=[[1.0]])], "InvalidArgument: x has another shape"),
        ([record(x=[1.0])] * 1001, "more than 1,000"),
    ],
    ids=["old signature", "of another API", "old input", "new input", "old shape", "too many"],
)
def test_requests_of_another_version(tmp_path: Path, records: Sequence[bytes], says: str) -> None:
    [found] = run(tmp_path, records)
    assert (found.status, found.severity, found.case) == ("failed", "block", "warm-up requests")
    assert says in found.received


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / FILE.parent).mkdir()
    (tmp_path / FILE).write_bytes(b"0123456789abcdef")
    [found] = run(tmp_path, None)
    assert (found.status, found.severity) == ("failed", "block")
    assert found.received.startswith("the file can't be read")


def test_records_of_something_else(tmp_path: Path) -> None:
    [found] = run(tmp_path, [b"x"])
    assert (found.status, found.severity) == ("failed", "warn")
