"""What a component agrees on with the other one that may run beside it in the same process.

Where a component has the process to itself nothing of this does anything.
"""

import contextlib
import threading
from collections.abc import Iterator

SECONDS_BETWEEN_CHECKS = 0.2
"""So long may be waited between two calls of `check_interrupt`."""


class Lane:
    """One component's place beside others, made by whoever runs them.

    Args:
      machine: held by whoever needs that nothing else works.
    """

    def __init__(self, machine: threading.Lock) -> None:
        self._machine = machine
        self._alone = False
        self._interrupted = threading.Event()

    def interrupt(self) -> None:
        """Has the component end with a KeyboardInterrupt the next time that it can."""
        self._interrupted.set()

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Makes this thread the component's, which begins alone."""
        _here.lane = self
        try:
            self.wait_until_alone()
            yield
        finally:
            self.let_others_work()
            del _here.lane

    def let_others_work(self) -> None:
        """As the function of this name."""
        if self._alone:
            self._alone = False
            self._machine.release()

    def wait_until_alone(self) -> None:
        """As the function of this name."""
        while not self._alone:
            self.check()
            self._alone = self._machine.acquire(timeout=SECONDS_BETWEEN_CHECKS)

    def check(self) -> None:
        """As the function `check_interrupt`."""
        if self._interrupted.is_set():
            raise KeyboardInterrupt


class _Here(threading.local):
    lane: Lane | None = None


_here = _Here()


def let_others_work() -> None:
    """Says that from here on nothing is measured that depends on how busy the machine is."""
    if _here.lane is not None:
        _here.lane.let_others_work()


def wait_until_alone() -> None:
    """Waits until nothing else works; it stays so until `let_others_work`. A component begins like this.

    Raises:
      KeyboardInterrupt: as `check_interrupt`.
    """
    if _here.lane is not None:
        _here.lane.wait_until_alone()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Around what measures time: nothing else works meanwhile.

    Raises:
      KeyboardInterrupt: as `check_interrupt`.
    """
    wait_until_alone()
    try:
        yield
    finally:
        let_others_work()


def check_interrupt() -> None:
    """To be called again and again where something is waited for, as Python interrupts its main thread only.

    Raises:
      KeyboardInterrupt: the run is to end.
    """
    if _here.lane is not None:
        _here.lane.check()
