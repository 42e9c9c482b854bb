"""From cells as they are written to cells as they are meant, for every format: what is missing becomes null, numbers
in words become plain ones, texts that stand for others become these, and texts with a separator lists.

Whoever reads a table reads through this, so the preflight, `init` and ExampleGen can't disagree.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from components.example_gen.block import Block, FeatureType, Reader, Rows
from components.example_gen.columns.convert import (
    bytes_as_text,
    elements,
    is_bytes,
    is_list,
    is_string,
    plain,
    value_type,
)
from components.example_gen.columns.written_numbers import plain_numbers, replaced
from components.example_gen.config import ColumnOptions
from preprocessing.missing import BLANKS, MissingWords, missing_cells

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


class Step(Protocol):
    """One thing that is done to the cells of a column."""

    def needs_text(self, column: str) -> bool:
        """Whether the cells of this column must come as they are written: the reader itself would read them wrong."""
        ...

    def apply(self, column: str, cells: pa.Array) -> pa.Array:
        """The cells as they are meant, as many; the same object where nothing changes.

        Args:
          column: its name.
          cells: of any type, lists included.
        """
        ...


@dataclass(frozen=True)
class AsMeant:
    """A reader whose rows are taken through some steps.

    Attributes:
      reader: gives the rows as they are written.
      steps: what is done to each column, in order.
    """

    reader: Reader
    steps: tuple[Step, ...]

    def columns(self, file: str) -> list[str]:
        """As the reader's own."""
        return self.reader.columns(file)

    def plan(self, file: str) -> Iterator[Block]:
        """As the reader's own."""
        return self.reader.plan(file)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The reader's rows with their cells as they are meant; `Rows.written` has the others."""
        for rows in self.reader.read(block, types and {name: self._asked(name, kind) for name, kind in types.items()}):
            names = rows.batch.schema.names
            cells = rows.batch.columns
            meant = [self._meant(name, each) for name, each in zip(names, cells, strict=True)]
            if all(new is old for new, old in zip(meant, cells, strict=True)):
                yield rows
            else:
                yield replace(rows, batch=_batch(meant, names), written=rows.as_written)

    def _asked(self, column: str, kind: FeatureType) -> FeatureType:
        return "string" if any(step.needs_text(column) for step in self.steps) else kind

    def _meant(self, column: str, cells: pa.Array) -> pa.Array:
        for step in self.steps:
            cells = step.apply(column, cells)
        return cells


def _batch(columns: list[pa.Array], names: list[str]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(columns, names=names)


def _lists(values: pa.Array, rows: npt.NDArray[np.int64], like: pa.ListArray) -> pa.ListArray:
    """Lists of other elements, as long as those that they had."""
    import numpy as np
    import pyarrow as pa

    ends = np.cumsum([0, *np.bincount(rows, minlength=len(like))])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values, mask=like.is_null())


def _of_texts(cells: pa.Array, step: Callable[[pa.StringArray], pa.StringArray]) -> pa.Array:
    """What becomes of texts and bytes, in lists too; other cells as they are."""
    inner = value_type(cells.type)
    if not (is_string(inner) or is_bytes(inner)):
        return cells
    texts = plain(cells)
    if is_list(texts.type):
        values, rows = elements(texts)
        return _lists(_of_texts(values, step), rows, texts)
    return step(bytes_as_text(texts) if is_bytes(texts.type) else texts)


@dataclass(frozen=True)
class _ByOptions(ABC):
    """A step that is done to the texts of the columns whose options ask for it.

    Attributes:
      columns: what is particular to single columns.
    """

    columns: Mapping[str, ColumnOptions]

    def needs_text(self, column: str) -> bool:
        """Whether the column's options ask for it."""
        return column in self.columns and self._asked(self.columns[column])

    def apply(self, column: str, cells: pa.Array) -> pa.Array:
        """The cells; of lists the elements."""
        if not self.needs_text(column):
            return cells
        return _of_texts(cells, lambda texts: self._rewritten(texts, self.columns[column]))

    @abstractmethod
    def _asked(self, options: ColumnOptions) -> bool: ...

    @abstractmethod
    def _rewritten(self, texts: pa.StringArray, options: ColumnOptions) -> pa.StringArray: ...


class Replaced(_ByOptions):
    """Puts other texts in place of those that `data.columns.COLUMN.replace` names."""

    def _asked(self, options: ColumnOptions) -> bool:
        return bool(options.replace)

    def _rewritten(self, texts: pa.StringArray, options: ColumnOptions) -> pa.StringArray:
        return replaced(texts, options.replace)


class PlainNumbers(_ByOptions):
    """Puts plain numbers in place of those that people write, see `columns.written_numbers`."""

    def _asked(self, options: ColumnOptions) -> bool:
        return options.are_numbers

    def _rewritten(self, texts: pa.StringArray, options: ColumnOptions) -> pa.StringArray:
        return plain_numbers(texts, options)


@dataclass(frozen=True)
class MissingIsNull:
    """Makes texts that mean missing null, see `preprocessing.missing`.

    Attributes:
      words: those of each column.
    """

    words: MissingWords

    def needs_text(self, column: str) -> bool:
        """Whether the column has words of its own: the CSV reader knows those of the table only."""
        return column in self.words.columns

    def apply(self, column: str, cells: pa.Array) -> pa.Array:
        """The cells, in a plain layout where one of them is missing; of lists the elements."""
        import pyarrow as pa
        import pyarrow.compute as pc

        inner = value_type(cells.type)
        if not (is_string(inner) or is_bytes(inner)):
            return cells
        texts = plain(cells)
        if is_list(texts.type):
            values, rows = elements(texts)
            meant = self.apply(column, values)
            return cells if meant is values else _lists(meant, rows, texts)
        missing = missing_cells(bytes_as_text(texts) if is_bytes(texts.type) else texts, self.words.of(column))
        if not missing.true_count:
            return cells
        return pc.if_else(missing, pa.nulls(len(texts), texts.type), texts)


@dataclass(frozen=True)
class Lists:
    """Makes lists of the texts of columns whose values stand in one cell, see `ColumnOptions.separator`.

    Attributes:
      missing: has the separators, and makes values null that mean missing; whole cells that do are null before.
    """

    missing: MissingIsNull

    def needs_text(self, column: str) -> bool:
        """Whether the column has a separator: a cell with one value may look like a number."""
        return column in self.missing.words.separators

    def apply(self, column: str, cells: pa.Array) -> pa.Array:
        """The cells as lists; of lists the elements, each of which may become several."""
        inner = value_type(cells.type)
        if not self.needs_text(column) or not (is_string(inner) or is_bytes(inner)):
            return cells
        return self.missing.apply(column, _divided(plain(cells), self.missing.words.separators[column]))


def _divided(cells: pa.Array, separator: str) -> pa.ListArray:
    """Lists of the parts of texts, or of lists of texts, without blanks around them; null where the cells are."""
    import numpy as np
    import pyarrow.compute as pc

    values, rows = elements(cells) if is_list(cells.type) else (cells, np.arange(len(cells)))
    texts = bytes_as_text(values) if is_bytes(values.type) else values
    parts = pc.split_pattern(texts, separator)
    lengths = pc.fill_null(pc.list_value_length(parts), 0).to_numpy()
    return _lists(pc.utf8_trim(pc.list_flatten(parts), characters=BLANKS), np.repeat(rows, lengths), cells)
