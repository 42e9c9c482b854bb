"""How far reading has come, as log records that a screen can show."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger("lockgate.progress")

_SECONDS = 0.25
_MB = 1e6


class Progress:
    """Counts the rows and bytes that this process has read, and says so a few times a second at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = 0
        self._bytes = 0.0
        self._said = 0.0

    def restart(self) -> None:
        """Starts counting again, for the next run in this process."""
        with self._lock:
            self._rows, self._bytes, self._said = 0, 0.0, 0.0

    def add(self, rows: int, size: float, total: float) -> None:
        """Rows and bytes that have been read just now.

        Args:
          rows: examples written and rows left out.
          size: bytes of the source.
          total: bytes of all sources; below a megabyte they are not worth a word.
        """
        with self._lock:
            self._rows += rows
            self._bytes += size
            now = time.monotonic()
            if now - self._said < _SECONDS:
                return
            self._said = now
        self.say(total)

    def say(self, total: float) -> None:
        """Logs the progress now.

        Args:
          total: as for `add`.
        """
        with self._lock:
            of = f", {self._bytes / _MB:,.0f} of {total / _MB:,.0f} MB" if total >= _MB else ""
            text = f"{self._rows:,} rows{of}"
        logger.info(text)


progress = Progress()
"""The progress of this process."""
