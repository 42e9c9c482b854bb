"""The model in its process, as the checks see it: requests in, answers out."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from components.smoke_test.closing import Closing
from components.smoke_test.config import Process as Limits
from components.smoke_test.sandbox.ending import out_of_memory
from components.smoke_test.sandbox.messages import OUT_OF_MEMORY as OUT_OF_MEMORY
from components.smoke_test.sandbox.messages import Answer as Answer
from components.smoke_test.sandbox.messages import Memory as Memory
from components.smoke_test.sandbox.messages import ModelError as ModelError
from components.smoke_test.sandbox.messages import Odd as Odd
from components.smoke_test.sandbox.messages import Repeated as Repeated
from components.smoke_test.sandbox.messages import Request as Request
from components.smoke_test.sandbox.process import ModelProcess
from components.smoke_test.sandbox.process import ProcessEnded as ProcessEnded
from components.smoke_test.sandbox.warm import take
from components.smoke_test.sandbox.worker.protocol import (
    ANSWER_FILE,
    REQUEST_FILE,
    UNREADABLE,
    read_arrays,
    write_arrays,
)

Array = NDArray[Any]

_SHARE_OF_PHASE = 0.25
"""When a group of requests ends, of a phase's seconds: its last request may take much longer than the others."""

REFUSED = "InvalidArgument"
"""The code that tells a client that its request is at fault."""


class LoadError(Exception):
    """The export does not load; the message is TensorFlow's."""


class Session(Closing):
    """A model's process with an API. A context manager, as nothing may be left running."""

    def __init__(self, limits: Limits, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """Starts the process, or takes one that was started before; it imports TensorFlow meanwhile.

        Args:
          limits: what it must keep to.
          environment: variables that it gets besides.

        Raises:
          UserError, OSError: as `ModelProcess`.
        """
        self._limits, self._environment = limits, environment
        self._process = (None if environment else take(limits)) or ModelProcess(limits, environment=environment)
        self._ended: list[ModelProcess] = []
        self._phase = "start"
        self._imported = 0.0
        self._started = False
        self.seconds: dict[str, float] = {}
        """Wall-clock time of each phase so far."""
        self.isolation = ""
        """Why the process could not be cut off from the network; empty when it is."""

    @property
    def _group_seconds(self) -> float:
        """After so long no further request of a group is started."""
        return self._limits.phase_seconds * _SHARE_OF_PHASE

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
        if self.seconds["start"] > self._limits.start_seconds:
            # Of a process that was started before it was needed.
            raise self._process.stop(f"no answer within {self._limits.start_seconds:g} s")
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

        Of a slow model they are asked in so many groups as there must be for each to stay well within the deadline of a
        phase: only a single request that takes too long ends the process.

        Args:
          requests: what to send.
          phase: the name under which the time is counted.
          threads: how many clients ask at the same time.

        Returns:
          The answers, in the order of the requests.

        Raises:
          ProcessEnded: the process ended over it, or its answers can't be read.
        """
        self.wait_until_started()
        answers: list[Answer] = []
        while len(answers) < len(requests):
            answers += self._ask_some(requests[len(answers) :], phase, threads)
        return answers

    def _ask_some(self, requests: Sequence[Request], phase: str, threads: int) -> list[Answer]:
        """The answers to the first of the requests, to one at least."""
        with self._timed(phase):
            command = self._write(requests) | {"command": "ask", "threads": threads, "seconds": self._group_seconds}
            reply = self._process.call(command, self._limits.phase_seconds)
            arrays = self._read()
        with self._understood():
            given = reply["answers"]
            if not 0 < len(given) <= len(requests):
                raise ValueError(f"{len(given)} answers to {len(requests)} requests")
            outputs: list[dict[str, Array]] = [{} for _ in given]
            for name, array in arrays.items():
                i, _, output = name.partition("/")
                outputs[int(i)][output] = array
            return [
                Answer(output, dict(facts["dtypes"]), self._error(facts["error"]), float(facts["seconds"]))
                for output, facts in zip(outputs, given, strict=True)
            ]

    def measure(self, requests: Sequence[Request], *, phase: str) -> list[float]:
        """The seconds of each request, sent one after the other; fewer than asked for when one fails.

        Raises:
          ProcessEnded: as `ask`.
        """
        self.wait_until_started()
        seconds: list[float] = []
        failed = False
        while len(seconds) < len(requests) and not failed:
            with self._timed(phase):
                command = self._write(requests[len(seconds) :]) | {"command": "measure", "seconds": self._group_seconds}
                reply = self._process.call(command, self._limits.phase_seconds)
            with self._understood():
                failed = bool(reply["failed"]) or not reply["seconds"]
                seconds += [float(each) for each in reply["seconds"]]
        return seconds

    def repeat(
        self,
        requests: Sequence[Request],
        order: Sequence[int],
        *,
        phase: str,
        series: str,
        seconds: float,
        threads: int = 1,
    ) -> Repeated:
        """Sends a few requests very often, and compares each answer with the first to the same request.

        Args:
          requests: what to send.
          order: what is asked when, by the place among the requests.
          phase: the name under which the time is counted.
          series: under this name the first answers are kept, for further calls with the same requests.
          seconds: when to stop at the latest; no longer than fits into a phase.
          threads: how many clients ask at the same time.

        Raises:
          ProcessEnded: as `ask`.
        """
        self.wait_until_started()
        with self._timed(phase):
            command = self._write(requests) | {
                "command": "repeat",
                "order": list(order),
                "series": series,
                "seconds": min(seconds, self._group_seconds),
                "threads": threads,
            }
            reply = self._process.call(command, self._limits.phase_seconds)
            arrays = self._read()
        with self._understood():
            return self._repeated(reply, arrays)

    def _repeated(self, reply: Any, arrays: Mapping[str, Array]) -> Repeated:
        """The worker's reply to `repeat`; what is wrong in it raises what `_understood` knows."""
        outputs: dict[tuple[int, str], dict[str, Array]] = {}
        for name, array in arrays.items():
            i, which, output = name.split("/", 2)
            outputs.setdefault((int(i), which), {})[output] = array
        odd = [
            Odd(
                int(each["turn"]),
                int(each["place"]),
                Answer(outputs.get((i, "first"), {}), error=self._error(each["first"])),
                Answer(outputs.get((i, "odd"), {}), error=self._error(each["error"])),
            )
            for i, each in enumerate(reply["odd"])
        ]
        turns = [(int(turn), float(taken)) for turn, taken in reply["turns"]]
        return Repeated(
            [turn for turn, _ in turns], [taken for _, taken in turns], [int(i) for i in reply["differing"]], odd
        )

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
            return Memory(self._imported, *(float(reply[each]) for each in ("now_mb", "peak_mb", "used_mb")))

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

    def _error(self, told: Sequence[str] | None) -> ModelError | None:
        """The worker's `Failure`, which travels as a list."""
        if told is None:
            return None
        code, message = map(str, told)
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
