"""Whether the first values of a column are what the configuration declares them to be.

Plain Python on purpose: pyarrow's own comparisons import pandas, which takes longer than all of `lockgate validate`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.table_convert import is_boolean_or_time, is_plain_number
from pipeline.table_types import Role

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS: tuple[Role, ...] = ("number", "weight", "target")
"""The roles of columns that must hold numbers."""
_NOT_A_NUMBER = "declare the column as categorical, or add the value to data.csv.null_values if it means missing"
_HINTS: dict[Role, str] = {
    "number": _NOT_A_NUMBER,
    "weight": _NOT_A_NUMBER,
    "target": "name the column with the numbers to predict, or another task",
    "date": "set `format` to the one of these values",
    "boolean": "list the values in true_values and false_values, or declare the column as categorical",
}


@dataclass(frozen=True)
class Mismatch:
    """What a column holds instead of what was declared: a value, or "" when its type says it all."""

    message: str
    value: str
    hint: str


@dataclass(frozen=True)
class _Cell:
    """A present value as text, and its row, counted from 1 without the header."""

    row: int
    text: str


def mismatch(
    column: pa.ChunkedArray, role: Role, null_words: Sequence[str] = (), pattern: str | None = None
) -> Mismatch | None:
    """Compares a column's first values with its role.

    Args:
      column: the values of the first rows.
      role: what the configuration uses the column for.
      null_words: texts that mean missing.
      pattern: of dates and booleans, what their texts match in full.

    Returns:
      Why a run would refuse the column; None when these rows give no reason. A number column must not hold a
      single other value; a date or a boolean may be unreadable here and there, but not all the time.
    """
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if is_boolean_or_time(kind) and not pa.types.is_boolean(kind):
        hint = "declare the column under features.datetime"
        return Mismatch(f"must be a number, not of the type {kind}", "", hint) if role in NUMBERS else None
    if not (_is_text(kind) or is_plain_number(kind) or pa.types.is_boolean(kind)):
        hint = "write the table with one number or text a row there"
        return Mismatch(f"a column of the type {kind} can be no input", "", hint)
    cells = _present(column, null_words)
    if role in NUMBERS and _is_text(kind):
        wrong = next((cell for cell in cells if not _is_number(cell.text)), None)
        if wrong is not None:
            return Mismatch(f"must be a number, but row {wrong.row} is not", wrong.text, _HINTS[role])
    if pattern is not None and cells and not any(re.fullmatch(pattern, cell.text, re.ASCII) for cell in cells):
        wanted = "dates in the declared format" if role == "date" else "true or false values"
        message = f"must be {wanted}, but the first {len(cells)} values are not; row {cells[0].row}"
        return Mismatch(message, cells[0].text, _HINTS[role])
    return None


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind))


def _present(column: pa.ChunkedArray, null_words: Sequence[str]) -> list[_Cell]:
    texts = ["" if value is None else _text(value) for value in column.to_pylist()]
    return [_Cell(row, text) for row, text in enumerate(texts, 1) if text not in ("", *null_words)]


def _text(value: str | bool | float) -> str:
    """A value as preprocessing sees it when it reads the column as text; a missing number is empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if value != value:  # NaN
        return ""
    return str(int(value)) if value % 1 == 0 else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
