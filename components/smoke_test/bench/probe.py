"""A few different rows in one batch: which of them changes the answers to which others."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.asked import Asked
from components.smoke_test.bench.compare import usual_size
from components.smoke_test.bench.requests import Array, encode
from components.smoke_test.names import CheckName
from components.smoke_test.sandbox.session import Answer

Moved = Literal["last", "first", "before", "after", "reversed", "sorted", "permuted", "others"]
"""Whose answers the rows get: that of the last row of the batch, of the one before, ..."""
Influence = Literal["last", "first", "next", "before", "after", "some", "all"]
"""Which rows change the answers to others: the last one of the batch, those that stand before, ..."""
_ROWS = 6
_FEWEST_ROWS = 3
_SEED = 5
_SECONDS = 5.0
"""A model that takes longer for all batches together is not asked."""
_SUPPORT = 0.4
"""A rule holds where at least this share of what it allows is seen: a window may look to one side only."""
_PHASE = "batches"


def numbers(asked: Asked, answer: Answer) -> Array:
    """An answer as float64 [rows, any], each output in the measure of its tolerance; texts where nothing is numeric."""
    parts = []
    outputs = {name: array for name, array in answer.outputs.items() if name in asked.by_row and array.ndim}
    numeric = {name: array for name, array in outputs.items() if array.dtype.kind in "fiu"}
    for name, array in sorted((numeric or outputs).items()):
        flat = array.reshape(len(array), -1)
        if flat.dtype.kind == "O":
            flat = np.array([[zlib.crc32(each) for each in row] for row in flat.tolist()]).reshape(flat.shape)
        scale = usual_size(asked.answer.outputs[name], asked.bench.contract.task)
        parts.append(np.asarray(flat, np.float64) / scale)
    # Outputs of different numbers of rows belong to no rows together.
    return np.concatenate(parts, axis=1) if len({len(each) for each in parts}) == 1 else np.empty((0, 0))


def same(one: Array, other: Array, tolerance: float) -> bool:
    """Whether two such arrays are equal within the tolerance; NaN equals NaN."""
    return one.shape == other.shape and bool(_close(one, other, tolerance).all())


def _close(one: Array, other: Array, tolerance: float) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        # Numbers larger than usual are measured by their own size.
        limit = tolerance * np.maximum(1.0, np.nan_to_num(np.abs(one)))
        return (np.abs(one - other) <= limit) | (one == other) | (np.isnan(one) & np.isnan(other))


@dataclass(frozen=True)
class Probe:
    """What a few different rows are answered, float64 [rows, any] each.

    Attributes:
      alone: each in a batch of its own.
      together: all in one batch.
      copies: a batch of copies of the first one.
      forth, back: whether the answer to the row at place i changes when the one at place j is another row, bool
        [rows, rows]; in one order, and in the reverse.
      tolerance: within which answers are the same.
    """

    alone: Array
    together: Array
    copies: Array
    forth: NDArray[np.bool_]
    back: NDArray[np.bool_]
    tolerance: float

    @property
    def right(self) -> bool:
        """Whether each row is answered in the batch as alone."""
        return same(self.alone, self.together, self.tolerance)

    def moved(self) -> Moved | None:
        """Whose answers the rows get instead of their own; None where they are nobody's, or can't be told apart."""
        count = len(self.alone)
        # Whether row i is answered as row j is alone.
        like = np.array([[self._same(self.together[i], each) for each in self.alone] for i in range(count)])
        twins = sum(self._same(one, other) for i, one in enumerate(self.alone) for other in self.alone[:i])
        if twins or like.diagonal().all():
            return None
        places = np.arange(count)
        patterns: Mapping[Moved, bool] = {
            "last": bool(like[:, -1].all()),
            "first": bool(like[:, 0].all()),
            "before": bool(like[places[1:], places[:-1]].all()),
            "after": bool(like[places[:-1], places[1:]].all()),
            "reversed": bool(like[places, places[::-1]].all()),
            "sorted": self._permuted() and self._sorted(),
            "permuted": self._permuted(),
            "others": bool(like.any(axis=1).all()),
        }
        return next((name for name, holds in patterns.items() if holds), None)

    def influence(self) -> Influence | None:
        """Which rows of the batch change the answers to others; None when none does, or no rule can be seen."""
        both = (self.forth, self.back)
        if not all(each.any() for each in both):
            return None
        count = len(self.alone)
        i, j = np.indices((count, count))
        only: Mapping[Influence, NDArray[np.bool_]] = {
            "last": j == count - 1,
            "first": j == 0,
            "next": np.abs(i - j) == 1,
            "before": j < i,
            "after": j > i,
        }
        for name, allowed in only.items():
            if all(each[allowed & (i != j)].mean() >= _SUPPORT and not (each & ~allowed).any() for each in both):
                return name
        # A row that counts does so for most others; one that disturbs a certain other row is none of these.
        counting = [each.sum(axis=0) >= _SUPPORT * (count - 1) for each in both]
        if all(each.all() for each in counting):
            return "all"
        disturbing = [each.any(axis=0) for each in both]
        return "some" if all(map(np.array_equal, counting, disturbing)) else None

    def _permuted(self) -> bool:
        return same(np.sort(self.alone, axis=0), np.sort(self.together, axis=0), self.tolerance)

    def _sorted(self) -> bool:
        """Whether some number goes up or down through the batch, and does not where the rows are alone."""
        falls, rises = (
            [bool((steps <= self.tolerance).all()) for steps in (sign * np.diff(self.together, axis=0)).T]
            for sign in (1, -1)
        )
        moves = [not self._same(one, other) for one, other in zip(self.alone.T, self.together.T, strict=True)]
        return any(moved and (fell or rose) for moved, fell, rose in zip(moves, falls, rises, strict=True))

    def _same(self, one: Array, other: Array) -> bool:
        return same(one, other, self.tolerance)


def probe(asked: Asked, check: CheckName) -> Probe | None:
    """Asks some two dozen small batches; None for too few different rows, a slow model, or where one is an error."""
    places, stranger = _different(asked)
    count = len(places)
    if count < _FEWEST_ROWS or asked.seconds_per_row * count * (2 * count + 4) > _SECONDS:
        return None
    orders = (places, places[::-1])
    changed = [np.where(np.arange(count) == j, stranger, order) for order in orders for j in range(count)]
    batches = [*(places[i : i + 1] for i in range(count)), *orders, np.repeat(places[:1], count), *changed]
    answers = asked.ask(batches, _PHASE)
    if any(each.error is not None for each in answers):
        return None
    found = [numbers(asked, each) for each in answers]
    if any(each.shape != (len(batch), found[0].shape[1]) for each, batch in zip(found, batches, strict=True)):
        return None
    tolerance = asked.bench.tolerance(check)
    alone, (forth, back, copies), rest = np.concatenate(found[:count]), found[count : count + 3], found[count + 3 :]
    return Probe(
        alone=alone,
        together=forth,
        copies=copies,
        forth=_changes(forth, rest[:count], tolerance),
        back=_changes(back, rest[count:], tolerance),
        tolerance=tolerance,
    )


def _changes(before: Array, after: Sequence[Array], tolerance: float) -> NDArray[np.bool_]:
    """Which rows are answered differently, for each row that was replaced; not that row itself, bool [rows, rows]."""
    changed = np.stack([~_close(before, each, tolerance).all(axis=1) for each in after], axis=1)
    np.fill_diagonal(changed, val=False)
    return changed


def _different(asked: Asked) -> tuple[NDArray[np.int64], int]:
    """The places of a few different rows, in an order of their own, and of one more: not an extreme one."""
    label = asked.bench.contract.label
    seen: dict[bytes, int] = {}
    for place in range(asked.rows):
        row: dict[str, Any] = {name: each for name, each in asked.bench.rows.rows[place].items() if name != label}
        seen.setdefault(encode(row), place)
    order = np.random.default_rng(_SEED).permutation(np.array([*seen.values()], np.int64))
    values = np.nan_to_num(numbers(asked, asked.answer))
    if len(order) < 2 or not values.size:
        return order[:0], 0
    usual = np.abs(values - np.median(values, axis=0)).sum(axis=1)
    stranger = int(min(order.tolist(), key=lambda place: (float(usual[place]), place)))
    return order[order != stranger][:_ROWS], stranger
