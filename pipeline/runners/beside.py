"""Nodes on threads of their own, beside the one that the main thread runs.

Threads and not processes: importing TFX once more takes longer than what is gained, and what such a node waits for
(processes of its own, NumPy, TensorFlow) leaves Python to the others. Python interrupts its main thread only, and
Beam's and TFX's settings belong to the process, so a node that runs here uses no Beam, and calls
`components.alongside.check_interrupt` while it waits for something.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

from components.alongside import Lane

T = TypeVar("T")

_SECONDS_BETWEEN_LOOKS = 0.2

logger = logging.getLogger("lockgate")


class _Running(threading.Thread, Generic[T]):
    """One node on its thread, and how it ended."""

    def __init__(self, name: str, work: Callable[[], T], lane: Lane) -> None:
        super().__init__(name=name, daemon=True)  # the second Ctrl-C doesn't wait for it
        self._work, self._lane = work, lane
        self.begun, self.ended = threading.Event(), threading.Event()
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Does the work."""
        try:
            with self._lane.entered():
                self.begun.set()
                self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.error = error
        finally:
            self.begun.set()
            self.ended.set()

    def interrupt(self) -> None:
        """Asks it to end."""
        self._lane.interrupt()


class Beside(Generic[T]):
    """The nodes that run beside the others. A context manager: none is running afterwards.

    An error leaves the block when they have ended; after Ctrl-C they are interrupted.
    """

    def __init__(self) -> None:
        self._machine = threading.Lock()
        self._threads: dict[str, _Running[T]] = {}

    def __contains__(self, name: str) -> bool:
        """Whether it was started here."""
        return name in self._threads

    def start(self, name: str, work: Callable[[], T]) -> None:
        """Starts one; it works alone until it says that others may work too."""
        self._threads[name] = thread = _Running(name, work, Lane(self._machine))
        thread.start()
        _wait(thread.begun)

    @contextmanager
    def other_work(self) -> Iterator[None]:
        """Around what the main thread does: waits for its turn.

        Raises:
          Exception: what a node here has raised by now.
        """
        while not self._machine.acquire(timeout=_SECONDS_BETWEEN_LOOKS):
            pass
        try:
            for thread in self._threads.values():
                if thread.error is not None:
                    raise thread.error
            yield
        finally:
            self._machine.release()

    def result(self, name: str) -> T:
        """Waits for the end of one.

        Raises:
          Exception: whatever it raised.
        """
        thread = self._threads[name]
        _wait(thread.ended)
        if thread.error is not None:
            raise thread.error
        return cast("T", thread.result)

    def wait(self, name: str, seconds: float) -> None:
        """Waits for the end of one, so long at most.

        Raises:
          Exception: whatever it raised by then.
        """
        if self._threads[name].ended.wait(seconds):
            self.result(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._interrupt()
        try:
            self._join()
        except KeyboardInterrupt:
            self._interrupt()
            self._join()
            raise
        for name, thread in self._threads.items():
            # Only one error ends the run.
            if isinstance(thread.error, Exception) and thread.error is not error:
                logger.error("%s failed too", name, exc_info=thread.error)

    def _interrupt(self) -> None:
        for thread in self._threads.values():
            thread.interrupt()

    def _join(self) -> None:
        for thread in self._threads.values():
            _wait(thread.ended)
            thread.join()


def _wait(event: threading.Event) -> None:
    """Waits so that Ctrl-C is noticed, whichever thread the system gives the signal to.

    `Thread.join` would do for the main thread's, but an interrupted one takes the thread for ended (Python 3.11).
    """
    while not event.wait(_SECONDS_BETWEEN_LOOKS):
        pass
