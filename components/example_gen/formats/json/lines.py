"""The JSON Lines reader: one object a line, its keys the columns. It reads an array of objects too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from components.example_gen.block import Block, FeatureType, Rows
from components.example_gen.formats import io
from components.example_gen.formats.json.array import elements
from components.example_gen.formats.json.document import refuse_document
from components.example_gen.formats.json.rows import rows, rows_of
from preprocessing.errors import UserError

MAX_LINE_BYTES = 256 << 20
_SCAN_BYTES = 1 << 20
_BLANKS = 4096
"""So many blanks may stand before an array."""
_BOM = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class JsonLinesReader:
    """Reads JSON Lines in UTF-8, also packed by gzip or zstd (then from the start: one block).

    A file that begins with `[` is one array of such objects, over any number of lines; it is one block.
    `NaN`, `Infinity` and `-Infinity` are numbers, as Python writes them; NaN means missing. Keys may be absent.

    Attributes:
      block_bytes: the size of a block; one with a longer line has up to twice that line's length.
    """

    block_bytes: int

    def columns(self, file: str) -> list[str]:
        """The keys of the first block's objects, in the order in which they appear.

        A key that appears later is a column too: `read` without types gives all keys of its block.

        Raises:
          UserError: the file can't be read, is empty, or its first block has no object with a key.
        """
        with io.open_bytes(file) as raw:
            for first in self._rows(raw, file, None):
                refuse_document(file, first)
                if first.batch.num_columns:
                    return list(first.batch.schema.names)
                if first.bad:
                    bad = first.bad[0]
                    raise UserError(
                        f"{file}, line {bad.place}: {bad.reason}",
                        hint="set data.format if this is not JSON, or write an object a line, or an array of objects",
                    )
                if len(first.places):
                    raise UserError(
                        f"{file}: expected objects with keys, received empty ones up to line {int(first.places[-1])}",
                        hint="write the table again, with its columns",
                    )
        raise UserError(f"{file}: the file is empty; expected a JSON object on each line", hint="write the table again")

    def plan(self, file: str) -> Iterator[Block]:
        """Blocks of whole lines; together they are the file.

        Raises:
          UserError: the file can't be read, or a line does not end.
        """
        if io.compression(file) is not None or is_array(file):
            yield Block(file, 0, 0, -1, 1)
            return
        number, start, end, first = 0, -1, -1, 1
        with io.open_bytes(file) as raw:
            for position, line, data in _pieces(raw, file, min(self.block_bytes, _SCAN_BYTES)):
                if start >= 0 and position + len(data) - start > self.block_bytes:
                    yield Block(file, number, start, end, first)
                    number, start = number + 1, -1
                if start < 0:
                    start, first = position, line
                end = position + len(data)
        if start >= 0:
            yield Block(file, number, start, end, first)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The rows of a block, in Arrow types that its values have in common.

        Integers and fractions together are float64; values of several kinds are text; lists of such values are
        lists, and single values beside lists are lists of one. Objects within the objects are structs: no feature.
        Invalid JSON, a key that stands twice, NUL characters and bytes that are not UTF-8 make a bad row; with
        types an object or a list of lists in a wanted column does too.

        Raises:
          UserError: the file is cut short or was changed.
        """
        if block.end >= 0:
            yield rows(io.read_part(block.file, block.start, block.end), block.file, block.first, types)
            return
        with io.open_bytes(block.file) as raw:
            yield from self._rows(raw, block.file, types)

    def _rows(self, raw: BinaryIO, file: str, types: Mapping[str, FeatureType] | None) -> Iterator[Rows]:
        if not is_array(file):
            for _, line, data in _pieces(raw, file, self.block_bytes):
                yield rows(data, file, line, types)
            return
        for lines in elements(raw, file, self.block_bytes):
            yield rows_of(b"\n".join(text for _, text in lines), lines, file, types)


def is_array(file: str) -> bool:
    """Whether the file is one JSON array."""
    with io.open_bytes(file) as raw:
        return raw.read(_BLANKS).removeprefix(_BOM).lstrip()[:1] == b"["


def _pieces(raw: BinaryIO, file: str, block_bytes: int) -> Iterator[tuple[int, int, bytes]]:
    """Whole lines, with the position and the line that they begin on."""
    head = raw.read(len(_BOM))
    if head[:2] in _UTF16_MARKS:
        raise UserError(f"{file}: the file is utf-16; JSON Lines are utf-8", hint="write the file again as utf-8")
    start, pending = (len(_BOM), b"") if head == _BOM else (0, head)
    line = 1
    while True:
        wanted = max(block_bytes - len(pending), len(pending))
        chunk = raw.read(wanted)
        pending += chunk
        ended = len(chunk) < wanted
        cut = len(pending) if ended else pending.rfind(b"\n") + 1
        if not cut and len(pending) >= MAX_LINE_BYTES:
            raise UserError(
                f"{file}, line {line}: no line break within {MAX_LINE_BYTES >> 20} MiB; expected an object a line",
                hint="set data.format if the file has another format, or write it again",
            )
        if cut:
            data, pending = pending[:cut], pending[cut:]
            yield start, line, data
            start, line = start + cut, line + data.count(b"\n")
        if ended:
            return
