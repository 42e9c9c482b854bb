"""How far a component has come, as log records: a screen shows each, a log file and a cluster keep one now and then."""

import logging
import threading
import time

LOGGER = "lockgate.progress"
"""Its records at level DEBUG are for a screen that shows the newest one; those at INFO may all be kept."""
COMPONENT = "component"
"""The attribute of a record that names the component."""
PHASE = "phase"
"""The attribute of a record that says what begins, which may take long, and not how far it has come."""

_logger = logging.getLogger(LOGGER)
_SECONDS_BETWEEN_RECORDS = 0.25
_SECONDS_TO_FIRST_LINE = 2.0
_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_TO_FORECAST = 1.0
"""What was done in less says little about the rest."""


class Progress:
    """Counts what one component has done, and says so a few times a second at most. May be used by several threads."""

    def __init__(self, component: str, unit: str, total: float | None = None, *, begun: float = 0) -> None:
        """Starts to count.

        Args:
          component: its name in the graph.
          unit: what is counted, in the plural: `rows`.
          total: how many there are; None where nobody knows.
          begun: how many of them were done before, by a process that was killed.
        """
        self._component, self._unit, self._total = component, unit, total
        self._lock = threading.Lock()
        self._done = begun
        self._note = ""
        self._first: tuple[float, float] | None = None
        self._recorded = time.monotonic()
        self._logged = self._recorded + _SECONDS_TO_FIRST_LINE - _SECONDS_BETWEEN_LINES

    def add(self, done: float = 1, note: str | None = None) -> None:
        """More has been done.

        Args:
          done: how many more.
          note: what else is worth knowing now; it stays until there is another one.
        """
        with self._lock:
            self._reach(self._done + done, note)

    def reach(self, done: float, note: str | None = None, *, keep: bool = False) -> None:
        """So much has been done by now, where that is easier to tell than how much more it is.

        Args:
          done: of the total.
          note: as for `add`.
          keep: whether a log wants this line, however often there is one.
        """
        with self._lock:
            self._reach(done, note, keep=keep)

    def _reach(self, done: float, note: str | None, *, keep: bool = False) -> None:
        self._done = done
        self._note = self._note if note is None else note
        now = time.monotonic()
        # What comes before the first part, such as tracing a graph, says nothing about the others.
        self._first = self._first or (now, done)
        if now - self._recorded < _SECONDS_BETWEEN_RECORDS and not keep:
            return
        self._recorded = now
        line = keep or now - self._logged >= _SECONDS_BETWEEN_LINES
        self._logged = now if line else self._logged
        self._say(logging.INFO if line else logging.DEBUG, self._left(now))

    def begin(self, phase: str) -> None:
        """Says what is done now, in which nothing is counted: only where a line is changed in place or long overdue.

        Args:
          phase: in a few words.
        """
        _logger.debug("%s", phase, extra={COMPONENT: self._component, PHASE: True})

    def say(self, note: str | None = None) -> None:
        """Logs at the end how far it has come.

        Args:
          note: as for `add`.
        """
        with self._lock:
            self._note = self._note if note is None else note
            self._recorded = self._logged = time.monotonic()
            self._say(logging.INFO, "")

    def _say(self, level: int, left: str) -> None:
        counted = f"{self._done:,.0f} {self._unit}"
        if self._total is not None and self._done < self._total:
            counted = f"{self._done:,.0f} of {self._total:,.0f} {self._unit}{left}"
        text = f"{counted}   {self._note}" if self._note else counted
        _logger.log(level, "%s", text, extra={COMPONENT: self._component})

    def _left(self, now: float) -> str:
        """The time that the rest takes at the speed so far; "" where that is not known yet."""
        if self._first is None or self._total is None:
            return ""
        passed, done = now - self._first[0], self._done - self._first[1]
        if passed < _SECONDS_TO_FORECAST or done <= 0:
            return ""
        left = passed * (self._total - self._done) / done
        if left < 60:
            return f", {left:.0f} s left"
        minutes = round(left / 60)
        return f", {minutes} min left" if minutes < 60 else f", {minutes // 60} h {minutes % 60} min left"
