"""The smallest request that still fails: fewer rows, then fewer columns that matter, then simpler values.

Delta debugging as ddmin does it: Andreas Zeller and Ralf Hildebrandt, "Simplifying and Isolating Failure-Inducing
Input", IEEE Transactions on Software Engineering 28(2), 2002.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.compare import text
from components.smoke_test.bench.relations import Failure, Relation
from components.smoke_test.bench.requests import Array, Row, strings
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.report import FailingRow, Smallest
from preprocessing.text import one_line

Item = TypeVar("Item")
First = Callable[[Sequence[Sequence[Item]]], int | None]
"""Candidates -> the place of the first one that still fails, or None."""

_MOST_REQUESTS = 600
_AT_ONCE = 16
"""So many candidates are asked together: crossing to the model's process costs more than a request."""
_SMALL_SIZES = 12
_ROWS_SHOWN, _COLUMNS_SHOWN = 6, 8
_LONGEST_VALUE, _LONGEST_TEXT = 60, 200
_PHASE = "smallest request"


@dataclass(frozen=True)
class Part:
    """One row of a request.

    Attributes:
      place: of the real row that it is, or was before its values were changed.
      row: its values.
    """

    place: int
    row: Row


Parts = tuple[Part, ...]


def ddmin(items: Sequence[Item], first: First[Item], over: Callable[[], bool] = lambda: False) -> list[Item]:
    """The items that a failure needs, at least one: none can be left out any more, as far as `first` was able to say.

    Args:
      items: which fail together.
      first: tells which of several selections of them, each in their order, fails too.
      over: whether `first` can't tell any more.
    """
    kept, parts = list(items), 2
    while len(kept) > 1 and not over():
        bounds = [round(i * len(kept) / parts) for i in range(parts + 1)]
        pieces = [(bounds[i], bounds[i + 1]) for i in range(parts)]
        selections = [kept[start:end] for start, end in pieces]
        if parts > 2:
            selections += [kept[:start] + kept[end:] for start, end in pieces]
        found = first(selections)
        if found is None:
            if parts >= len(kept):
                break
            parts = min(len(kept), 2 * parts)
        else:
            kept, parts = selections[found], 2 if found < len(pieces) else max(2, parts - 1)
    return kept


def smallest(
    bench: Bench, relation: Relation, parts: Parts, slot: Slot, *, plain: Part | None = None
) -> Smallest | None:
    """Looks for the smallest request for which a relation does not hold, among those made from one that fails.

    Args:
      bench: with the model.
      relation: what does not hold.
      parts: the rows of a request that fails.
      slot: the time for it.
      plain: a row whose values replace those that don't matter; None takes the first of the rows that are left.

    Returns:
      None when the request does not fail again, or there was no time to make it small enough to be read.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    search = _Search(bench, relation, slot)
    if not search.starts(parts, plain):
        return None
    found = search.fewer_rows(parts)
    base = plain or found[0]
    found, mattering = search.fewer_columns(found, base)
    alike = not mattering and bool(base.row) and all(each.place == base.place for each in found)
    others = "" if alike else _others(bench, base, mattering)
    if relation.steady and search.failure.kind == "value" and base.row and mattering != search.columns:
        bare = tuple(
            Part(each.place, {name: each.row[name] for name in each.row if name in mattering}) for each in found
        )
        if search.first([bare]) is not None:
            found, others = bare, "every other column missing"
    if relation.steady:
        found = search.simpler_values(found, mattering)
    return _told(bench, search, found, mattering, others if mattering != search.columns else "")


@dataclass
class _Search:
    """One search for the smallest request.

    Attributes:
      bench, relation, slot: as in `smallest`.
      failure: of the last request that failed.
      columns: of the rows, those that are sent.
      asked: how many requests there were.
    """

    bench: Bench
    relation: Relation
    slot: Slot
    failure: Failure = field(default_factory=lambda: Failure("value", "", ""))
    columns: tuple[str, ...] = ()
    asked: int = 0
    seconds: float = 0.0

    def starts(self, parts: Parts, plain: Part | None) -> bool:
        """Whether the request fails at all; keeps how it does."""
        if not parts or not self.slot.left():
            return False
        [failure] = self._judged([parts])
        if failure is None:
            return False
        self.failure = failure
        # A value that is missing here and given in the plain row may be what matters.
        self.columns = self.relation.columns([each.row for each in (*parts, *([plain] if plain else []))])
        return True

    def over(self) -> bool:
        """Whether nothing more is asked."""
        return self.asked > _MOST_REQUESTS or not self.slot.left()

    def first(self, candidates: Iterable[Parts]) -> int | None:
        """The first candidate that fails in the same way; None too when there is no time left to find out."""
        # Made as they are asked: of a wide model each takes its time.
        coming, start = iter(candidates), 0
        while not self.over() and (some := list(islice(coming, _AT_ONCE))):
            if not self.slot.fits(self.seconds * len(some)):
                break
            for i, failure in enumerate(self._judged(some)):
                if failure is not None and failure.kind == self.failure.kind:
                    self.failure = failure
                    return start + i
            start += len(some)
        return None

    def fewer_rows(self, parts: Parts) -> Parts:
        """Copies of one row where these fail too: then the rows' values don't matter. Else those that are needed."""
        if len(parts) > 1:
            row = parts[min(self.failure.row or 0, len(parts) - 1)]
            copies = [(row,) * count for count in (*range(1, min(_SMALL_SIZES, len(parts)) + 1), len(parts))]
            if (found := self.first(copies)) is not None:
                return self._fewer_copies(copies[found - 1] if found else (), copies[found])
        return tuple(ddmin(parts, lambda some: self.first([tuple(each) for each in some]), self.over))

    def _fewer_copies(self, good: Parts, bad: Parts) -> Parts:
        """Between a number of copies that is answered and one that is not: halves the distance."""
        while len(bad) - len(good) > 1:
            middle = bad[: (len(good) + len(bad)) // 2]
            if self.first([middle]) is None:
                good = middle
            else:
                bad = middle
        return bad

    def fewer_columns(self, parts: Parts, plain: Part) -> tuple[Parts, tuple[str, ...]]:
        """The rows with the plain one's values in all columns that don't matter, and those that do."""
        wanted = [
            name for name in self.columns if any(not _equal(each.row.get(name), plain.row.get(name)) for each in parts)
        ]

        def kept(names: Sequence[str]) -> Parts:
            staying = frozenset(names)
            rest = [name for name in wanted if name not in staying]
            return tuple(Part(each.place, _replaced(each.row, plain.row, rest)) for each in parts)

        if wanted and self.first([kept(())]) is not None:
            return kept(()), ()
        mattering = ddmin(wanted, lambda some: self.first(map(kept, some)), self.over)
        return kept(mattering), tuple(mattering)

    def simpler_values(self, parts: Parts, columns: Sequence[str]) -> Parts:
        """The rows with simpler values in some columns, one after the other, where that fails too."""
        for i in range(len(parts)):
            for name in columns:
                candidates = [
                    (*parts[:i], Part(parts[i].place, {**parts[i].row, name: value}), *parts[i + 1 :])
                    for value in _simpler(parts[i].row.get(name))
                ]
                if candidates and (found := self.first(candidates)) is not None:
                    parts = candidates[found]
        return parts

    def _judged(self, candidates: Sequence[Parts]) -> list[Failure | None]:
        rows = [[each.row for each in parts] for parts in candidates]
        requests = [self.relation.requests(each) for each in rows]
        flat = [request for each in requests for request in each]
        answers = self.bench.session.ask(flat, phase=_PHASE)
        self.asked += len(flat)
        self.seconds = max(sum(answer.seconds for answer in answers) / max(1, len(candidates)), 1e-4)
        coming = iter(answers)
        return [
            self.relation.judge(each, list(islice(coming, len(sent))))
            for each, sent in zip(rows, requests, strict=True)
        ]


def _replaced(row: Row, plain: Row, names: Sequence[str]) -> Row:
    """The row with another row's values in some columns."""
    replaced = frozenset(names)
    kept = {name: values for name, values in row.items() if name not in replaced}
    return kept | {name: plain[name] for name in names if name in plain}


def _equal(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool(np.all((one == other) | ((one != one) & (other != other))))


def _simpler(value: Array | None) -> list[Array]:
    """Values that say less, the simplest first."""
    if value is None or not value.size:
        return []
    if value.dtype == object:
        simple = [strings([each] * len(value)) for each in (b"", b"a")]
        return [*simple, strings([each[:1] for each in value.tolist()])]
    numbers: list[Any] = [np.full_like(value, each) for each in (0, 1)]
    with np.errstate(all="ignore"):
        if value.dtype.kind == "f" and np.isfinite(value).all():
            numbers.append(np.round(value))
            numbers.append(np.round(value, 2))
    return [each for each in numbers if not _equal(each, value)]


def _others(bench: Bench, plain: Part, mattering: Sequence[str]) -> str:
    what = f"as in row {bench.rows.positions[plain.place]}" if plain.row else "missing"
    return f"{'every other column' if mattering else 'every column'} {what}"


def _told(bench: Bench, search: _Search, parts: Parts, columns: Sequence[str], others: str) -> Smallest | None:
    """The request as data; None when it is too large to be read."""
    rows: list[FailingRow] = []
    for part in parts:
        values = {name: _value(part.row.get(name)) for name in columns[:_COLUMNS_SHOWN]}
        row = FailingRow(row=bench.rows.positions[part.place], values=values)
        if rows and rows[-1].row == row.row and rows[-1].values == row.values:
            rows[-1] = rows[-1].model_copy(update={"times": rows[-1].times + 1})
        else:
            rows.append(row)
    if len(rows) > _ROWS_SHOWN:
        return None
    return Smallest(
        signature=search.relation.name,
        rows=tuple(rows),
        more_columns=max(0, len(columns) - _COLUMNS_SHOWN),
        others=others,
        expected=one_line(search.failure.expected, _LONGEST_TEXT),
        received=one_line(search.failure.received, _LONGEST_TEXT),
        requests=search.asked,
    )


def _value(value: Array | None) -> str:
    if value is None:
        return "missing"
    shown = text(value)
    return one_line(shown[1:-1] if value.size == 1 else shown, _LONGEST_VALUE)


def parts_of(rows: Sequence[Row], places: Sequence[int] | Array, without: str | None) -> Parts:
    """Real rows by place as the rows of a request, without the label."""
    plain: Mapping[int, Row] = {
        int(place): {name: values for name, values in rows[int(place)].items() if name != without}
        for place in set(map(int, places))
    }
    return tuple(Part(int(place), plain[int(place)]) for place in places)
