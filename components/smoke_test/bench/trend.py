"""Whether something grows, or only varies: robust statistics of what was measured after equal parts of the work."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_FEWEST = 6
"""Nothing is said about fewer measurements."""
_RISING = 0.8
"""The share of all pairs of measurements of which the later one must be the higher."""
_LASTING = 0.3
"""The slope of the second half, as a share of the usual step, at least: what warms up stops growing."""
_MIB = 24 / 1024
_RESIDENT_MIB = 0.5
"""Growth from one measurement to the next that is more than noise: of what is allocated, and of resident memory, to
which the allocator gives and takes whole pages."""
_FACTOR = 1.4
_SECONDS = 5e-5
_SETTLED = 8
"""So many answers at least before and after a change that lasts."""
_FAST = 0.2
"""The quantile of times that stands for a block of them."""


def slope(values: Sequence[float] | Array) -> float:
    """The median slope of all pairs (Theil and Sen), per step."""
    array = np.asarray(values, np.float64)
    first, second = np.triu_indices(len(array), 1)
    return float(np.median((array[second] - array[first]) / (second - first)))


def step(values: Sequence[float] | Array) -> float:
    """The median of the steps from each value to the next, which one large jump does not move."""
    return float(np.median(np.diff(np.asarray(values, np.float64))))


def rises(values: Sequence[float] | Array) -> bool:
    """Whether most later values are higher than earlier ones, and go on rising in the second half."""
    array = np.asarray(values, np.float64)
    if len(array) < _FEWEST:
        return False
    first, second = np.triu_indices(len(array), 1)
    if np.mean(array[second] > array[first]) < _RISING:
        return False
    later = slope(array[len(array) // 2 :])
    return later > 0 and later >= _LASTING * step(array)


def memory_growth(mebibytes: Sequence[float], *, exact: bool) -> float:
    """MiB that memory grows by from one measurement to the next; 0 when it does not, or by too little to tell.

    Args:
      mebibytes: in use after each of several equal numbers of requests.
      exact: whether that is what is allocated, and not the resident memory.
    """
    if not rises(mebibytes):
        return 0.0
    usual = step(mebibytes)
    return usual if usual >= (_MIB if exact else _RESIDENT_MIB) else 0.0


def fast(blocks: Sequence[Array]) -> list[float]:
    """What stands for each block of times: what else runs on the machine only ever adds to a time."""
    return [float(np.quantile(block, _FAST)) for block in blocks if len(block)]


def latency_growth(blocks: Sequence[Array]) -> bool:
    """Whether a request takes longer and longer.

    Args:
      blocks: the seconds of the same request, in several equal parts of the time.
    """
    times = fast(blocks)
    if len(times) < len(blocks) or not rises(times):
        return False
    return grown(times[0], times[0] + slope(times) * (len(times) - 1))


def grown(first: float, now: float) -> bool:
    """Whether a request takes so much longer that it is worth a second look, in seconds."""
    return now - first >= max(_SECONDS, (_FACTOR - 1) * first)


def goes_on(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether what has grown goes on growing, by half as much at least, from where it had come."""
    return rises(after) and step(after) >= step(before) / 2 and after[-1] > before[-1]


def changed_for_good(differing: Sequence[bool]) -> int | None:
    """Since when every answer differs, after a time in which none did; None when it isn't so.

    Args:
      differing: of each answer to the same request, in turn, whether any bit of it differs from the first.
    """
    flags = np.asarray(differing, bool)
    if not flags.any() or flags.all():
        return None
    since = int(np.argmax(flags))
    return since if min(since, len(flags) - since) >= _SETTLED and flags[since:].all() else None
