"""A model's process that is started before there is a model, so that TensorFlow is imported when the model comes.

It is started as cleanly as any other and has been asked nothing when a session takes it.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from components.smoke_test.config import Process as Limits
from components.smoke_test.sandbox.process import ModelProcess
from preprocessing.errors import UserError

logger = logging.getLogger("lockgate")

_lock = threading.Lock()
_waiting: list[tuple[Limits, ModelProcess]] = []


@contextlib.contextmanager
def kept_warm(limits: Limits, make: Callable[[Limits], ModelProcess] = ModelProcess) -> Iterator[Callable[[], None]]:
    """What starts a process for the next session with these limits; at the end one that nobody took is ended.

    A process ends with the thread that starts it, so that thread has to stay until the session is over.

    Args:
      limits: what it must keep to.
      make: how it is started.
    """

    def start() -> None:
        try:
            process = make(limits)
        except (OSError, UserError) as error:
            # The session will start one itself, and say what is wrong where it belongs.
            logger.info("no process was started before the model came: %s", error)
            return
        with _lock:
            _waiting.append((limits, process))

    try:
        yield start
    finally:
        while (left := take(limits)) is not None:
            left.close()


def take(limits: Limits) -> ModelProcess | None:
    """A waiting process with these limits, now the caller's; None where there is none that still runs."""
    while True:
        with _lock:
            found = next((each for each in _waiting if each[0] == limits), None)
            if found is None:
                return None
            _waiting.remove(found)
        if not found[1].has_ended():
            return found[1]
        # The machine may have been short of memory: that is not the next model's fault.
        found[1].close()
