"""How far reading has come: megabytes of the sources, which are known before it begins, and rows."""

from __future__ import annotations

import threading

from components.progress import Progress

_MB = 1e6


class ReadingProgress:
    """Counts the rows and bytes that this process has read."""

    def __init__(self, component: str = "ExampleGen") -> None:
        self._lock = threading.Lock()
        self._component = component
        self.restart()

    def restart(self) -> None:
        """Starts counting again, for the next run in this process."""
        with self._lock:
            self._rows = 0
            self._progress: Progress | None = None

    def add(self, rows: int, size: float, total: float) -> None:
        """Rows and bytes that have been read just now.

        Args:
          rows: examples written and rows left out.
          size: bytes of the source.
          total: bytes of all sources; below a megabyte only rows are counted.
        """
        megabytes = total >= _MB
        with self._lock:
            if self._progress is None:
                self._progress = Progress(self._component, *(("MB", total / _MB) if megabytes else ("rows",)))
            self._rows += rows
            self._progress.add(size / _MB if megabytes else rows, f"{self._rows:,} rows" if megabytes else None)

    def end(self) -> None:
        """Says how much was read."""
        with self._lock:
            if self._progress is not None:
                self._progress.say()


progress = ReadingProgress()
"""The progress of this process."""
