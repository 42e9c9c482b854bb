"""Whether the first line of a table holds its columns' names, from the kinds of its cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from components.example_gen.config import CsvOptions

POSITION = re.compile(r"column_[1-9]\d*")
"""How the columns of a file without a header are called."""
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*")
_MIN_ROWS = 3
_RARE = 0.05
"""A column of text with at most so many values that stand there once has all of its usual ones in the first rows."""


def has_header(rows: Sequence[Sequence[str]], label: str | None) -> bool | None:
    """Whether the first row is a header; None where the cells leave it open.

    Args:
      rows: the first rows of the table, as text.
      label: a column that the table has.
    """
    if len(rows) <= _MIN_ROWS or not rows[0] or label in rows[0]:
        return True
    if label is not None and POSITION.fullmatch(label):
        return False
    first = rows[0]
    columns = list(zip(*(row for row in rows[1:] if len(row) == len(first)), strict=True))
    if not columns:
        return True
    numbers, texts = [], []
    for cell, column in zip(first, columns, strict=True):
        present = [each for each in column if _is_there(each)]
        if present and all(map(_NUMBER.fullmatch, present)):
            numbers.append((cell, [float(each) for each in present]))
        else:
            texts.append((cell, present))
    alike = [_is_there(cell) and cell in present for cell, present in texts]
    if any(_is_there(cell) and cell not in present and _repeats(present) for cell, present in texts):
        return True
    named = [cell for cell, _ in numbers if _is_there(cell)]
    if not numbers:
        return not (len(first) > 1 and all(alike))
    if not named or not all(map(_NUMBER.fullmatch, named)) or _counts_on(named):
        return True
    within = all(min(values) <= float(cell) <= max(values) for cell, values in numbers if _is_there(cell))
    twice = len({*first}) < len(first)
    fraction = any(not cell.strip().isdigit() for cell in named)
    return False if twice or fraction or (texts and all(alike)) or (within and len(named) > 1) else None


def reads_like_a_number(name: str) -> bool:
    """Whether a column's name may be a value of its first row."""
    return _NUMBER.fullmatch(name) is not None


def _is_there(cell: str) -> bool:
    return cell.strip() not in CsvOptions().null_values


def _repeats(values: Sequence[str]) -> bool:
    once = sum(count == 1 for count in Counter(values).values())
    return once <= _RARE * len(values)


def _counts_on(cells: Sequence[str]) -> bool:
    """Whether these are names such as 0, 1, 2 or 2018, 2019."""
    if len(cells) < 2 or not all(cell.strip().isdigit() for cell in cells):
        return False
    values = [int(cell) for cell in cells]
    return all(after - before == 1 for before, after in pairwise(values))
