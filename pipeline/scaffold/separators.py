"""Columns of text whose cells are lists, `a|b|c`: by which character they are divided. Pure rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from preprocessing.missing import parts_of

if TYPE_CHECKING:
    from pipeline.scaffold.survey import Column

_SEPARATORS = "|;,"
_LOOKED_AT = 500
_DIVIDED_SHARE = 0.5
"""The share of the first different cells that have the separator."""
_MIN_ROWS = 10
_KNOWN_SHARE = 0.95
"""The share of all parts that are values of that many rows or more: a small vocabulary, which prose does not have."""
_FEWEST_CELLS = 2
"""Different cells for each different value: lists put the same few values together in many ways, names of places as
`Paris, France` don't."""
_LONGEST = 60


def separator_of(column: Column) -> str | None:
    """What divides the cells of a column into the values of a list; None where they are single values."""
    if column.profile.cells.kind not in ("text", "mixed") or column.is_boolean or column.is_temporal:
        return None
    first = column.first(_LOOKED_AT)
    for separator in _SEPARATORS:
        divided = sum(separator in value for value in first)
        if divided and divided >= _DIVIDED_SHARE * len(first) and _are_lists(column, separator):
            return separator
    return None


def _are_lists(column: Column, separator: str) -> bool:
    rows: Counter[str] = Counter()
    lengths = set[int]()
    for cell, count in column.counts.items():
        parts = parts_of(cell, separator)
        lengths.add(len(parts))
        for part in dict.fromkeys(parts):
            rows[part] += count
    known = sum(count for count in rows.values() if count >= _MIN_ROWS)
    return (
        # As many parts in every cell are the fields of a record.
        len(lengths) > 1
        and known >= _KNOWN_SHARE * rows.total()
        and len(column.counts) >= _FEWEST_CELLS * len(rows)
        and max(map(len, rows)) <= _LONGEST
        and not (separator == "," and _are_digits(rows))
    )


def _are_digits(parts: Iterable[str]) -> bool:
    """Whether all parts are digits: with commas between them they may be one number."""
    return all(part.isdigit() for part in parts)
