"""Whether two signatures that differ take two columns under each other's names, or in another order."""

from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np

from components.smoke_test.bench.relations import Agree
from components.smoke_test.bench.requests import Row

PHASE = "parity"


def exchanged_columns(
    relation: Agree, rows: Sequence[Row], columns: Collection[str], most: int
) -> tuple[str, str] | None:
    """The two columns which, exchanged in the requests of one signature, make both answer alike.

    Args:
      relation: that both answer alike, which does not hold.
      rows: what is asked.
      columns: those that both take.
      most: so many pairs are asked at most.
    """
    # In the rows as they are, an exchange of equal values would prove nothing.
    pairs = [
        pair
        for pair in combinations(sorted(columns), 2)
        if _kind(rows, pair[0]) == _kind(rows, pair[1]) != "" and _differ(rows, *pair)
    ]
    pairs = pairs[:most]
    if not pairs:
        return None
    swapped = [relation.exchanging(*pair) for pair in pairs]
    expected, first = relation.requests(rows)
    requests = [expected, first, *(each.requests(rows)[1] for each in swapped)]
    plain, unchanged, *answers = relation.bench.session.ask(requests, phase=PHASE)
    if relation.judge(rows, [plain, unchanged]) is None:
        return None
    found = (
        pair
        for pair, each, answer in zip(pairs, swapped, answers, strict=True)
        if plain.error is None and answer.error is None and each.judge(rows, [plain, answer]) is None
    )
    return next(found, None)


def _kind(rows: Sequence[Row], column: str) -> str:
    """The type and size of a column's values; empty where they differ, or there are none."""
    kinds = {f"{row[column].dtype.kind}{row[column].shape}" for row in rows if column in row}
    return next(iter(kinds)) if len(kinds) == 1 else ""


def _differ(rows: Sequence[Row], one: str, other: str) -> bool:
    return any(one in row and other in row and not np.array_equal(row[one], row[other]) for row in rows)
