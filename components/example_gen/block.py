"""What passes between the readers and the rest of ExampleGen: blocks of a file, their rows, and the bad ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

# A part of what readers and their callers say to each other.
from components.artifacts.ingest import FeatureType as FeatureType

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


@dataclass(frozen=True)
class Block:
    """A part of one file that one worker reads at once.

    Attributes:
      file: the path or URL, as Beam's file systems know it.
      number: counted from 0 within the file.
      start: where it begins; what is counted is the format's own: bytes, row groups, record batches.
      end: where it ends, exclusive; -1 is the end of the file, for files that can only be read from the start.
      first: the place of its first row: its line (text, the header is on line 1) or its row, from 1.
    """

    file: str
    number: int
    start: int
    end: int
    first: int


@dataclass(frozen=True)
class BadRow:
    """A row that can't become an example.

    Attributes:
      file: where it stands.
      place: its line (text formats) or its row, from 1.
      reason: what was expected and what was received, in one line.
      text: the row as it stands in the file (text formats), or as one line of JSON.
      hint: the next step, where it is another than to correct the row; or empty.
    """

    file: str
    place: int
    reason: str
    text: bytes
    hint: str = ""

    @property
    def explained(self) -> str:
        """The reason and the next step, for a list of such rows."""
        return f"{self.reason}; {self.hint}" if self.hint else self.reason


@dataclass(frozen=True)
class Rows:
    """Some rows of a block.

    Attributes:
      batch: the good rows: text cells (CSV without types), or columns in the format's own Arrow types.
      places: int64 of shape [rows]: the line or row of each, as in `BadRow.place`.
      bad: the rows between them that can't be read.
      untyped: whether the format has text only (CSV), so that a column's type says nothing about what it holds.
      written: the good rows as they stand in the file, where `batch` was made from them: what a person is shown.
    """

    batch: pa.RecordBatch
    places: npt.NDArray[np.int64]
    bad: tuple[BadRow, ...] = field(default=())
    untyped: bool = False
    written: pa.RecordBatch | None = None

    @property
    def as_written(self) -> pa.RecordBatch:
        """The good rows as they stand in the file."""
        return self.batch if self.written is None else self.written


class Reader(Protocol):
    """One file format. An instance is made from the configuration alone and can travel to a Beam worker."""

    def columns(self, file: str) -> list[str]:
        """The column names, in order; that of a column without a name is empty.

        Raises:
          UserError: the file can't be read as this format, is empty, or has two columns of one name.
        """
        ...

    def plan(self, file: str) -> Iterator[Block]:
        """Divides a file into blocks of about `block_bytes`, without ever holding more than one of them.

        Raises:
          UserError: the file can't be read as this format: cut short, wrong magic bytes.
        """
        ...

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The rows of one block, in order, in one or more pieces of bounded size.

        Args:
          block: as `plan` gave it.
          types: the types that the columns will get; columns without one are not wanted. A reader may use them to
            convert at once where every value fits; where one does not, it gives the values as they stand. None
            gives every column as it stands.

        Raises:
          UserError: the block as a whole can't be read. A single row that can't be is a `BadRow`.
        """
        ...
