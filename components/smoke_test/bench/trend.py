"""Whether something grows, or only varies: robust statistics of what was measured after equal parts of the work."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_FEWEST = 6
"""Of fewer measurements nothing is said."""
_RISING = 0.8
"""The share of all pairs of measurements of which the later one must be the higher."""
_LASTING = 0.3
"""The share of the growth that must fall into the second half: what warms up stops growing."""
_MIB = 24 / 1024
_RESIDENT_MIB = 0.5
"""Growth from one measurement to the next that is more than noise: of what is allocated, and of resident memory, to
which the allocator gives and takes whole pages."""
_FACTOR = 1.4
_SECONDS = 5e-5
_SETTLED = 8
"""So many answers at least before and after a change that lasts."""
_FAST = 0.2
"""Of a block of times the quantile that stands for it: what else runs on the machine only ever adds to a time."""


def slope(values: Sequence[float] | Array) -> float:
    """The median slope of all pairs (Theil and Sen), per step."""
    array = np.asarray(values, np.float64)
    first, second = np.triu_indices(len(array), 1)
    return float(np.median((array[second] - array[first]) / (second - first)))


def rises(values: Sequence[float] | Array) -> bool:
    """Whether most later values are higher than earlier ones, and go on rising in the second half."""
    array = np.asarray(values, np.float64)
    if len(array) < _FEWEST:
        return False
    first, second = np.triu_indices(len(array), 1)
    if np.mean(array[second] > array[first]) < _RISING:
        return False
    middle = len(array) // 2
    return bool(array[-1] - array[middle] >= _LASTING * (array[-1] - array[0]))


def memory_growth(mebibytes: Sequence[float], *, exact: bool) -> float:
    """MiB that memory grows by from one measurement to the next; 0 when it does not, or by too little to tell.

    Args:
      mebibytes: in use after each of several equal numbers of requests.
      exact: whether that is what is allocated, and not the resident memory.
    """
    if not rises(mebibytes):
        return 0.0
    step = slope(mebibytes)
    return step if step >= (_MIB if exact else _RESIDENT_MIB) else 0.0


def latency_growth(blocks: Sequence[Array]) -> tuple[float, float] | None:
    """What a request took in the first and in the last block, seconds; None when it takes no longer.

    Args:
      blocks: the seconds of the same request, in several equal parts of the time.
    """
    fast = [float(np.quantile(block, _FAST)) for block in blocks if len(block)]
    if len(fast) < len(blocks) or not rises(fast):
        return None
    grown = slope(fast) * (len(fast) - 1)
    return (fast[0], fast[-1]) if grown >= _SECONDS and fast[0] + grown >= _FACTOR * fast[0] else None


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
