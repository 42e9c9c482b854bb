"""The first values of a column: enough to see that it was declared as something that it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.table_cells import CellFacts
from pipeline.table_convert import cells_as_text, is_boolean_or_time, is_plain_number

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Cell:
    """A value as text, and its row, counted from 1 without the header."""

    row: int
    value: str


@dataclass(frozen=True)
class FirstValues:
    """The present values of a column's first rows, as text.

    Attributes:
      cells: string array, one item a row; missing values are null.
      numbers: whether the column's own type (Parquet) is a number or a boolean.
    """

    cells: pa.Array
    numbers: bool

    @classmethod
    def of(cls, rows: pa.Table, column: str, null_words: Sequence[str], date_format: str | None) -> FirstValues | None:
        """The column's values; None for a type that can't become numbers or text.

        Args:
          rows: the first rows of a table.
          column: its name.
          null_words: texts that mean missing.
          date_format: how points in time become text.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        array = pa.concat_arrays(rows.column(column).chunks)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        kind = array.type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
        if not (text or is_plain_number(kind) or is_boolean_or_time(kind)):
            return None
        cells = cells_as_text(array, date_format).cast(pa.string())
        for word in ("", *null_words):
            # Not one `is_in`: pyarrow.array() imports pandas, half a second.
            cells = pc.if_else(pc.equal(cells, word), None, cells)
        return cls(cells, is_plain_number(kind) or pa.types.is_boolean(kind))

    def first_text(self) -> Cell | None:
        """The first value that is not a number, if there is one."""
        import pyarrow.compute as pc

        if self.numbers:
            return None
        facts = CellFacts()
        facts.update(pc.unique(self.cells.drop_null()))
        return None if facts.first_text is None else self._first(facts.first_text)

    def first_if_none_matches(self, pattern: str) -> Cell | None:
        """The first value, if there are values and none matches the RE2 pattern in full."""
        import pyarrow.compute as pc

        present = self.cells.drop_null()
        if len(present) == 0 or pc.any(pc.match_substring_regex(present, rf"\A(?:{pattern})\z")).as_py():
            return None
        return self._first(present[0].as_py())

    def _first(self, value: str) -> Cell:
        import pyarrow.compute as pc

        return Cell(pc.index(self.cells, value).as_py() + 1, value)
