"""The child's loop: reads commands, answers them, until the parent closes the pipe.

The only argument is the exchange folder. `job.json` there says where the library is, the limits and the pipes.
"""

import ctypes
import errno
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any

# Python has put this folder first on the path, as it does for a folder that it runs.
from confine import LARGEST_FILE, close_doors, enter  # type: ignore[import-not-found]
from protocol import ANSWER_FILE, REQUEST_FILE, read_arrays, write_arrays  # type: ignore[import-not-found]

Facts = dict[str, Any]


class GiveUpError(Exception):
    """The process can't go on, and the model is why; the message says it."""


def memory_mb(field: str) -> float:
    """A field of /proc/self/status in MiB: VmRSS is now, VmHWM the most so far."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Mallinfo2(ctypes.Structure):
    """What glibc 2.33 and later say of their heap: `struct mallinfo2` in malloc.h."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *(
                "arena",
                "ordblks",
                "smblks",
                "hblks",
                "hblkhd",
                "usmblks",
                "fsmblks",
                "uordblks",
                "fordblks",
                "keepcost",
            ),
        )
    )


def allocated_mb() -> float:
    """MiB that are allocated and not freed, of all threads; 0 where the C library does not say.

    Unlike resident memory it does not depend on when freed pages go back to the kernel.
    """
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0.0
    mallinfo2.restype = Mallinfo2
    now = mallinfo2()
    return float(now.uordblks + now.hblkhd) / 2**20


class Worker:
    """What can be asked of this process."""

    def __init__(self, exchange: Path, threads: int) -> None:
        self._exchange, self._threads = exchange, threads
        self._serving: Any = None
        self._transforms: dict[str, Any] = {}
        self._series: dict[str, Any] = {}

    def load(self, command: Mapping[str, Any]) -> Facts:
        """Loads the export, and tells what it has."""
        from serving import FAILURES, Serving, failure_of  # type: ignore[import-not-found]

        started = time.perf_counter()
        error = None
        self._series.clear()
        try:
            self._serving = Serving(Path(command["model"]), self._threads)
        except FAILURES as failure:
            error = failure_of(failure)
        return {"error": error, "seconds": time.perf_counter() - started}

    def ask(self, command: Mapping[str, Any]) -> Facts:
        """Sends requests, from several threads if that is asked for, and keeps the answers.

        It answers the first of them at least, and no more when the time is over: a slow model is asked again for the
        rest.
        """
        requests = self._requests(command)
        end = time.perf_counter() + command["seconds"]

        def ask(i: int) -> Any:
            return self._serving.ask(*requests[i]) if not i or time.perf_counter() < end else None

        if command["threads"] > 1:
            with ThreadPoolExecutor(command["threads"]) as clients:
                given = list(clients.map(ask, range(len(requests))))
        else:
            given = [ask(i) for i in range(len(requests))]
        answers = list(takewhile(lambda each: each is not None, given))
        self._keep({f"{i}/{name}": value for i, each in enumerate(answers) for name, value in each.outputs.items()})
        return {
            "answers": [{"error": each.error, "dtypes": each.dtypes, "seconds": each.seconds} for each in answers],
        }

    def measure(self, command: Mapping[str, Any]) -> Facts:
        """Times requests one after the other and throws the answers away; ends as `ask` does, or with an error."""
        seconds: list[float] = []
        end = time.perf_counter() + command["seconds"]
        for each in self._requests(command):
            if seconds and time.perf_counter() >= end:
                break
            answer = self._serving.ask(*each)
            if answer.error is not None:
                return {"seconds": seconds, "failed": True}
            seconds.append(answer.seconds)
        return {"seconds": seconds, "failed": False}

    def repeat(self, command: Mapping[str, Any]) -> Facts:
        """Sends the same requests again and again and compares the answers with the first ones of the series."""
        from repeating import Series  # type: ignore[import-not-found]

        series = self._series.setdefault(command["series"], Series())
        series.start_again()
        requests = self._requests(command)
        series.run(
            lambda place: self._serving.ask(*requests[place]),
            command["order"],
            threads=command["threads"],
            seconds=command["seconds"],
        )
        kept = {
            f"{i}/{which}/{name}": value
            for i, (_, place, answer) in enumerate(series.odd)
            for which, each in (("first", series.first[place]), ("odd", answer))
            for name, value in each.outputs.items()
        }
        self._keep(kept)
        return {
            "turns": sorted(series.turns),
            "differing": sorted(series.differing),
            "odd": [
                {"turn": turn, "place": place, "first": series.first[place].error, "error": answer.error}
                for turn, place, answer in series.odd
            ],
        }

    def memory(self, _: Mapping[str, Any]) -> Facts:
        """What this process takes; what it has allocated and not freed, where the C library tells it."""
        return {"now_mb": memory_mb("VmRSS"), "peak_mb": memory_mb("VmHWM"), "used_mb": allocated_mb()}

    def transform(self, command: Mapping[str, Any]) -> Facts:
        """Runs a transform graph on serialized examples."""
        from serving import FAILURES, failure_of
        from transform_graph import TransformGraph  # type: ignore[import-not-found]

        folder = command["transform"]
        examples = read_arrays(self._exchange / REQUEST_FILE)["examples"]
        started = time.perf_counter()
        try:
            if folder not in self._transforms:
                self._transforms[folder] = TransformGraph(Path(folder))
            arrays = self._transforms[folder].transform(examples)
        except FAILURES as failure:
            return {"error": failure_of(failure), "seconds": time.perf_counter() - started}
        self._keep(arrays)
        return {"error": None, "seconds": time.perf_counter() - started}

    def _requests(self, command: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        arrays = read_arrays(self._exchange / REQUEST_FILE)
        return [
            (each["signature"], {argument: arrays[key] for argument, key in each["inputs"].items()})
            for each in command["requests"]
        ]

    def _keep(self, arrays: Mapping[str, Any]) -> None:
        try:
            write_arrays(self._exchange / ANSWER_FILE, arrays)
        except OSError as failure:
            if failure.errno == errno.EFBIG:
                raise GiveUpError(f"its answers take more than {LARGEST_FILE // 2**20} MiB") from failure
            raise GiveUpError(f"its answers can't be stored ({failure.strerror})") from failure


def import_tensorflow() -> None:
    """Imports it without looking for garbage meanwhile, which takes a tenth of the time and finds none."""
    gc.disable()
    from runtime import import_bare  # type: ignore[import-not-found]

    import_bare()
    import serving  # and with it what it needs of TensorFlow

    serving.keep_error_texts()
    gc.freeze()
    gc.enable()


def serve(worker: Worker, commands: Any, reply: Callable[[Facts], None]) -> None:
    """Does what the commands say until there are no more."""
    libc = ctypes.CDLL(None)
    actions: dict[str, Callable[[Mapping[str, Any]], Facts]] = {
        name: getattr(worker, name) for name in ("load", "ask", "measure", "repeat", "memory", "transform")
    }
    for line in commands:
        command = json.loads(line)
        try:
            facts = actions[command["command"]](command)
        except MemoryError:
            facts = {"out_of_memory": True}
        except GiveUpError as failure:
            facts = {"gives_up": str(failure)}
        # Whatever the model has printed is on its way before the answer is, also what C's stdout holds back.
        sys.stdout.flush()
        libc.fflush(None)
        reply(facts)


def main(exchange: Path) -> None:
    """Confines this process, imports TensorFlow, says so, and does what it is told."""
    job = enter(exchange)
    with (
        os.fdopen(job["commands"], "r", encoding="utf-8") as commands,
        os.fdopen(job["replies"], "w", encoding="utf-8") as replies,
    ):

        def reply(facts: Facts) -> None:
            replies.write(json.dumps(facts) + "\n")
            replies.flush()

        started = time.perf_counter()
        import_tensorflow()
        isolation = close_doors()
        seconds = time.perf_counter() - started
        reply({"isolation": isolation, "seconds": seconds, "memory_mb": memory_mb("VmRSS")})
        serve(Worker(exchange, job["threads"]), commands, reply)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
