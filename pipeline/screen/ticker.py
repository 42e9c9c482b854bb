"""Something that is done again and again beside the work of the main thread."""

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` on a thread of its own, first after so many seconds; none is running when the block has ended."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(seconds):
            act()

    thread = threading.Thread(target=tick, name="ticker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
