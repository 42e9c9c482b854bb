"""Which column one of two signatures reads in another way than the other, and how."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from components.smoke_test.bench.relations import Agree
from components.smoke_test.bench.requests import Array, Row, columns_of, strings

_MOST_COLUMNS = 16
_PHASE = "parity"
Change = Callable[[Array], Array]

_NUMBERS: Mapping[str, Change] = {
    "plus 1": lambda value: value + 1,
    "minus 1": lambda value: value - 1,
    "with the sign changed": lambda value: -value,
    **{f"times {factor:,}": partial(np.multiply, factor) for factor in (10, 100, 1000)},
    **{f"divided by {factor:,}": partial(np.multiply, 1 / factor) for factor in (10, 100, 1000)},
    "as 0": lambda value: value * 0,
}
_TEXTS: Mapping[str, Callable[[bytes], bytes]] = {
    "in lower case": bytes.lower,
    "in upper case": bytes.upper,
    "without the blanks around it": bytes.strip,
    "as an empty text": lambda _: b"",
}
_MISSING = "as missing"


def other_reading(relation: Agree, rows: Sequence[Row], seconds: float, most_seconds: float) -> tuple[str, str]:
    """The column, and what must be done to its value so that both signatures answer alike; "" and "" for none.

    Args:
      relation: between the two, which does not hold.
      rows: real ones; it must be so for all of them.
      seconds: what both take for these rows.
      most_seconds: how long it may take.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    columns = sorted(columns_of(relation.one) & {name for row in rows for name in row})[:_MOST_COLUMNS]
    tried = [(name, how) for name in columns for how in _ways(rows, name)]
    if not tried or seconds * len(tried) > most_seconds:
        return "", ""
    # What the other signature answers, and what the first one does when the value is another.
    requests = [relation.requests(rows)[1]]
    requests += [relation.requests([_changed(row, *each) for row in rows])[0] for each in tried]
    wanted, *answers = relation.bench.session.ask(requests, phase=_PHASE)
    if wanted.error is not None:
        return "", ""
    expected = relation.shared(wanted.outputs)
    found = (
        each
        for each, answer in zip(tried, answers, strict=True)
        if answer.error is None and relation.compared(expected, relation.shared(answer.outputs)) is None
    )
    return next(found, ("", ""))


def _ways(rows: Sequence[Row], column: str) -> list[str]:
    """What could be done to a column's values."""
    kinds = {row[column].dtype.kind for row in rows if column in row}
    return [*(_TEXTS if kinds == {"O"} else _NUMBERS), _MISSING]


def _changed(row: Row, column: str, how: str) -> Row:
    if column not in row:
        return row
    if how == _MISSING:
        return {name: values for name, values in row.items() if name != column}
    value = row[column]
    if how in _TEXTS:
        return {**row, column: strings([_TEXTS[how](each) for each in value.tolist()])}
    with np.errstate(all="ignore"):
        return {**row, column: _NUMBERS[how](value).astype(value.dtype)}
