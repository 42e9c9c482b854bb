"""The REST API of TensorFlow Serving: columns as JSON.

What the server's own code (util/json_tensor.cc) does and its documentation leaves out: it takes and gives bare NaN and
Infinity; wants a value for every input, whatever the signature's defaults; drops inputs that the signature doesn't
know; gives a single output without its name; writes a string's bytes as they are, UTF-8 or not, unless the output's
name ends in `_bytes`; and has one HTTP status, 400, for three kinds of error.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
from numpy.typing import NDArray

from components.smoke_test.closing import Closing
from components.smoke_test.export.contract import Signature, TensorSpec
from components.smoke_test.sandbox.session import Answer, ModelError
from components.smoke_test.server.client import LARGEST_REPLY, Deadline, NoAnswerError
from preprocessing.text import one_line

DTYPES = frozenset(
    {"float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool", "string"}
)
"""The types that the REST API can carry."""
_CODES = {
    400: "InvalidArgument",
    401: "Unauthenticated",
    403: "PermissionDenied",
    404: "NotFound",
    409: "Aborted",
    429: "ResourceExhausted",
    499: "Cancelled",
    500: "Internal",
    501: "Unimplemented",
    503: "Unavailable",
    504: "DeadlineExceeded",
}


class RestClient(Closing):
    """Asks one model of a server over REST. A context manager."""

    def __init__(self, address: str, model: str, seconds: float) -> None:
        """Nothing is sent yet.

        Args:
          address: for example `http://models:8501`.
          model: the name under which the server has it.
          seconds: for all requests together.
        """
        self._url = f"{address.rstrip('/')}/v1/models/{quote(model, safe='')}"
        self._shown = _without_password(address)
        self._deadline = Deadline(seconds)
        # No proxy of the environment between the gate and the server, and no way to another server.
        self._http = httpx.Client(trust_env=False, follow_redirects=False)

    def unavailable(self) -> str:
        """Why the server does not serve the model. See `Client`."""
        status, reply = self._exchange("GET", self._url)
        if status != httpx.codes.OK:
            return str(reply["error"])
        versions = reply.get("model_version_status")
        if not isinstance(versions, list) or not all(isinstance(each, dict) for each in versions):
            raise NoAnswerError(f"{self._shown} answers, but not as TensorFlow Serving does")
        states = [each.get("state") for each in versions]
        return "" if "AVAILABLE" in states else f"the model's state is {', '.join(map(str, states)) or 'unknown'}"

    def ask(self, signature: Signature, inputs: Mapping[str, NDArray[Any]]) -> Answer:
        """Sends one request to the model. See `Client`."""
        request = {
            "signature_name": signature.name,
            "inputs": {name: _as_json(array) for name, array in inputs.items()},
        }
        body = json.dumps(request).encode()
        status, reply = self._exchange("POST", f"{self._url}:predict", body)
        if status != httpx.codes.OK:
            return Answer(error=ModelError(_CODES.get(status, f"HTTP {status}"), str(reply["error"])))
        if "outputs" not in reply:
            raise NoAnswerError(f"{self._shown} answers, but not as TensorFlow Serving does: no `outputs` in the reply")
        outputs = reply["outputs"]
        if len(signature.outputs) == 1:
            outputs = {next(iter(signature.outputs)): outputs}
        if not isinstance(outputs, dict):
            raise NoAnswerError(f"`outputs` of the reply is not an object, though {signature.name} has several outputs")
        return Answer({name: _as_array(value, name, signature.outputs.get(name)) for name, value in outputs.items()})

    def close(self) -> None:
        """Closes the connections to the server."""
        self._http.close()

    def _exchange(self, method: str, url: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of a reply; one of an error has an `error`."""
        try:
            status, content = self._send(method, url, body)
        except httpx.TimeoutException:
            raise self._deadline.passed() from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(f"{self._shown} was not reached: {one_line(error)}") from error
        try:
            # Strings of the model come as they are: bytes that are not UTF-8 have to survive.
            reply = json.loads(content.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict) or (status != httpx.codes.OK and "error" not in reply):
            raise NoAnswerError(f"{self._shown} answers with HTTP {status}, but not as TensorFlow Serving does")
        return status, reply

    def _send(self, method: str, url: str, body: bytes | None) -> tuple[int, bytes]:
        left = self._deadline.left()
        with self._http.stream(method, url, content=body, timeout=left) as response:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > LARGEST_REPLY:
                    raise NoAnswerError(f"{self._shown} sent more than {LARGEST_REPLY >> 20} MiB")
                self._deadline.left()
            return response.status_code, bytes(content)


def unsupported(signature: Signature) -> str:
    """Why a signature can't be asked over REST; empty when it can."""
    if not signature.inputs:
        return "REST can't call a signature that has no inputs"
    for name, spec in [*signature.inputs.items(), *signature.outputs.items()]:
        if spec.dtype not in DTYPES:
            return f"REST cannot carry {spec.dtype}, the type of {name}"
    return ""


def _as_json(array: NDArray[Any]) -> Any:
    if array.dtype == object:
        encoded = [{"b64": base64.b64encode(value).decode()} for value in array.ravel().tolist()]
        return np.array(encoded, dtype=object).reshape(array.shape).tolist()
    return array.tolist()


def _as_array(value: Any, name: str, spec: TensorSpec | None) -> NDArray[Any]:
    if spec is None:
        raise NoAnswerError(f"the reply has an output {name} that the signature does not declare")
    try:
        return _strings(value) if spec.dtype == "string" else _numbers(value, spec.dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise NoAnswerError(f"the output {name} of the reply is not a tensor of {spec.dtype}: {error}") from error


def _strings(value: Any) -> NDArray[Any]:
    array = np.array(_decoded(value), dtype=object)
    if not all(isinstance(each, bytes) for each in array.ravel()):
        raise ValueError("not all are strings, or not all rows are of one length")
    return array


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True) if set(value) == {"b64"} else value
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _numbers(value: Any, dtype: str) -> NDArray[Any]:
    array, wanted = np.array(value), np.dtype(dtype)
    # NumPy would make 0 of 0.5, and 1.0 of true.
    kinds = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}[wanted.kind]
    if array.size and array.dtype.kind not in kinds:
        raise ValueError("the values are of another kind")
    return array.astype(wanted)


def _without_password(address: str) -> str:
    return re.sub("//[^/]*@", "//", address)
