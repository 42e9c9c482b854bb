"""What the rows that fail have in common, and no other row has."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.requests import Row
from preprocessing.text import counted, decoded, listed, quoted

_MOST_VALUES = 20
"""A column with more different values among the rows is a number or a name: any few rows differ from all others."""
_SHOWN = 3


def common_values(rows: Sequence[Row], failing: NDArray[np.bool_], columns: Collection[str]) -> tuple[str, list[str]]:
    """The column whose values tell the failing rows from the others, if there is one.

    Args:
      rows: the rows.
      failing: which of them fail, bool [rows].
      columns: those that the model takes.

    Returns:
      The column's name, "" where none tells; and the values of the failing rows as texts, `missing` for none.
    """
    if failing.all() or not failing.any() or len(failing) != len(rows):
        return "", []
    told: list[tuple[int, str, list[str]]] = []
    for column in sorted(columns):
        shown = [_shown(row, column) for row in rows]
        bad = {value for value, fails in zip(shown, failing, strict=True) if fails}
        good = {value for value, fails in zip(shown, failing, strict=True) if not fails}
        if not bad & good and len(bad) + len(good) <= _MOST_VALUES and len(bad) < int(failing.sum()):
            told.append((len(bad) + len(good), column, sorted(bad)))
        elif bad == {"missing"} and "missing" not in good:
            told.append((1, column, ["missing"]))
    if not told:
        return "", []
    _, column, values = min(told)
    return column, values


def said_of(column: str, values: Sequence[str], count: int) -> str:
    """The same in words."""
    what = "without a value" if list(values) == ["missing"] else f"with {listed(values, _SHOWN)}"
    return f"{counted(count, 'row')} {what} in {column} {'is' if count == 1 else 'are'} wrong, and no other row"


def _shown(row: Row, column: str) -> str:
    values = row.get(column)
    if values is None or not values.size:
        return "missing"
    return ", ".join(quoted(decoded(each)) if isinstance(each, bytes) else f"{each:.6g}" for each in values.tolist())
