"""What a cell of text is: to the stock TFX reader, and to us. Pure rules, one cell or one array at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class CellType(IntEnum):
    """The types of the stock TFX CSV reader; a column has the highest of its cells' types."""

    EMPTY = 0
    INT = 1
    FLOAT = 2
    STRING = 3


# A number in its plainest form: as text and as int64 it is the same thing. Up to 18 digits always fit.
_PLAIN_INTEGER = r"^(?:0|-?[1-9][0-9]{0,17})$"
_LONG_INTEGER = r"^-?[1-9][0-9]{18}$"
# What a column that the schema declares as INT may hold: blanks around it and a sign mean nothing, leading zeros may.
_INTEGER = r"^[ \t]*[+-]?(?:0|[1-9][0-9]{0,18})[ \t]*$"
# What pyarrow converts to a double, less its hexadecimal integers: a subset of what Python's float() takes.
_NUMBER = r"^[ \t]*[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity|nan))[ \t]*$"
_WHOLE = r"^[ \t]*[+-]?[0-9]+(?:\.0*)?[ \t]*$"
_LEADING_ZERO = r"^[ \t]*[+-]?0[0-9]"


def stock_type(cell: str) -> CellType:
    """What the stock TFX reader takes one cell for (`_InferValueType` in tfx_bsl/coders/csv_decoder.py).

    It calls Python's int() and float(), so "007", "1_000" and " 5" are integers to it, and "nan" is a float.
    """
    value = cell.encode()
    if not value:
        return CellType.EMPTY
    try:
        return CellType.INT if -(2**63) <= int(value) < 2**63 else CellType.STRING
    except ValueError:
        try:
            float(value)
        except ValueError:
            return CellType.STRING
        return CellType.FLOAT


def is_number(cells: pa.Array) -> pa.BooleanArray:
    """Which cells of text are numbers, with blanks or tabs around them or without."""
    import pyarrow.compute as pc

    return pc.match_substring_regex(cells, _NUMBER)


def is_integer(cells: pa.Array) -> pa.BooleanArray:
    """Which cells of text are integers of 64 bits without leading zeros."""
    import pyarrow.compute as pc

    return _that_fit(cells, pc.match_substring_regex(cells, _INTEGER), longer_than=18)


@dataclass
class CellFacts:
    """What is known of some cells, none of them missing.

    Attributes:
      integers: every cell is an integer of 64 bits in plain decimal form: no sign "+", no leading zeros.
      whole: every number is whole, however it is written: 3, 3.0, +3.
      leading_zeros: a number begins with zeros that mean something, as in postal codes.
      any_number: there is a number among the cells.
      first_text: the first cell that is not a number.
      first_fraction: the first cell that is not an integer of 64 bits (see `is_integer`).
    """

    integers: bool = True
    whole: bool = True
    leading_zeros: bool = False
    any_number: bool = False
    first_text: str | None = None
    first_fraction: str | None = None

    @property
    def kind(self) -> str:
        """`empty`, `number`, `text`, or `mixed` for text among which there are numbers."""
        if self.first_text is None:
            return "number" if self.any_number else "empty"
        return "mixed" if self.any_number else "text"

    def update(self, cells: pa.Array) -> None:
        """Adds an array of distinct, present cells of type string."""
        import pyarrow.compute as pc

        if len(cells) == 0 or self.kind == "mixed":
            return
        rest = cells.filter(pc.invert(_is_plain_integer(cells)))
        if len(rest) < len(cells):
            self.any_number = True
        if len(rest) == 0:
            return
        self.integers = False
        if self.first_fraction is None:
            fractions = rest.filter(pc.invert(is_integer(rest)))
            self.first_fraction = fractions[0].as_py() if len(fractions) else None
        self._update_rest(rest)

    def _update_rest(self, rest: pa.Array) -> None:
        import pyarrow.compute as pc

        numeric = is_number(rest)
        texts, numbers = rest.filter(pc.invert(numeric)), rest.filter(numeric)
        if self.first_text is None and len(texts):
            self.first_text = texts[0].as_py()
        if len(numbers):
            self.any_number = True
            self.whole = self.whole and pc.all(pc.match_substring_regex(numbers, _WHOLE)).as_py()
            self.leading_zeros = self.leading_zeros or pc.any(pc.match_substring_regex(numbers, _LEADING_ZERO)).as_py()

    def merge(self, other: CellFacts) -> None:
        """Adds what is known of other cells of the same column."""
        self.integers = self.integers and other.integers
        self.whole = self.whole and other.whole
        self.leading_zeros = self.leading_zeros or other.leading_zeros
        self.any_number = self.any_number or other.any_number
        self.first_text = self.first_text if self.first_text is not None else other.first_text
        self.first_fraction = self.first_fraction if self.first_fraction is not None else other.first_fraction


def _is_plain_integer(cells: pa.Array) -> pa.BooleanArray:
    import pyarrow.compute as pc

    plain = pc.match_substring_regex(cells, _PLAIN_INTEGER)
    if pc.all(plain).as_py():
        return plain
    return pc.or_(plain, _that_fit(cells, pc.match_substring_regex(cells, _LONG_INTEGER), longer_than=0))


def _that_fit(cells: pa.Array, integers: pa.BooleanArray, longer_than: int) -> pa.BooleanArray:
    """Finds the integer cells that int64 can hold; only long ones are looked at one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    long = pc.and_(integers, pc.greater(pc.utf8_length(cells), longer_than))
    if not pc.any(long).as_py():
        return integers
    fits = [
        not check or -(2**63) <= int(cell.as_py()) < 2**63 for cell, check in zip(cells, long.to_pylist(), strict=True)
    ]
    return pc.and_(integers, pa.array(fits, pa.bool_()))
