"""Shares the seconds of `smoke_test.search` out among the searches of one model."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from components.smoke_test.names import CheckName

WEIGHTS: dict[CheckName, int] = {
    "finite": 1,
    "signatures_agree": 1,
    "batch_sizes": 3,
    "values": 1,
    "integers": 1,
    "words": 1,
    "defaults": 1,
    "lengths": 1,
    "row_order": 1,
    "threads": 2,
    "endurance": 3,
}
"""The checks that search, and the share of each in the time that is left when it starts."""

_RESERVED = 0.25
"""The share of the time that is kept for failures: for finding the smallest request that fails."""


@dataclass(frozen=True)
class Slot:
    """The time of one search.

    Attributes:
      seconds: how long it may take.
      deadline: when it ends, on the clock of `time.perf_counter`.
    """

    seconds: float
    deadline: float

    @classmethod
    def of(cls, seconds: float) -> "Slot":
        """So many seconds from now on."""
        return cls(seconds, time.perf_counter() + seconds)

    def left(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self.deadline - time.perf_counter())

    def part(self, of: int) -> "Slot":
        """One of so many equal parts of what is left, from now on."""
        return Slot.of(self.left() / of)

    def fits(self, seconds: float) -> bool:
        """Whether something that takes about so long can still be done."""
        return seconds <= self.left()


class SearchTime:
    """What is left of the time for searches. What one of them does not need goes to those after it."""

    def __init__(self, seconds: float, checks: Collection[CheckName]) -> None:
        """Starts with all the time.

        Args:
          seconds: for all searches together.
          checks: those that will run; the others get no share.
        """
        self._reserve = seconds * _RESERVED
        self._left = seconds - self._reserve
        self._waiting = {check: weight for check, weight in WEIGHTS.items() if check in checks}

    @contextmanager
    def smallest(self) -> Iterator[Slot]:
        """The time for one search for the smallest request that fails: the first ones get the most."""
        share = max(0.0, self._reserve) / 2
        started = time.perf_counter()
        try:
            yield Slot.of(share)
        finally:
            self._reserve -= time.perf_counter() - started

    @contextmanager
    def slot(self, check: CheckName) -> Iterator[Slot]:
        """The time of a check's search, from now on; a search that was never announced, or is over, has none."""
        weight = self._waiting.get(check, 0)
        share = max(0.0, self._left) * weight / max(1, sum(self._waiting.values()))
        started = time.perf_counter()
        try:
            yield Slot.of(share)
        finally:
            self._waiting.pop(check, None)
            self._left -= time.perf_counter() - started
