"""Arrow IPC: the file format (also known as Feather version 2) and the stream format.

A file's record batches are its natural blocks. Arrow does not tell how many rows a batch has without reading it
whole, so that `plan` takes the row counts from the messages' headers itself: a few bytes per batch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from components.example_gen.block import Block, FeatureType, Rows
from components.example_gen.formats import io
from components.example_gen.formats.pieces import bounded, distinct, joined, wanted
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC = b"ARROW1"
_FEATHER_V1 = b"FEA1"
_CONTINUATION = b"\xff\xff\xff\xff"
_TRAILER_BYTES = len(_MAGIC) + 4
_BATCHES_FIELD = 3
"""`recordBatches` among the fields of a Footer."""
_HEADER_FIELD = 2
"""`header` among the fields of a Message."""
_LENGTH_FIELD = 0
"""`length` among the fields of a RecordBatch."""
_BLOCK = struct.Struct("<qi4xq")
"""Where a batch is in the file: its offset, the bytes of its message's header, the bytes of its body."""


@dataclass(frozen=True)
class ArrowIpcReader:
    """Reads Arrow IPC files and streams. Blocks count record batches; a stream is one block.

    Attributes:
      block_bytes: about how much of a file one block holds; a larger record batch is a block of its own.
    """

    block_bytes: int

    def columns(self, file: str) -> list[str]:
        """The names of the top-level columns, in order.

        Raises:
          UserError: no Arrow file, cut short, empty, without columns, or with one twice.
        """
        with _opened(file) as source:
            return distinct(file, source.schema.names)

    def plan(self, file: str) -> Iterator[Block]:
        """Joins neighbouring record batches up to `block_bytes`. A file without rows has no blocks.

        Raises:
          UserError: no Arrow file, or cut short.
        """
        with _opened(file) as source:
            if not hasattr(source, "get_batch"):
                yield Block(file, 0, 0, -1, 1)
                return
        with io.open_seekable(file) as raw, _explained(file):
            sizes = _batch_sizes(raw, io.size(file))
        yield from joined(file, sizes, self.block_bytes)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The rows in Arrow's own types, in pieces of at most `block_bytes`.

        Only the columns in `types` are unpacked, and come in that order.

        Raises:
          UserError: the block is damaged, or a column is not there.
        """
        with _opened(block.file) as shape:
            present = shape.schema.names
        names = wanted(block.file, present, types)
        with _opened(block.file, [present.index(name) for name in names]) as source:
            rows = bounded((batch.select(names) for batch in _batches(source, block)), self.block_bytes, block.first)
            for piece in rows:
                # Arrow trusts the offsets and texts that stand in a file; what follows relies on them.
                piece.batch.validate(full=True)
                yield piece
        if block.end < 0:
            _refuse_unfinished(block.file)


def _batches(source: pa.RecordBatchFileReader | pa.RecordBatchStreamReader, block: Block) -> Iterator[pa.RecordBatch]:
    if block.end < 0:
        yield from source
    else:
        for number in range(block.start, block.end):
            yield source.get_batch(number)


@contextmanager
def _opened(
    file: str, fields: list[int] | None = None
) -> Iterator[pa.RecordBatchFileReader | pa.RecordBatchStreamReader]:
    """An open file or stream; what goes wrong while it is open is explained with its name."""
    import pyarrow as pa

    if not io.size(file):
        raise UserError(f"{file}: the file is empty", hint="write the table again")
    with io.open_seekable(file) as raw:
        magic = raw.read(len(_MAGIC))
        raw.seek(0)
        if magic.startswith(_FEATHER_V1):
            raise UserError(
                f"{file}: Feather version 1; expected version 2 (Arrow IPC)",
                hint="write it again with pyarrow.feather.write_feather(table, path)",
            )
        options = pa.ipc.IpcReadOptions(included_fields=fields or [])
        with _explained(file), _source(file, raw) as stored:
            opened = pa.ipc.open_file if magic == _MAGIC else pa.ipc.open_stream
            with opened(stored, options=options) as source:
                yield source


def _source(file: str, raw: BinaryIO) -> pa.NativeFile:
    """A local file is mapped: a batch that is larger than memory should be is then not copied into it."""
    import pyarrow as pa

    return pa.PythonFile(raw, mode="r") if "://" in file else pa.memory_map(file)


@contextmanager
def _explained(file: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, struct.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{file}: not a complete Arrow IPC file: {reason}",
            hint="write the file again, or set data.format if it has another format",
        ) from error


def _refuse_unfinished(file: str) -> None:
    """Refuses a stream without an end mark: Arrow accepts an end after any batch; finished writers add a length of
    0."""
    with io.open_seekable(file) as raw:
        modern = raw.read(len(_CONTINUATION)) == _CONTINUATION
        end = (_CONTINUATION if modern else b"") + bytes(4)
        raw.seek(max(0, io.size(file) - len(end)))
        if raw.read() != end:
            raise UserError(
                f"{file}: not a complete Arrow IPC stream: its end mark is missing",
                hint="write the file again, and close its writer",
            )


def _batch_sizes(raw: BinaryIO, size: int) -> list[tuple[int, int]]:
    """The stored bytes and the rows of each record batch of a file.

    Raises:
      struct.error: the file is damaged.
    """
    raw.seek(size - _TRAILER_BYTES)
    (footer_bytes,) = struct.unpack("<i", raw.read(4))
    raw.seek(size - _TRAILER_BYTES - footer_bytes)
    footer = raw.read(footer_bytes)
    vector = _field(footer, _root(footer), _BATCHES_FIELD)
    if vector is None:
        return []
    vector += _number(footer, "<I", vector)
    sizes: list[tuple[int, int]] = []
    for position in range(_number(footer, "<I", vector)):
        offset, header_bytes, body_bytes = _BLOCK.unpack_from(footer, vector + 4 + position * _BLOCK.size)
        raw.seek(offset)
        sizes.append((body_bytes, _rows(raw.read(header_bytes))))
    return sizes


def _rows(message: bytes) -> int:
    """The rows of a record batch, by the header of its message (with the prefix that says how long that is)."""
    message = message[8 if message.startswith(_CONTINUATION) else 4 :]
    header = _field(message, _root(message), _HEADER_FIELD)
    if header is None:
        raise struct.error("a record batch without a header")
    length = _field(message, header + _number(message, "<I", header), _LENGTH_FIELD)
    return 0 if length is None else _number(message, "<q", length)


def _root(buffer: bytes) -> int:
    return _number(buffer, "<I", 0)


def _field(buffer: bytes, table: int, field: int) -> int | None:
    """Where a field of a flatbuffers table is; None when it has its default value."""
    vtable = table - _number(buffer, "<i", table)
    entry = 4 + 2 * field
    if entry >= _number(buffer, "<H", vtable):
        return None
    offset = _number(buffer, "<H", vtable + entry)
    return table + offset if offset else None


def _number(buffer: bytes, kind: str, offset: int) -> int:
    (value,) = struct.unpack_from(kind, buffer, offset)
    return int(value)
