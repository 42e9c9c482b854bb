"""Which row of train and eval goes to which fold of a cross-validation. Pure, and the same for rows in any order."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from preprocessing.errors import UserError
from preprocessing.row_hash import Hashes, mixed

Folds = npt.NDArray[np.int8]
"""An array of shape [rows]: the number of each row's fold."""
_FIELD = ("train", "cross_validation", "folds")


def spread_evenly(groups: Hashes, strata: Hashes, folds: int, seed: int) -> Folds:
    """Rows of a group stay together; each stratum, and all rows together, are spread as evenly as that allows.

    The largest group first, each into the fold with the fewest rows of its stratum, then the fewest of all: for groups
    of one row the rows of a stratum differ by one at most between two folds.

    Args:
      groups: uint64 [rows]: rows with the same number stay together.
      strata: uint64 [rows]: the same for all rows of a group.
      folds: how many there are, counted from 1.
      seed: settles which of equally large groups comes first.

    Raises:
      UserError: there are fewer groups than folds.
    """
    names, first, which, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise UserError(
            f"train and eval have {len(names)} groups of rows that stay together (equal rows, or the same keys of "
            "data.split)",
            field=_FIELD,
            expected=f"at least as many as folds ({folds})",
            hint="ask for fewer folds, or give more rows",
        )
    lots = mixed(names ^ mixed(np.full(1, seed, np.uint64)))
    order = np.lexsort((lots, -sizes, strata[first]))
    chosen = np.zeros(len(names), np.int8)
    everywhere = [0] * folds
    stratum, waiting = None, list[tuple[int, int, int]]()
    for group in order.tolist():
        if (its := int(strata[first[group]])) != stratum:
            stratum, waiting = its, [(0, rows, fold) for fold, rows in enumerate(everywhere)]
            heapq.heapify(waiting)
        rows, _, fold = heapq.heappop(waiting)
        size = int(sizes[group])
        everywhere[fold] += size
        heapq.heappush(waiting, (rows + size, everywhere[fold], fold))
        chosen[group] = fold + 1
    return chosen[which]


def in_time_order(times: npt.NDArray[np.int64], folds: int) -> Folds:
    """Fold 0 has the oldest rows, and each next one newer ones, of about as many rows; rows of one time stay together.

    So many rows as an expanding window needs: fold n is predicted by what was trained on folds 0 to n - 1.

    Args:
      times: int64 [rows], in seconds.
      folds: how many there are beside fold 0.

    Raises:
      UserError: there are not more different times than folds.
    """
    distinct, which, counts = np.unique(times, return_inverse=True, return_counts=True)
    if len(distinct) <= folds:
        raise UserError(
            f"train and eval have {len(distinct)} different times",
            field=_FIELD,
            expected=f"more than folds ({folds}), as each fold is newer than the rows that it is trained on",
            hint="ask for fewer folds",
        )
    ends = np.cumsum(counts)
    starts = [0]
    for fold in range(1, folds + 1):
        # Where the share of rows is reached, and yet one time at least for each fold before and after.
        at = int(np.searchsorted(ends, len(times) * fold / (folds + 1)))
        nearer = at + 1 if _beyond(ends, at, len(times) * fold / (folds + 1)) else at
        starts.append(min(max(nearer, starts[-1] + 1), len(distinct) - (folds + 1 - fold)))
    of_time = np.searchsorted(np.array(starts), np.arange(len(distinct)), side="right") - 1
    return of_time.astype(np.int8)[which]


def _beyond(ends: npt.NDArray[np.int64], at: int, wanted: float) -> bool:
    """Whether the cut after a time is at least as near to what is wanted as the one before it."""
    before = ends[at - 1] if at else 0
    return bool(ends[at] - wanted <= wanted - before)
