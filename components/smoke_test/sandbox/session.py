"""The model in its process, as the checks see it: requests in, answers out."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from components.smoke_test.closing import Closing
from components.smoke_test.config import Process as Limits
from components.smoke_test.sandbox.ending import out_of_memory
from components.smoke_test.sandbox.process import ModelProcess
from components.smoke_test.sandbox.process import ProcessEnded as ProcessEnded
from components.smoke_test.sandbox.worker.protocol import (
    ANSWER_FILE,
    REQUEST_FILE,
    UNREADABLE,
    read_arrays,
    write_arrays,
)

Array = NDArray[Any]

REFUSED = "InvalidArgument"
"""The code that tells a client that its request is at fault."""
OUT_OF_MEMORY = "ResourceExhausted"
"""The code of a model's error when an allocation went beyond the limit; the message says so too."""


@dataclass(frozen=True)
class Request:
    """What is sent to one signature.

    Attributes:
      signature: its name.
      inputs: by argument; strings as object arrays of bytes; the first dimension is the batch. The same array may
        stand in many requests: it crosses once.
    """

    signature: str
    inputs: Mapping[str, Array]


@dataclass(frozen=True)
class ModelError:
    """An error as the model answered it.

    Attributes:
      code: TensorFlow's status, for example `InvalidArgument` or `Internal`.
      message: its text.
    """

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True)
class Answer:
    """What came back for a request.

    Attributes:
      outputs: by name, strings as object arrays of bytes; empty after an error.
      dtypes: the type that the signature declares for each output.
      error: the model's error, or None.
      seconds: the model's own time.
    """

    outputs: Mapping[str, Array] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    error: ModelError | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Memory:
    """Resident memory of the process in MiB: after importing TensorFlow, now, and at its peak."""

    imported: float
    now: float
    peak: float


class LoadError(Exception):
    """The export does not load; the message is TensorFlow's."""


class Session(Closing):
    """A model's process with an API. A context manager, as nothing may be left running."""

    def __init__(self, limits: Limits, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """Starts the process; it imports TensorFlow meanwhile.

        Args:
          limits: what it must keep to.
          environment: variables that it gets besides.

        Raises:
          UserError, OSError: as `ModelProcess`.
        """
        self._limits, self._environment = limits, environment
        self._process = ModelProcess(limits, environment=environment)
        self._ended: list[ModelProcess] = []
        self._phase = "start"
        self._imported = 0.0
        self._started = False
        self.seconds: dict[str, float] = {}
        """Wall-clock time of each phase so far."""
        self.isolation = ""
        """Why the process could not be cut off from the network; empty when it is."""

    @property
    def phase(self) -> str:
        """What it is doing, or did last."""
        return self._phase

    def wait_until_started(self) -> None:
        """Waits for the import of TensorFlow; whatever is asked of the model waits for it anyway.

        Raises:
          ProcessEnded: it took too long, or failed.
        """
        if self._started:
            return
        with self._timed("start"):
            ready = self._process.receive(self._limits.start_seconds)
        with self._understood():
            self.isolation, self._imported = str(ready["isolation"]), float(ready["memory_mb"])
            # Its own time: this side may have done something else meanwhile.
            self.seconds["start"] = round(float(ready["seconds"]), 3)
        self._started = True

    def load(self, model: Path) -> float:
        """Loads the export and says how many seconds that took.

        Raises:
          LoadError: it doesn't load.
          ProcessEnded: the process ended over it.
        """
        self.wait_until_started()
        with self._timed("load"):
            reply = self._process.call({"command": "load", "model": str(model.absolute())}, self._limits.load_seconds)
        with self._understood():
            error, seconds = self._error(reply["error"]), float(reply["seconds"])
        if error is not None:
            raise LoadError(error.message if error.code == "Unknown" else str(error))
        return seconds

    def restart(self, model: Path) -> None:
        """Puts a fresh process with the model loaded in the place of one that has ended.

        Raises:
          LoadError, ProcessEnded: as `load`.
          UserError, OSError: as `ModelProcess`.
        """
        self._process.close()
        self._ended.append(self._process)
        self._process = ModelProcess(self._limits, environment=self._environment)
        self._started = False
        self.load(model)

    def ask(self, requests: Sequence[Request], *, phase: str, threads: int = 1) -> list[Answer]:
        """Sends requests one after the other, or from several threads at once.

        Args:
          requests: what to send.
          phase: the name under which the time is counted; each call has the deadline of one phase.
          threads: how many clients ask at the same time.

        Returns:
          The answers, in the order of the requests.

        Raises:
          ProcessEnded: the process ended over it, or its answers can't be read.
        """
        self.wait_until_started()
        with self._timed(phase):
            command = self._write(requests) | {"command": "ask", "threads": threads}
            reply = self._process.call(command, self._limits.phase_seconds)
            arrays = self._read()
        with self._understood():
            outputs: list[dict[str, Array]] = [{} for _ in requests]
            for name, array in arrays.items():
                i, _, output = name.partition("/")
                outputs[int(i)][output] = array
            return [
                Answer(output, dict(facts["dtypes"]), self._error(facts["error"]), float(facts["seconds"]))
                for output, facts in zip(outputs, reply["answers"], strict=True)
            ]

    def measure(self, requests: Sequence[Request], *, phase: str) -> list[float]:
        """The seconds of each request, sent one after the other; fewer than asked for when one fails.

        Raises:
          ProcessEnded: as `ask`.
        """
        self.wait_until_started()
        with self._timed(phase):
            command = self._write(requests) | {"command": "measure"}
            reply = self._process.call(command, self._limits.phase_seconds)
        with self._understood():
            return [float(each) for each in reply["seconds"]]

    def transform(self, graph: Path, examples: Array) -> Answer:
        """What Transform's own graph makes of serialized examples.

        Args:
          graph: the folder of the transform graph's SavedModel.
          examples: object array of bytes, [batch].

        Raises:
          ProcessEnded: as `ask`.
        """
        self.wait_until_started()
        with self._timed("transform_graph"):
            write_arrays(self._process.exchange / REQUEST_FILE, {"examples": examples})
            command = {"command": "transform", "transform": str(graph.absolute())}
            reply = self._process.call(command, self._limits.phase_seconds)
            with self._understood():
                error, seconds = self._error(reply["error"]), float(reply["seconds"])
            arrays = self._read() if error is None else {}
        return Answer(arrays, {name: _dtype(array) for name, array in arrays.items()}, error, seconds)

    def memory(self) -> Memory:
        """What the process takes.

        Raises:
          ProcessEnded: the process ended.
        """
        self.wait_until_started()
        reply = self._process.call({"command": "memory"}, self._limits.phase_seconds)
        with self._understood():
            return Memory(self._imported, float(reply["now_mb"]), float(reply["peak_mb"]))

    def stdout(self) -> tuple[int, str]:
        """How many bytes the process, and those before it, wrote to stdout so far, and the end of them."""
        outputs = [each.stdout for each in (*self._ended, self._process)]
        return sum(each.count for each in outputs), "".join(each.tail() for each in outputs)

    def log_tail(self) -> str:
        """The end of what it, and those before it, printed."""
        return "\n".join(log for each in (*self._ended, self._process) if (log := each.log_tail()))

    def close(self) -> None:
        """Ends the process and removes its folders."""
        self._process.close()

    def _write(self, requests: Sequence[Request]) -> dict[str, Any]:
        """Writes the tensors, equal objects once, and gives the command's list of requests."""
        keys: dict[int, str] = {}
        arrays: dict[str, Array] = {}
        listed = []
        for request in requests:
            inputs = {}
            for argument, array in request.inputs.items():
                key = keys.setdefault(id(array), str(len(keys)))
                arrays[key] = array
                inputs[argument] = key
            listed.append({"signature": request.signature, "inputs": inputs})
        write_arrays(self._process.exchange / REQUEST_FILE, arrays)
        return {"requests": listed}

    def _read(self) -> dict[str, Array]:
        try:
            return read_arrays(self._process.exchange / ANSWER_FILE)
        except UNREADABLE as error:
            raise self._process.stop(f"its answers can't be read ({type(error).__name__}: {error})") from error

    def _error(self, text: str | None) -> ModelError | None:
        if text is None:
            return None
        code, _, message = text.partition(": ")
        return ModelError(code, f"{out_of_memory(self._limits)}: {message}" if code == OUT_OF_MEMORY else message)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Around the reading of a reply: the process may say anything."""
        try:
            yield
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._process.stop(f"its reply can't be read ({type(error).__name__}: {error})") from error

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        self._phase = phase
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = round(self.seconds.get(phase, 0.0) + time.perf_counter() - started, 3)


def _dtype(array: Array) -> str:
    return "string" if array.dtype.kind == "O" else array.dtype.name
