"""The processes that trials run in, as many as may run at the same time; each imports TensorFlow once."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Annotated, Self

from pydantic import Field, TypeAdapter

from components.trainer.tuning.messages import Ended, Epoch, Order

_COMMAND = (sys.executable, "-m", "components.trainer.tuning.worker")
_SECONDS_BETWEEN_LOOKS = 0.2
_MESSAGE: TypeAdapter[Epoch | Ended] = TypeAdapter(Annotated[Epoch | Ended, Field(discriminator="kind")])
_Said = tuple["_Worker", str | None]
"""A line of a worker, or None at its end."""


class _Worker:
    """One process, started with its first order, and again after its end."""

    def __init__(self, said: "queue.Queue[_Said]", environment: dict[str, str], crowd: str) -> None:
        self.order: Order | None = None
        self.given_up = False
        self._said, self._environment, self._crowd = said, environment, crowd
        self._process: subprocess.Popen[str] | None = None

    def begin(self, order: Order) -> None:
        self.order, self.given_up = order, False
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env=self._environment,
            )
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        if self._process.stdin is None:
            raise RuntimeError("the worker has no stdin")
        try:
            self._process.stdin.write(f"{order.model_dump_json()}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; its listener says so

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            self._said.put((self, line))
        process.wait()
        self._said.put((self, None))

    def ended(self) -> Ended:
        """What becomes of the trial when the process has ended; the next order starts another."""
        process, self._process = self._process, None
        code = process.wait() if process is not None else 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        reason = f"its process ended ({how}); was there enough memory? {self._crowd} run at once"
        return Ended(state="failed", reason=reason, machine=True)

    def stop(self) -> None:
        """Ends the process now."""
        self.given_up = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _environment(parallel: int, processors: int) -> dict[str, str]:
    """The variables of one of so many processes that share the processors."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if parallel > 1:
        # TensorFlow would take all of a GPU's memory for the first process.
        environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        # The threads that grow a tree wait for each other, spinning, at every split: where another process has the
        # processor of one, all of them take many times as long. Their number changes no tree.
        environment.setdefault("OMP_NUM_THREADS", str(max(1, processors // parallel)))
    return environment


class Workers:
    """The workers of one search. A context manager: none is running afterwards.

    Attributes:
      environment: the variables of their processes.
    """

    def __init__(self, parallel: int, crowd: str = "tune.parallel trials") -> None:
        """Starts nothing yet.

        Args:
          parallel: the number of trials at the same time.
          crowd: what runs at the same time, for messages.
        """
        self._said: queue.Queue[_Said] = queue.Queue()
        self.environment = _environment(parallel, len(os.sched_getaffinity(0)))
        self._workers = [_Worker(self._said, self.environment, crowd) for _ in range(parallel)]

    def run(
        self, orders: Sequence[Order], told: Callable[[int, Epoch], None], deadline: float | None
    ) -> Iterator[tuple[int, Ended]]:
        """Runs trials, as many at a time as there are workers.

        Args:
          orders: the trials, in the order in which they begin.
          told: told each epoch of each trial.
          deadline: on the monotonic clock: what has not ended by then is given up, trial 0 aside; None waits.

        Yields:
          The number of each trial that ended, as it ends, and how.
        """
        waiting = deque(orders)
        idle = deque(self._workers)
        busy: set[_Worker] = set()
        while waiting or busy:
            if deadline is not None and time.monotonic() > deadline:
                waiting = deque(order for order in waiting if order.number == 0)
                for worker in [each for each in busy if each.order is not None and each.order.number]:
                    worker.stop()
            while waiting and idle:
                worker = idle.popleft()
                worker.begin(waiting.popleft())
                busy.add(worker)
            try:
                worker, line = self._said.get(timeout=_SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                continue
            order = worker.order
            said = worker.ended() if line is None else _MESSAGE.validate_json(line)
            if order is None or (worker.given_up and line is not None):
                continue
            if isinstance(said, Epoch):
                told(order.number, said)
                continue
            busy.remove(worker)
            idle.append(worker)
            worker.order = None
            if not worker.given_up:
                yield order.number, said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.stop()
