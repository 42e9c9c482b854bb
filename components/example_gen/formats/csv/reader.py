"""The CSV reader: divides files at row ends and gives their rows as Arrow columns."""

from __future__ import annotations

import csv as csv_module
import io as text_io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.example_gen.block import Block, FeatureType, Rows
from components.example_gen.config import BLANKS, CsvOptions
from components.example_gen.formats import io
from components.example_gen.formats.csv.cells import CsvFile
from components.example_gen.formats.csv.head import SEPARATOR_LINE, Head, following, header
from components.example_gen.formats.csv.rows import count_lines, single_blanks
from components.example_gen.formats.csv.text import Piece, TextSource, codec, is_divisible, pieces
from preprocessing.errors import UserError
from preprocessing.text import listed

_SCAN_BYTES = 1 << 20
"""What is looked at together to find row ends: it stays in the processor's cache."""
_DELIMITERS = (",", ";", "\t", "|")
_TITLE_CELLS = 2


@dataclass(frozen=True)
class CsvReader:
    """Reads CSV, also packed by gzip or zstd, in any encoding that Python knows.

    Packed files and encodings that are not built on ASCII (utf-16) can only be read from the start: one block.

    Attributes:
      csv: how text is divided into cells.
      block_bytes: the size of a block; one with a longer row has up to twice that row's length.
    """

    csv: CsvOptions
    block_bytes: int

    def columns(self, file: str) -> list[str]:
        """The column names: the first line that is not blank, or column_1, column_2, ... where there is no header.

        Raises:
          UserError: the file can't be read, is empty, has a column twice or another delimiter.
        """
        with TextSource(file, self.csv) as source:
            return self._names(file, header(source, self.csv), following(source, self.csv))

    def plan(self, file: str) -> Iterator[Block]:
        """Blocks that begin and end with a row; together they are the file without its header.

        Raises:
          UserError: as for `columns`.
        """
        with TextSource(file, self.csv) as source:
            head = header(source, self.csv)
            self._names(file, head)
            if not is_divisible(file, self.csv):
                yield Block(file, 0, 0, -1, head.first)
                return
            small = min(self.block_bytes, _SCAN_BYTES)
            rest = pieces(source, self.csv, small, source.start + head.size, head.first)
            yield from _blocks(file, rest, self.block_bytes)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The rows of a block.

        With types, and where every cell of a piece fits: int64 and float64 columns, in which empty cells and
        `csv.null_values` are null, and string columns. Else every cell as text. Text is never null. Rows with too few
        or too many cells, a NUL character or undecodable bytes are bad, and so is one with a quotation mark that is
        never closed.

        Raises:
          UserError: the file is cut short or was changed; it lacks a column of `types`.
        """
        with TextSource(block.file, self.csv) as source:
            head = header(source, self.csv)
            names = self._names(block.file, head)
            _refuse_lacking(block.file, names, types)
            table = CsvFile(block.file, tuple(names), self.csv, types)
            if block.end >= 0:
                yield table.rows(Piece(block.start, block.first, io.read_part(block.file, block.start, block.end)))
                return
            for piece in pieces(source, self.csv, self.block_bytes, 0, block.first):
                yield table.rows(piece)

    def _names(self, file: str, head: Head, rows: Sequence[bytes] = ()) -> list[str]:
        """The names of the columns; with the next rows, whether the header can be one."""
        content = head.row.lstrip(b"\r\n")
        if not content:
            raise UserError(
                f"{file}: the file is empty; expected a header line with the column names",
                hint="write the table again, with its header",
            )
        line = head.line + count_lines(head.row[: len(head.row) - len(content)])
        if b"\0" in content:
            raise UserError(
                f"{file}, line {line}: a NUL character; this is not plain text",
                hint="set data.csv.encoding to utf-16 if the file was saved so, or write the file again",
            )
        try:
            names = self._cells(self._decoded(file, line, content))
        except csv_module.Error as error:
            raise UserError(
                f"{file}, line {line}: the header can't be read: {error}",
                hint="set data.format if this is not a CSV file, or write the file again",
            ) from error
        self._refuse_blanks(file, line, names, rows)
        self._check(file, line, names, [len(self._cells(row.decode("latin-1"))) for row in rows])
        return names if self.csv.header else [f"column_{number}" for number in range(1, len(names) + 1)]

    def _cells(self, row: str) -> list[str]:
        if self.csv.delimiter == BLANKS:
            row = single_blanks(row.encode(), self.csv.quote).decode()
        lines = text_io.StringIO(row, newline="")
        return next(csv_module.reader(lines, delimiter=self.csv.separator, quotechar=self.csv.quote), [])

    def _decoded(self, file: str, line: int, content: bytes) -> str:
        name = codec(self.csv)
        try:
            return content.decode(name if is_divisible("", self.csv) else "utf-8")
        except UnicodeError as error:
            raise UserError(
                f"{file}, line {line}: the header is not {self.csv.encoding} text: {error}",
                hint="set data.csv.encoding to the one that the file was saved in, for example latin-1 or cp1252",
            ) from error

    def _refuse_blanks(self, file: str, line: int, names: Sequence[str], rows: Sequence[bytes]) -> None:
        widths = {len(row.split()) for row in rows} | {len(name.split()) for name in names}
        if len(names) == 1 and len(rows) > 1 and len(widths) == 1 and min(widths) > _TITLE_CELLS:
            raise UserError(
                f"{file}, line {line}: one cell when split at {self.csv.separator!r}: {names[0][:80]!r}; as all rows, "
                f"it is {min(widths)} cells when split at blanks",
                hint=f"set data.csv.delimiter to {BLANKS}",
            )

    def _check(self, file: str, line: int, names: Sequence[str], widths: list[int]) -> None:
        """Refuses a first line that can't be a header; `widths` are the cells of some rows behind it."""
        if (found := SEPARATOR_LINE.fullmatch(self.csv.separator.join(names))) is not None:
            raise UserError(
                f"{file}, line {line}: tells a spreadsheet the delimiter ({found[1]!r}); the header follows it",
                hint=f"set data.csv.skip_lines to {line} and data.csv.delimiter to {found[1]!r}",
            )
        width = max(set(widths), key=widths.count, default=0)
        if len(names) == 1 and width > _TITLE_CELLS:
            raise UserError(
                f"{file}, line {line}: {names[0][:80]!r} is one cell, and the rows behind it have {width}: it is a "
                "title or a comment, not the header",
                hint="set data.csv.skip_lines to the number of lines before the header",
            )
        seen: dict[str, int] = {}
        for position, name in enumerate(names if self.csv.header else ()):
            if name and name in seen:
                raise UserError(
                    f"{file}: duplicate column {name!r} (columns {seen[name] + 1} and {position + 1})",
                    hint="rename one of them in the file's header, every column needs its own name; or, if the file "
                    "has no header, set data.csv.header to false",
                )
            seen[name] = position
        others = [mark for mark in _DELIMITERS if mark != self.csv.delimiter and mark in names[0]]
        if len(names) == 1 and others:
            likely = max(others, key=names[0].count)
            raise UserError(
                f"{file}: the first line has one column only when split at {self.csv.separator!r}: {names[0][:80]!r}",
                hint=f"set data.csv.delimiter to {likely!r}" if likely != "\t" else 'set data.csv.delimiter to "\\t"',
            )


def _blocks(file: str, rest: Iterable[Piece], block_bytes: int) -> Iterator[Block]:
    """Consecutive pieces together, up to the size of a block. What is broken has to be the end of a block."""
    number, start, end, first = 0, -1, -1, 0
    for piece in rest:
        stop = piece.start + len(piece.data)
        if start >= 0 and stop - start > block_bytes:
            yield Block(file, number, start, end, first)
            number, start = number + 1, -1
        if start < 0:
            start, first = piece.start, piece.first
        end = stop
        if piece.broken:
            yield Block(file, number, start, end, first)
            number, start = number + 1, -1
    if start >= 0:
        yield Block(file, number, start, end, first)


def _refuse_lacking(file: str, names: Sequence[str], types: Mapping[str, FeatureType] | None) -> None:
    present = set(names)
    if lacking := [name for name in types or () if name not in present]:
        raise UserError(
            f"{file}: no column {lacking[0]!r}; it has {listed(names)}",
            hint="all files of a table need the same columns",
        )
