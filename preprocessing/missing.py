"""The one rule that says which texts mean missing; every reader, `init`, the data gate and the graph follow it.

A text is missing when nothing is left of it once the blanks around it are taken away, or when what is left is one of
the words that mean missing in its column. The rule stands here in three forms, which a test holds together: for one
text, for an Arrow array, and as a pattern of RE2, which TensorFlow reads (`raw_columns.is_missing`). Of numbers, NaN is
missing everywhere; that needs no words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from preprocessing.settings import ColumnName, Settings

if TYPE_CHECKING:
    import pyarrow as pa

USUAL_WORDS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?")
"""What CSV files write for a missing value, unless somebody says otherwise."""
BLANKS = " \t\n\v\f\r\u00a0"
"""ASCII's white space, and the no-break space, with which web pages and spreadsheets fill empty cells."""


class MissingWords(Settings):
    """The words that mean missing, by column. Blanks around a word don't count, nor do they in a cell."""

    table: tuple[str, ...] = ()
    """In every column that has no words of its own."""
    columns: dict[ColumnName, tuple[str, ...]] = Field(default_factory=dict)
    """Instead of `table`, by column."""
    separators: dict[ColumnName, str] = Field(default_factory=dict)
    """By column whose cells are lists, what stands between their values, each of which may mean missing by itself."""

    def of(self, column: str) -> tuple[str, ...]:
        """The words of one column, each once, without blanks around them; the empty text is not among them."""
        words = self.columns.get(column, self.table)
        return tuple(dict.fromkeys(bare for word in words if (bare := bare_text(word))))

    def without_table(self) -> MissingWords:
        """The words of the columns that have some of their own: for files whose format has a null."""
        return MissingWords(columns=self.columns, separators=self.separators)


def bare_text(text: str) -> str:
    """A text without the blanks around it."""
    return text.strip(BLANKS)


def is_missing(text: str, words: Sequence[str]) -> bool:
    """Whether one text means missing.

    Args:
      text: a cell.
      words: as `MissingWords.of` gives them.
    """
    bare = bare_text(text)
    return not bare or bare in words


def missing_cells(cells: pa.StringArray, words: Sequence[str]) -> pa.BooleanArray:
    """Which texts mean missing; false for those that are null already.

    Args:
      cells: of the type string.
      words: as for `is_missing`.
    """
    import pyarrow.compute as pc

    return pc.is_in(pc.utf8_trim(cells, characters=BLANKS), value_set=_texts(["", *words]))


def parts_of(text: str, separator: str) -> list[str]:
    """The values of a list in one cell, without the blanks around them; empty ones too.

    Args:
      text: a cell.
      separator: one character.
    """
    return [bare_text(part) for part in text.split(separator)]


def without_missing(cells: pa.Array, words: Sequence[str]) -> pa.Array:
    """The same texts, null where they mean missing.

    Args:
      cells: of the type string.
      words: as for `is_missing`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = missing_cells(cells, words)
    return pc.if_else(missing, pa.nulls(len(cells), cells.type), cells) if missing.true_count else cells


def missing_pattern(words: Sequence[str], *, lines: bool = False) -> str:
    """The rule as a pattern of RE2, for texts that match it in full.

    Args:
      words: as for `is_missing`.
      lines: the texts are lines as `preprocessing.vocabularies` writes them, in which some characters are escaped.
    """
    around = blanks(lines=lines)
    if lines:
        words = [word.replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r") for word in words]
    return f"{around}(?:{'|'.join(map(re.escape, words))})?{around}" if words else around


def blanks(*, lines: bool = False) -> str:
    """The blanks that may stand around a text, as a pattern of RE2.

    Args:
      lines: as for `missing_pattern`.
    """
    return r"(?:[\x09-\x0d\x20\x{a0}]|\\[nr])*" if lines else r"[\x09-\x0d\x20\x{a0}]*"


def _texts(texts: Sequence[str]) -> pa.StringArray:
    # Not by pa.array, which imports pandas: that takes longer than all of `lockgate validate`.
    import numpy as np
    import pyarrow as pa

    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
