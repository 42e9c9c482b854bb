"""Counts of numbers in bounded memory, such that merging them in any order gives the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Tally:
    """How often each number occurs; numbers close to each other count as one when there are too many.

    The step is the smallest one of `steps` at which no more than `limit` numbers are left, or the largest one. As a
    part never has more distinct numbers than the whole, no part is coarser than the whole has to be: the order of
    merging does not matter.

    Attributes:
      values: sorted and distinct, int64 or uint64, shape [n]: each stands for itself and those up to the next step.
      counts: int64 of shape [n].
      steps: ascending; each divides the next.
      limit: how many numbers are kept apart.
      level: which step the values are multiples of.
    """

    values: Integers
    counts: npt.NDArray[np.int64]
    steps: tuple[int, ...]
    limit: int
    level: int = 0

    @property
    def total(self) -> int:
        """How many numbers were counted."""
        return int(self.counts.sum())

    def plus(self, others: Iterable[Tally]) -> Tally:
        """This tally and others of the same steps, limit and type, together."""
        tallies = [self, *others]
        level = max(tally.level for tally in tallies)
        values = np.concatenate([tally.values for tally in tallies])
        counts = np.concatenate([tally.counts for tally in tallies])
        return _bounded(values, counts, self.steps, self.limit, level)

    def boundaries(self, shares: Sequence[float]) -> list[int]:
        """Where to cut so that the parts get these shares: the number of counts below each possible cut is known.

        Args:
          shares: of each part but the last, above 0.

        Returns:
          For each, the position in `values` of the first value after the cut: the cut whose count below is nearest to
          what the share says, the earlier one of two.
        """
        below = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.counts)])
        targets = np.cumsum(np.asarray(shares)) * below[-1]
        return [int(np.argmin(np.abs(below - target))) for target in targets]


def tally(numbers: Integers, steps: tuple[int, ...], limit: int) -> Tally:
    """Counts how often numbers occur."""
    values, counts = np.unique(numbers, return_counts=True)
    return _bounded(values, counts.astype(np.int64), steps, limit, 0)


def _bounded(
    values: Integers,
    counts: npt.NDArray[np.int64],
    steps: tuple[int, ...],
    limit: int,
    level: int,
) -> Tally:
    """Merges equal values, at the finest step from `level` on that leaves no more than `limit` of them."""
    while True:
        step = values.dtype.type(steps[level])
        merged, inverse = np.unique(values // step * step, return_inverse=True)
        if len(merged) <= limit or level == len(steps) - 1:
            break
        level += 1
    summed = np.zeros(len(merged), np.int64)
    np.add.at(summed, inverse, counts)
    return Tally(merged, summed, steps, limit, level)
