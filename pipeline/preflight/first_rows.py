"""Whether the first values of a column are what the configuration declares them to be.

Plain Python on purpose: pyarrow's own comparisons import pandas, which takes longer than all of `lockgate validate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.example_gen.columns.convert import (
    is_boolean_or_time,
    is_bytes,
    is_list,
    is_plain_number,
    is_string,
    value_type,
)
from components.example_gen.columns.use import NUMBERS, SEVERAL, Role
from preprocessing.text import decoded

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Mismatch:
    """What a column holds instead of what was declared; `value` is None when its type says it all."""

    message: str
    value: str | None
    hint: str


def mismatch(column: pa.ChunkedArray, name: str, role: Role) -> Mismatch | None:
    """Compares a column's first values with its role.

    Args:
      column: the values of the first rows, null where they are missing.
      name: the column's.
      role: what the configuration uses the column for.

    Returns:
      Why a run would refuse the column; None when these rows give no reason.
    """
    import pyarrow as pa

    kind = value_type(column.type)
    if is_list(column.type) and role not in SEVERAL and any(len(cells or ()) > 1 for cells in column.to_pylist()):
        return Mismatch("has several values in one row", None, "write one number or one text per row into this column")
    if is_plain_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return None
    if is_boolean_or_time(kind):
        hint = "declare the column under features.datetime"
        return Mismatch(f"must be a number, not of the type {kind}", None, hint) if role in NUMBERS else None
    if not (is_string(kind) or is_bytes(kind)):
        hint = "write one number or one text per row into this column"
        return Mismatch(f"a column of the type {kind} can't be used as an input", None, hint)
    if role in NUMBERS:
        return _first_text(_texts(column), name, is_label=role == "target")
    return None


def _first_text(cells: Sequence[str | None], name: str, *, is_label: bool) -> Mismatch | None:
    for row, cell in enumerate(cells, 1):
        if cell and not _is_number(cell):
            hint = "name the column with the numbers to predict, or another task"
            if not is_label:
                hint = "declare the column as categorical, or, if the word means missing, name it in "
                hint += f"data.columns.{name}.null_values"
            if any(character.isdigit() for character in cell):
                hint = f"say how its numbers are written in data.columns.{name} (decimal, thousands, units), or {hint}"
            return Mismatch(f"must be a number, but row {row} is not", cell, hint)
    return None


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    """Cells of text; of lists their only element."""
    cells = [cell[0] if isinstance(cell, list) and cell else cell or None for cell in column.to_pylist()]
    return [decoded(cell) if isinstance(cell, bytes) else cell for cell in cells]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
