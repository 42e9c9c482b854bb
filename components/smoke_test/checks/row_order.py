"""The same row gets the same answer beside any other rows, in any order, and alone."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np

from components.smoke_test.bench.altered import evenly
from components.smoke_test.bench.asked import Asked, Places
from components.smoke_test.bench.requests import Array
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.checks.diagnosis import Diagnosis
from components.smoke_test.checks.shared_values import shared_values
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult

NEIGHBOURS = "the answer depends on the other rows of the batch"
UNSTEADY = "the answers change from call to call, whatever the batch: see the check `repeatable` first"
_CHECK: CheckName = "row_order"
_SEED = 20
_AT_ONCE = 32
_MOST_SORTED = 32
"""By so many columns the rows are sorted at most."""
_MOST_DRAWN = 200
_FEW = 6
"""So many other rows stand before or after one that is tried in the first or the last place."""
Case = tuple[str, Places]
"""In words, and the rows by place."""


def check_row_order(asked: Asked, slot: Slot, diagnosis: Diagnosis, *, steady: bool) -> Iterator[CheckResult]:
    """The rows in other orders: a few always, and as many more as there is time for, the most suspicious first.

    Args:
      asked: one signature.
      slot: the time for more than the first few.
      diagnosis: of the signature's faults.
      steady: whether the same request gets the same answer.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    if asked.one_at_a_time or asked.rows == 1:
        reason = asked.one_at_a_time or "there is only one row"
        yield CheckResult.skips(_CHECK, reason, signature=asked.signature.name)
        return
    most = max(2, asked.most_rows(4))
    expected = "the same answers in any order and beside any other rows"
    planned = list(_suspicious(asked, most))
    cases = chain(planned, _drawn(asked, most, asked.bench.config.search.seed))
    failed = count = 0
    group = list(_always(asked, most))
    while group and not failed:
        answers = asked.ask([places for _, places in group], "order")
        for (case, places), answer in zip(group, answers, strict=True):
            if (fault := asked.differs(_CHECK, places, answer)) is not None:
                failed += 1
                result = asked.result(_CHECK, expected, fault, NEIGHBOURS if steady else UNSTEADY, case)
                yield diagnosis.of_batch(result, places, answer)
        if not count and not failed and steady:
            shared = shared_values(asked, slot.part(2), expected)
            if isinstance(shared, CheckResult):
                failed += 1
                yield shared
        count += len(group)
        seconds = most * asked.seconds_per_row
        group = list(islice(cases, min(_AT_ONCE, int(slot.left() / seconds)))) if slot.fits(seconds) else []
    if not failed:
        left = len(planned) + len(list(_always(asked, most))) - count
        received = f"the same in {count} batches" + (f", {left} left out for want of time" if left > 0 else "")
        yield asked.result(_CHECK, expected, None, "").model_copy(update={"received": received})


def _always(asked: Asked, most: int) -> Iterator[Case]:
    """The rows reversed, shuffled, and a few of them among copies of another one."""
    everyone = np.arange(asked.rows)
    yield "reversed", everyone[::-1][:most]
    yield "shuffled", np.random.default_rng(_SEED).permutation(asked.rows)[:most]
    few = everyone[::2][: max(1, most // 2)]
    for place in _extremes(asked):
        copies = np.full(most - len(few), place)
        yield f"among copies of row {asked.bench.rows.positions[place]}", np.concatenate([few, copies])


def _suspicious(asked: Asked, most: int) -> Iterator[Case]:
    """Twins, sorted rows, each row alone, and each in the first and in the last place."""
    everyone, positions = np.arange(asked.rows), asked.bench.rows.positions
    some = np.array(evenly(range(asked.rows), max(1, most // 2)))
    yield "each row twice", np.repeat(some, 2)
    yield "all rows twice over", np.tile(some, 2)
    for name, values in evenly(list(_columns(asked)), _MOST_SORTED):
        order = np.argsort(values, kind="stable")
        yield f"sorted by {name}", order[:most]
        yield f"sorted by {name}, the highest first", order[::-1][:most]
    few = some[:_FEW]
    # The extreme ones first: what a row does to others shows most there.
    rows = list(dict.fromkeys([*_extremes(asked), *everyone.tolist()]))
    for place in rows:
        yield f"row {positions[place]} alone", np.array([place])
        yield f"row {positions[place]} last", np.concatenate([few[few != place], [place]])
        yield f"row {positions[place]} first", np.concatenate([[place], few[few != place]])


def _drawn(asked: Asked, most: int, seed: int) -> Iterator[Case]:
    """Batches of any size with rows drawn by chance, some of them more than once."""
    random = np.random.default_rng(seed)
    for _ in range(_MOST_DRAWN):
        size = int(random.integers(2, max(3, most + 1)))
        yield f"{size} rows drawn by chance", random.integers(asked.rows, size=size)


def _columns(asked: Asked) -> Iterator[tuple[str, Array]]:
    """What rows can be sorted by: the numbers of each output, and each column; a rank [rows]."""
    for name, array in sorted(asked.by_row.items()):
        if array.dtype.kind in "fiu" and array.size:
            flat = np.nan_to_num(array.reshape(asked.rows, -1).astype(np.float64))
            for i in range(flat.shape[1]):
                yield f"{name} {i}" if flat.shape[1] > 1 else name, flat[:, i]
    rows = asked.bench.rows.rows
    for name in dict.fromkeys(name for row in rows for name in row if name != asked.bench.contract.label):
        values = [row[name][0] if name in row and len(row[name]) else None for row in rows]
        known = sorted({each for each in values if each is not None}, key=lambda each: (isinstance(each, bytes), each))
        ranks = {value: rank for rank, value in enumerate(known)}
        yield f"the column {name}", np.array([ranks.get(value, -1) for value in values])


def _extremes(asked: Asked) -> Sequence[int]:
    """The places of the rows with the lowest and the highest prediction: what would pull their neighbours most."""
    numbers = asked.bench.numbers(asked.answer)
    if numbers is None or not numbers.ndim or len(numbers) != asked.rows or not numbers.size:
        return [0, asked.rows - 1]
    first = np.nan_to_num(numbers.reshape(asked.rows, -1)[:, 0])
    return sorted({int(np.argmin(first)), int(np.argmax(first))})
