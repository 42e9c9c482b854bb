"""Rows that share the value of one column, and nothing else, are answered as they are alone.

What is merged by an identifier, or written to its place and read again, mixes up the rows of one customer: rows that
are equal, or different in all columns, do not show it.
"""

from dataclasses import dataclass

from components.smoke_test.bench.altered import evenly, without_label
from components.smoke_test.bench.asked import Asked
from components.smoke_test.bench.relations import Alone, Failure
from components.smoke_test.bench.requests import Row, encode
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.shrink import Part, smallest
from components.smoke_test.bench.suspects import suspects
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult
from preprocessing.text import counted

_CHECK: CheckName = "row_order"
_ROWS = 4
_MOST_COLUMNS = 64
_REQUEST_SECONDS = 0.002
_HINT = (
    "rows of a batch that have the same {0} get each other's answers: they are merged by it, or written to one place "
    "and read again"
)


@dataclass(frozen=True)
class _Mixed:
    """A batch of rows that are mixed up."""

    column: str
    parts: tuple[Part, ...]
    failure: Failure


def shared_values(asked: Asked, slot: Slot, expected: str) -> CheckResult | int:
    """The failure for the first column whose equal values mix rows up; or for how many columns that was tried.

    Args:
      asked: the signature.
      slot: the time.
      expected: of the check.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    bench, relation = asked.bench, Alone(asked, _CHECK)
    places = evenly(range(len(bench.rows)), _ROWS)
    rows = without_label([bench.rows.rows[place] for place in places], bench.contract.label)
    tried = 0
    for column in relation.columns(rows)[:_MOST_COLUMNS]:
        if not slot.fits((_ROWS + 1) * (2 * asked.seconds_per_row + _REQUEST_SECONDS)):
            break
        tried += 1
        if (found := _mixed(relation, places, rows, column)) is not None:
            return _told(asked, relation, found, expected)
    return tried


def _mixed(relation: Alone, places: list[int], rows: list[Row], column: str) -> _Mixed | None:
    """How rows with one value in a column are mixed up; None where they are not, or it can't be told."""
    value = next((row[column] for row in rows if column in row), None)
    if value is None:
        return None
    changed = [{**row, column: value} for row in rows]
    # Equal rows are another matter.
    if len({encode(row) for row in changed}) < len(changed):
        return None
    requests = relation.requests(changed)
    answers = relation.asked.bench.session.ask(requests, phase="order")
    failure = relation.judge(changed, answers)
    # A value may be refused beside the other columns of a row.
    if failure is None or any(each.error is not None for each in answers[1:]):
        return None
    parts = tuple(Part(place, row) for place, row in zip(places, changed, strict=True))
    return _Mixed(column, parts, failure)


def _told(asked: Asked, relation: Alone, found: _Mixed, expected: str) -> CheckResult:
    bench, failure = asked.bench, found.failure
    with bench.search_time.smallest() as slot:
        request = smallest(bench, relation, found.parts, slot)
    row = None if failure.row is None else bench.rows.positions[found.parts[failure.row].place]
    return CheckResult.fails(
        _CHECK,
        f"{expected}: {failure.expected}",
        failure.received,
        case=f"{counted(len(found.parts), 'row')} with the same {found.column}",
        signature=asked.signature.name,
        row=row,
        tolerance=bench.tolerance(_CHECK),
        hint=_HINT.format(found.column) + suspects(bench.export, asked.signature.name, "duplicates"),
        smallest=request,
    )
