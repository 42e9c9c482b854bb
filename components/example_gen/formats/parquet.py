"""Parquet: row groups are its natural blocks; a large one is read as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from components.example_gen.block import Block, FeatureType, Rows
from components.example_gen.formats import io
from components.example_gen.formats.pieces import PIECE_ROWS, bounded, distinct, joined, wanted
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_STREAM_BYTES = 1 << 16
"""Read ahead per column of a row group that is too large to be read at once."""


@dataclass(frozen=True)
class ParquetReader:
    """Reads Parquet files. Blocks count row groups.

    Attributes:
      block_bytes: about how much of the unpacked data one block holds; a larger row group is a block of its own.
    """

    block_bytes: int

    def columns(self, file: str) -> list[str]:
        """The names of the top-level columns, in order.

        Raises:
          UserError: no Parquet file, cut short, empty, without columns, or with one twice.
        """
        with _opened(file) as (parquet, _):
            return distinct(file, parquet.schema_arrow.names)

    def plan(self, file: str) -> Iterator[Block]:
        """Joins neighbouring row groups up to `block_bytes`. A file without rows has no blocks.

        Raises:
          UserError: no Parquet file, or cut short.
        """
        with _opened(file) as (parquet, _):
            groups = [parquet.metadata.row_group(group) for group in range(parquet.num_row_groups)]
            sizes = [(group.total_byte_size, group.num_rows) for group in groups]
        yield from joined(file, sizes, self.block_bytes)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The rows in Arrow's own types, in pieces of at most `block_bytes` and `PIECE_ROWS` rows.

        Only the columns in `types` are read, and come in that order.

        Raises:
          UserError: the block is damaged, or a column is not there.
        """
        with _opened(block.file) as (parquet, raw):
            names = wanted(block.file, parquet.schema_arrow.names, types)
            groups = list(range(block.start, parquet.num_row_groups if block.end < 0 else block.end))
            shapes = [parquet.metadata.row_group(group) for group in groups]
            size = sum(shape.total_byte_size for shape in shapes)
            rows = sum(shape.num_rows for shape in shapes)
            if size > self.block_bytes:
                parquet = _parquet(raw, metadata=parquet.metadata, buffer_size=_STREAM_BYTES)
            # The file counts repeated values once: its sizes say how many rows are too many, not how many are few.
            piece = max(1, min(PIECE_ROWS, rows * self.block_bytes // max(size, 1)))
            # A name may select more than its column: `a.b` is also the field b of a struct a.
            batches = parquet.iter_batches(piece, row_groups=groups, columns=names)
            yield from bounded((batch.select(names) for batch in batches), self.block_bytes, block.first)


@contextmanager
def _opened(file: str) -> Iterator[tuple[pq.ParquetFile, BinaryIO]]:
    """An open file and its bytes; what goes wrong while it is open is explained with its name."""
    import pyarrow as pa

    if not io.size(file):
        raise UserError(f"{file}: the file is empty", hint="write the table again")
    with io.open_seekable(file) as raw:
        try:
            with _parquet(raw) as parquet:
                yield parquet, raw
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _corrupt(file, error) from error


def _parquet(raw: BinaryIO, **options: Any) -> pq.ParquetFile:
    import pyarrow.parquet as pq

    return pq.ParquetFile(raw, page_checksum_verification=True, **options)


def _corrupt(file: str, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(
        f"{file}: not a complete Parquet file: {reason}",
        hint="write the file again, or set data.format if it has another format",
    )
