"""The export as TensorFlow Serving runs it: a session, its restore and init operations, feeds and fetches by name.

`tf.saved_model.load` restores Python objects and so hides faults that a server meets: a variable that only the object
graph restores, for example, exists in Python and not in a server.
"""

import codecs
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.client.session import Session
from tensorflow.python.framework import dtypes, errors, tensor_util
from tensorflow.python.framework.ops import Graph
from tensorflow.python.saved_model.loader_impl import SavedModelLoader

FAILURES = (
    *(errors.OpError, DecodeError),
    *(ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError),
)
"""What TensorFlow's Python and NumPy raise over a model that they can't handle, status errors first."""


def keep_error_texts() -> None:
    """Makes each decoding in this process write bytes that are not UTF-8 with backslashes; for servers alone.

    An error's text may hold bytes of the request. TensorFlow turns it into a Python string first, and where that fails,
    the status is lost. There is no parameter for it; the handler of the whole process is.
    """
    codecs.register_error("strict", codecs.backslashreplace_errors)


class Failure(NamedTuple):
    """Why a request, or a model, failed.

    Attributes:
      code: TensorFlow's status, such as `InvalidArgument`; `Unknown` where there is none.
      message: what TensorFlow, or NumPy, says.
    """

    code: str
    message: str


class Answer(NamedTuple):
    """What TensorFlow Serving would answer.

    Attributes:
      outputs: as NumPy can store them; empty after an error.
      dtypes: as the signature declares them.
      error: why there is none; None where there is one.
      seconds: the session's time.
    """

    outputs: Mapping[str, Any]
    dtypes: Mapping[str, str]
    error: Failure | None
    seconds: float


class Serving:
    """A loaded export that answers requests."""

    def __init__(self, folder: Path | str, threads: int) -> None:
        """Loads the export as a server does, from a folder or from a URL that TensorFlow reads.

        Raises:
          FAILURES: it doesn't load.
        """
        self._graph = Graph()
        config = ConfigProto(inter_op_parallelism_threads=threads, intra_op_parallelism_threads=threads)
        self._session = Session(graph=self._graph, config=config)
        with self._graph.as_default():
            meta_graph = SavedModelLoader(str(folder)).load(self._session, ["serve"])
        self._signatures = dict(meta_graph.signature_def)

    @property
    def signatures(self) -> Mapping[str, Any]:
        """The export's SignatureDefs, by name."""
        return self._signatures

    def close(self) -> None:
        """Frees what the model holds; nothing is answered any more."""
        self._session.close()

    def ask(self, signature: str, inputs: Mapping[str, Any]) -> Answer:
        """Answers one request of a signature."""
        started = time.perf_counter()
        try:
            outputs, dtypes, seconds = self._run(signature, inputs)
        except FAILURES as error:
            return Answer({}, {}, failure_of(error), time.perf_counter() - started)
        return Answer(outputs, dtypes, None, seconds)

    def _run(self, name: str, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str], float]:
        signature = self._signatures.get(name)
        if signature is None:
            raise errors.InvalidArgumentError(None, None, f"no signature {name!r} in the model")
        completed = self._complete(signature, inputs)
        feeds = {self._tensor(each, signature.inputs[each]): value for each, value in completed}
        names = sorted(signature.outputs)
        fetches = [self._tensor(each, signature.outputs[each]) for each in names]
        dtypes = {each: _data_type(each, signature.outputs[each].dtype) for each in names}
        started = time.perf_counter()
        # The C++ session without Python's checks and casts in front of it: a server has none of them either.
        values = pywrap_tf_session.TF_SessionRun_wrapper(self._session._session, None, feeds, fetches, [], None)
        seconds = time.perf_counter() - started
        return {each: storable(value) for each, value in zip(names, values, strict=True)}, dtypes, seconds

    def _complete(self, signature: Any, inputs: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """The inputs with the signature's defaults, as TensorFlow Serving's predict_util checks and fills them."""
        unknown = sorted(set(inputs) - set(signature.inputs))
        if unknown:
            known = ", ".join(sorted(signature.inputs))
            message = f"input tensor alias not found in signature: {unknown[0]}. Inputs expected: {known}"
            raise errors.InvalidArgumentError(None, None, message)
        filled = dict(inputs)
        for name in signature.inputs:
            # As it is: a server doesn't repeat a default of one row to the size of the batch either.
            if name not in filled and name in signature.defaults:
                filled[name] = tensor_util.MakeNdarray(signature.defaults[name])
        missing = sorted(set(signature.inputs) - set(filled))
        if missing:
            message = f"input size does not match signature: missing {', '.join(missing)}"
            raise errors.InvalidArgumentError(None, None, message)
        return sorted(filled.items())

    def _tensor(self, name: str, info: Any) -> Any:
        if info.WhichOneof("encoding") != "name":
            # Several tensors under one name: TensorFlow Serving asks for a tensor without a name, and fails.
            raise errors.InvalidArgumentError(None, None, f"{name!r} is not one dense tensor; a server can't serve it")
        return self._graph.get_tensor_by_name(info.name)._as_tf_output()


def _data_type(name: str, number: int) -> str:
    dtype = dtypes.as_dtype(number)
    if dtype in (dtypes.resource, dtypes.variant):
        raise TypeError(f"the output {name!r} is a {dtype.name}, which no client can read")
    return str(dtype.name)


def failure_of(error: BaseException) -> Failure:
    """What one of `FAILURES` says."""
    if isinstance(error, errors.OpError):
        return Failure(type(error).__name__.removesuffix("Error"), error.message)
    return Failure("Unknown", f"{type(error).__name__}: {error}")


def storable(value: Any) -> Any:
    """An array of a type that NumPy itself has: bfloat16 and its like are widened, the declared type stands beside."""
    # A string of rank 0 comes as bytes.
    array = np.array(value, object) if isinstance(value, bytes) else np.asarray(value)
    if array.dtype.names:  # quantized types: one named field
        array = array[array.dtype.names[0]]
    return array if array.dtype.isbuiltin == 1 else array.astype(np.float64)
