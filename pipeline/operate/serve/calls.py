"""What each call of the REST API does: predict, classify, regress, status, metadata.

As model_servers/http_rest_api_handler.cc and servables/tensorflow of TensorFlow Serving do it, and in their words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from google.protobuf import json_format
from numpy.typing import NDArray
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

from components.artifacts.model import EXAMPLES_INPUT
from components.smoke_test.bench.requests import encode, strings
from components.smoke_test.export.derive import PREDICT_TRANSFORMED, TRANSFORM
from pipeline.operate.serve import answers, examples, rest
from pipeline.operate.serve.errors import RefusalError, invalid
from pipeline.operate.serve.example_row import SIGNATURE
from pipeline.operate.serve.raw_inputs import RawInputs
from pipeline.operate.serve.versions import Served, Versions

Tensors = Mapping[str, NDArray[Any]]
Method = Literal["predict", "classify", "regress"]

_METHODS = {"classify": "classification", "regress": "regression"}
_SPEAKING = "tensorflow/serving/"
_ERROR_CODES = {
    # google/rpc/code.proto, whose names the status shows.
    "NotFound": 5,
    "InvalidArgument": 3,
    "FailedPrecondition": 9,
    "Internal": 13,
    "DataLoss": 15,
}
_UNKNOWN_CODE = 2


@dataclass(frozen=True)
class Asked:
    """A request that was answered.

    Attributes:
      answer: the body.
      rows: in the request.
      version: that answered.
      signature: that was asked, by name.
      inputs: that it was asked with.
      outputs: that it gave.
      signatures: of the version, by name.
    """

    answer: bytes
    rows: int
    version: int
    signature: str
    inputs: Tensors
    outputs: Tensors
    signatures: Mapping[str, Any]


class NotRawError(Exception):
    """The table's rows behind a request can't be told; the message says why."""


def ask(served: Served, method: Method, body: bytes) -> Asked:
    """Answers a predict, classify or regress request.

    Raises:
      RefusalError: it is wrong, or the model can't answer it.
    """
    document = rest.parsed(body)
    name = rest.signature_name(document)
    return _predict(served, name, document) if method == "predict" else _by_examples(served, method, name, document)


def _predict(served: Served, name: str, document: rest.Json) -> Asked:
    signature = served.model.signatures.get(name)
    if signature is None:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    types = {each: info.dtype for each, info in sorted(signature.inputs.items())}
    if not types:
        raise invalid(f"Failed to get input map for signature: {name}")
    inputs, by_row = rest.tensors(document, types)
    outputs = _outputs(served, name, inputs)
    answer = answers.by_row(outputs) if by_row else answers.by_column(outputs)
    return Asked(answer, _rows(inputs), served.version, name, inputs, outputs, served.model.signatures)


def _by_examples(served: Served, method: Method, name: str, document: rest.Json) -> Asked:
    kind = _METHODS[method]
    signature = served.model.signatures.get(name)
    # The body is read first there too.
    rows = examples.rows(document)
    if signature is None:
        raise invalid(f"No signature was found with the name: {name}")
    if signature.method_name != _SPEAKING + method:
        raise invalid(f"Expected {kind} signature method_name to be {_SPEAKING}{method}. Was: {signature.method_name}")
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    inputs = {next(iter(signature.inputs)): strings([encode(row) for row in rows])}
    outputs = _outputs(served, name, inputs)
    answer = _classes(outputs, len(rows)) if method == "classify" else _values(outputs, len(rows))
    return Asked(answer, len(rows), served.version, name, inputs, outputs, served.model.signatures)


def _classes(outputs: Tensors, rows: int) -> bytes:
    labels, scores = outputs.get("classes"), outputs.get("scores")
    if labels is None and scores is None:
        raise invalid('Expected classification signature outputs to contain at least one of "classes" or "scores".')
    for name, array in (("classes", labels), ("scores", scores)):
        if array is not None and (array.ndim != 2 or array.shape[0] != rows):
            raise invalid(f"Expected Tensor {name} of shape [batch_size, num_classes]. Was: {list(array.shape)}")
    return answers.classifications(labels, scores, rows)


def _values(outputs: Tensors, rows: int) -> bytes:
    values = outputs.get("outputs")
    if values is None or values.size != rows:
        raise invalid("Expected regression signature outputs to hold one number for each example")
    return answers.regressions(values.reshape(rows))


def _outputs(served: Served, name: str, inputs: Tensors) -> Tensors:
    answer = served.model.ask(name, inputs)
    if answer.error is not None:
        raise RefusalError(*answer.error)
    outputs: Tensors = answer.outputs
    return outputs


def _rows(inputs: Tensors) -> int:
    return max((array.shape[0] if array.ndim else 1 for array in inputs.values()), default=0)


def status(versions: Versions, name: str, wanted: int | None) -> bytes:
    """The answer to a status request: a GetModelStatusResponse.

    Raises:
      RefusalError: there is no such version.
    """
    response = get_model_status_pb2.GetModelStatusResponse()
    for each in versions.statuses():
        if wanted in (None, each.version):
            state = get_model_status_pb2.ModelVersionStatus.State.Value(each.state)
            added = response.model_version_status.add(version=each.version, state=state)
            if each.code != "OK":
                added.status.error_code = _ERROR_CODES.get(each.code, _UNKNOWN_CODE)
            added.status.error_message = each.message
    if not response.model_version_status:
        which = "any versions" if wanted is None else f"version {wanted}"
        raise RefusalError("NotFound", f"Could not find {which} of model {name}")
    return _json(response)


def metadata(served: Served, name: str) -> bytes:
    """The answer to a metadata request: what a GetModelMetadataResponse holds."""
    spec = model_pb2.ModelSpec(name=name, signature_name="")
    spec.version.value = served.version
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for each, signature in served.model.signatures.items():
        signatures.signature_def[each].CopyFrom(signature)
    # Not from the response itself: TensorFlow Serving joins these two, and writes no `@type`.
    return b'{\n"model_spec":%s,\n"metadata": {"signature_def": %s}\n}\n' % (_json(spec), _json(signatures))


def _json(message: Any) -> bytes:
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    ).encode()


def features(asked: Asked, raw: RawInputs) -> dict[str, list[Any]] | None:
    """The raw features of a request, by column of the table, for the request log.

    Args:
      asked: the request.
      raw: what the version that answered reads.

    Returns:
      Values row by row (of columns of lists all values of a row), None where one is missing; None for a request of the
      signatures for transformed rows.

    Raises:
      NotRawError: its examples can't be read, or no column is known behind one of its inputs.
    """
    if asked.signature in (TRANSFORM, PREDICT_TRANSFORMED):
        return None
    if set(asked.inputs) == {EXAMPLES_INPUT}:
        known = asked.signatures[SIGNATURE].inputs if SIGNATURE in asked.signatures else {}
        lists = {raw.columns.get(name) for name, info in known.items() if len(info.tensor_shape.dim) > 1}
        found = examples.columns(asked.inputs[EXAMPLES_INPUT], sorted(raw.columns.values()), lists)
        if found is None:
            raise NotRawError("its tf.Examples can't be read")
    else:
        if unknown := sorted(set(asked.inputs) - set(raw.columns)):
            raise NotRawError(f"no column of the table is known behind the input {unknown[0]} of {asked.signature}")
        found = {
            raw.columns[name]: examples.plain(np.broadcast_to(array, [asked.rows, *array.shape[1:]]))
            for name, array in asked.inputs.items()
        }
    if not found:
        raise NotRawError(f"version {asked.version} has no signature {SIGNATURE}, which names the columns")
    return {name: examples.without_words(values, raw.words.of(name)) for name, values in found.items()}
