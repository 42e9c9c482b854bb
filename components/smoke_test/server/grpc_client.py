"""The gRPC API of TensorFlow Serving.

Importing this module takes a third of a second beside TensorFlow's own: only a run with a server does.
"""

from collections.abc import Mapping
from typing import Any

import grpc
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from components.smoke_test.closing import Closing
from components.smoke_test.export.contract import Signature
from components.smoke_test.sandbox.session import Answer, ModelError
from components.smoke_test.server.client import LARGEST_REPLY, Deadline, NoAnswerError
from preprocessing.text import one_line

_AVAILABLE = get_model_status_pb2.ModelVersionStatus.State.AVAILABLE
_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", LARGEST_REPLY),
    # No proxy of the environment between the gate and the server.
    ("grpc.enable_http_proxy", 0),
    # An address that refused a moment ago is tried again at once, not after gRPC's own pause.
    ("grpc.use_local_subchannel_pool", 1),
]


class GrpcClient(Closing):
    """Asks one model of a server over gRPC. A context manager."""

    def __init__(self, address: str, model: str, seconds: float) -> None:
        """Nothing is sent yet.

        Args:
          address: for example `models:8500`.
          model: the name under which the server has it.
          seconds: for all requests together.
        """
        self._address, self._model = address, model
        self._deadline = Deadline(seconds)
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict
        self._status = model_service_pb2_grpc.ModelServiceStub(self._channel).GetModelStatus

    def unavailable(self) -> str:
        """Why the server does not serve the model. See `Client`."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model
        reply = self._call(self._status, request)
        if isinstance(reply, ModelError):
            return reply.message
        states = [each.state for each in reply.model_version_status]
        if _AVAILABLE in states:
            return ""
        names = [get_model_status_pb2.ModelVersionStatus.State.Name(state) for state in states]
        return f"the model's state is {', '.join(names) or 'unknown'}"

    def ask(self, signature: Signature, inputs: Mapping[str, NDArray[Any]]) -> Answer:
        """Sends one request to the model. See `Client`."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature.name
        for name, array in inputs.items():
            dtype = tf.string if array.dtype == object else None
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array, dtype=dtype))
        reply = self._call(self._predict, request)
        if isinstance(reply, ModelError):
            return Answer(error=reply)
        try:
            outputs = {name: tf.make_ndarray(tensor) for name, tensor in reply.outputs.items()}
            dtypes = {name: tf.as_dtype(tensor.dtype).name for name, tensor in reply.outputs.items()}
        except (TypeError, ValueError) as error:
            raise NoAnswerError(f"the reply is not one of tensors: {one_line(error)}") from error
        return Answer(outputs, dtypes)

    def close(self) -> None:
        """Closes the connection to the server."""
        self._channel.close()

    def _call(self, method: Any, request: Any) -> Any:
        """The reply, or the error with which the server refused."""
        try:
            return method(request, timeout=self._deadline.left())
        except grpc.RpcError as error:
            code, details = error.code(), one_line(error.details())
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise self._deadline.passed() from error
            # Both are gRPC's own as well as a server's: a connection refused, and an address of something else.
            if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED):
                raise NoAnswerError(f"{self._address} was not reached: {details}") from error
            return ModelError(code.name.title().replace("_", ""), details)
