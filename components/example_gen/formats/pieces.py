"""What the Arrow-based formats share: rows in pieces of bounded size, column names that are sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from components.example_gen.block import Block, FeatureType, Rows
from preprocessing.errors import FieldPath, UserError
from preprocessing.text import listed

if TYPE_CHECKING:
    import pyarrow as pa

PIECE_ROWS = 8192
"""Enough rows that Arrow's per-call costs vanish; few enough that long cells stay within reason."""


def bounded(batches: Iterable[pa.RecordBatch], block_bytes: int, first: int) -> Iterator[Rows]:
    """Regroups rows into pieces of at most `PIECE_ROWS` rows and about `block_bytes`; a piece has one row at least.

    Args:
      batches: of one schema. Small ones are joined, large ones sliced.
      block_bytes: the bound.
      first: the place of the first row.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        for part in _parts(batch, block_bytes):
            part_bytes = _bytes(part)
            if waiting and (rows + part.num_rows > PIECE_ROWS or size + part_bytes > block_bytes):
                yield _numbered(waiting, first)
                first, rows, size, waiting = first + rows, 0, 0, []
            waiting.append(part)
            rows, size = rows + part.num_rows, size + part_bytes
    if waiting:
        yield _numbered(waiting, first)


def distinct(file: str, names: Sequence[str], *, field: FieldPath = ()) -> list[str]:
    """The names of columns as a list; those of columns without a name, of which there may be several, are empty.

    Args:
      file: has them; empty where a query gives them.
      names: in order.
      field: the field with the query.

    Raises:
      UserError: no column has a name, or two have the same one.
    """
    where = f"{file}: " if file else ""
    if not any(names):
        raise UserError(
            f"{where}expected columns with names, found none",
            field=field,
            hint="write the table again, with its columns",
        )
    seen: dict[str, int] = {}
    for position, name in enumerate(names):
        if name and name in seen:
            raise UserError(
                f"{where}duplicate column {name!r} (columns {seen[name] + 1} and {position + 1})",
                field=field,
                hint="rename one of them; every column needs its own name",
            )
        seen[name] = position
    return list(names)


def wanted(file: str, names: Sequence[str], types: Mapping[str, FeatureType] | None) -> list[str]:
    """The columns to read, in the order in which they are wanted; without types all that have a name.

    Raises:
      UserError: the file lacks one, or has one twice.
    """
    present = set(distinct(file, names))
    if types is None:
        return list(filter(None, names))
    if lacking := [name for name in types if name not in present]:
        raise UserError(
            f"{file}: no column {lacking[0]!r}; it has {listed(names)}",
            hint="all files of a table need the same columns",
        )
    return list(types)


def _parts(batch: pa.RecordBatch, block_bytes: int) -> Iterator[pa.RecordBatch]:
    """Slices within the bounds; the halves of a slice that is too large may differ much in size."""
    if batch.num_rows == 0:
        return
    if batch.num_rows > 1 and (batch.num_rows > PIECE_ROWS or _bytes(batch) > block_bytes):
        half = batch.num_rows // 2
        yield from _parts(batch.slice(0, half), block_bytes)
        yield from _parts(batch.slice(half), block_bytes)
    else:
        yield batch


def _bytes(batch: pa.RecordBatch) -> int:
    """What the rows hold. A dictionary belongs to all rows: it does not shrink with a slice."""
    import pyarrow as pa

    return sum((column.indices if pa.types.is_dictionary(column.type) else column).nbytes for column in batch.columns)


def _numbered(batches: list[pa.RecordBatch], first: int) -> Rows:
    import numpy as np
    import pyarrow as pa

    if len(batches) > 1:
        (batch,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    else:
        batch = batches[0]
    return Rows(batch, np.arange(first, first + batch.num_rows, dtype=np.int64))


def joined(file: str, sizes: Sequence[tuple[int, int]], block_bytes: int) -> Iterator[Block]:
    """The blocks of a file that consists of parts: neighbours together, up to the size of a block.

    Args:
      file: its path or URL.
      sizes: bytes and rows of each part.
      block_bytes: of a block, unless a single part has more.
    """
    number = start = held = rows = 0
    first = 1
    for part, (part_bytes, part_rows) in enumerate(sizes):
        if rows and held + part_bytes > block_bytes:
            yield Block(file, number, start, part, first)
            number, start, first, held, rows = number + 1, part, first + rows, 0, 0
        held, rows = held + part_bytes, rows + part_rows
    if rows:
        yield Block(file, number, start, len(sizes), first)
