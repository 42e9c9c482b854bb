"""Thousands of requests in one go: times are kept, and of the answers those that differ from the first to a request."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

_MOST_ODD = 8
"""So many answers that differ are kept, and the one that is farthest off."""
_SWITCH_SECONDS = 5e-5
"""How long one client may hold Python's lock while others wait for it: with less of it more requests overlap."""
_STACK_BYTES = 2**20
"""The bytes of one client: the stacks of all of them count towards the limit of memory."""

Outputs = Mapping[str, Any]
Asking = Callable[[int], Any]
"""The place of a request -> its answer: `outputs`, `error`, `seconds`."""


class Series:
    """What a series of requests came to, and the first answer to each.

    Attributes:
      first: the answer to each request when it was asked first, by the request's place.
    """

    def __init__(self) -> None:
        self.first: dict[int, Any] = {}
        self.start_again()

    def start_again(self) -> None:
        """Forgets everything but the first answers."""
        self.turns: list[tuple[int, float]] = []
        """By turn: which it was in the order, and the model's seconds."""
        self.differing: list[int] = []
        """The turns whose answer differs in any bit from the first to the same request."""
        self.odd: list[tuple[int, int, Any]] = []
        """Those turns: the turn, the request's place, the answer."""
        self._farthest = -1.0

    def run(self, ask: Asking, order: Sequence[int], *, threads: int, seconds: float) -> None:
        """Asks in this order until the time is over; from several threads, each takes what is next."""
        end = time.perf_counter() + seconds
        for place in dict.fromkeys(order):
            if place not in self.first:
                if time.perf_counter() >= end and self.first:
                    return
                self.first[place] = ask(place)
        turns = enumerate(order)
        if threads == 1:
            self._work(ask, turns, end)
            return
        # All begin together: alone, the first would be done before the last has started.
        gate = threading.Barrier(threads)
        lock = threading.Lock()

        def work() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                gate.wait()
                self._work(ask, _shared(turns, lock), end)

        before = sys.getswitchinterval(), threading.stack_size(_STACK_BYTES)
        sys.setswitchinterval(_SWITCH_SECONDS)
        clients = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        try:
            for client in clients:
                client.start()
        except RuntimeError:
            gate.abort()  # one can't start: the others would wait for it
            raise
        for client in clients:
            client.join()
        sys.setswitchinterval(before[0])
        threading.stack_size(before[1])

    def _work(self, ask: Asking, turns: Iterator[tuple[int, int]], end: float) -> None:
        for turn, place in turns:
            if time.perf_counter() >= end:
                return
            answer = ask(place)
            self.turns.append((turn, answer.seconds))
            if not _same(self.first[place], answer):
                self._keep(turn, place, answer)

    def _keep(self, turn: int, place: int, answer: Any) -> None:
        self.differing.append(turn)
        if len(self.odd) < _MOST_ODD:
            self.odd.append((turn, place, answer))
            return
        distance = _distance(self.first[place].outputs, answer.outputs)
        if distance > self._farthest:
            self._farthest = distance
            self.odd[_MOST_ODD:] = [(turn, place, answer)]


def _shared(turns: Iterator[tuple[int, int]], lock: threading.Lock) -> Iterator[tuple[int, int]]:
    while True:
        with lock:
            turn = next(turns, None)
        if turn is None:
            return
        yield turn


def _same(one: Any, other: Any) -> bool:
    """Whether two answers are equal to the last bit."""
    if one.error is not None or other.error is not None:
        return bool(one.error == other.error)
    return one.outputs.keys() == other.outputs.keys() and all(
        _bits(array) == _bits(other.outputs[name]) for name, array in one.outputs.items()
    )


def _bits(array: Any) -> tuple[object, ...]:
    return array.shape, array.dtype.str, array.tolist() if array.dtype.kind in "OSU" else array.tobytes()


def _distance(one: Outputs, other: Outputs) -> float:
    """How far apart the numbers of two answers are; texts don't count, as an equal chance may turn a label."""
    distances = [0.0]
    for name, array in one.items():
        received = other.get(name)
        if received is None or received.shape != array.shape:
            return np.inf
        if array.dtype.kind in "fiub" and array.size:
            with np.errstate(invalid="ignore", over="ignore"):
                off = np.abs(array.astype(np.float64) - received.astype(np.float64))
            off[np.isnan(array.astype(np.float64)) & np.isnan(received.astype(np.float64))] = 0.0
            distances.append(float(np.nan_to_num(off, nan=np.inf).max()))
    return max(distances)
