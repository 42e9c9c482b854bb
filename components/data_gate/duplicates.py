"""Rows that two splits share."""

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from components.artifacts.splits import Split
from components.data_gate.config import Duplicates
from components.data_gate.examples import Rows
from components.data_gate.report import DataFinding

_PAIRS: tuple[tuple[Split, Split], ...] = (("eval", "train"), ("test", "train"), ("test", "eval"))


def shared_rows(rows: Rows, config: Duplicates, chance: float) -> Iterator[DataFinding]:
    """Splits that share more rows than a table like this one does by chance.

    When rows are drawn independently, a row of the test split is in the training split about as often as a row of the
    training split has a twin in it. What goes beyond that was copied.

    Args:
      rows: the hashes of the rows.
      config: limit and severity.
      chance: see `DataGateConfig.chance`.
    """
    if config.severity == "off":
        return
    for split, other in _PAIRS:
        mine, theirs = rows.hashes.get(split), rows.hashes.get(other)
        if mine is None or theirs is None or not len(mine) or not len(theirs):
            continue
        shared = float(np.isin(mine, theirs).mean())
        expected = _twins(theirs)
        noise = NormalDist().inv_cdf(1 - chance) * math.sqrt(
            expected * (1 - expected) * (1 / len(mine) + 1 / len(theirs))
        )
        if shared - expected <= max(config.max_fraction, noise):
            continue
        about = "" if rows.sampled == 1 else f" (of a sample of {len(mine)})"
        yield DataFinding(
            check="duplicates",
            split=split,
            expected=f"at most {100 * (expected + max(config.max_fraction, noise)):.3g} % of the rows to be in {other} "
            f"too ({100 * expected:.3g} % of {other}'s rows have a twin in {other} itself)",
            received=f"{100 * shared:.3g} %, {round(shared * rows.rows[split])} rows{about}",
            severity=config.severity,
            hint="remove the copies, or keep them in one split (data.split.keys); the limit is "
            "data_gate.duplicates.max_fraction",
        )


def _twins(hashes: NDArray[np.uint64]) -> float:
    """The share of the rows that are there more than once."""
    _, counts = np.unique(hashes, return_counts=True)
    return float(counts[counts > 1].sum() / len(hashes))
