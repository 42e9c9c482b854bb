"""What stands before the rows of a CSV file: lines that are passed over, and the header."""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.example_gen.config import CsvOptions
from components.example_gen.formats.csv.rows import bounds, count_lines, line_end, unclosed
from components.example_gen.formats.csv.text import MAX_ROW_BYTES, TextSource, endless
from preprocessing.errors import UserError

SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
"""A first line that tells a spreadsheet the delimiter."""
_HEADER_BYTES = 64 << 10
_PEEKED_ROWS = 20


@dataclass(frozen=True)
class Head:
    """Where the rows of a file begin.

    Attributes:
      row: the header, or the first row where there is none, with the blank lines before it; empty when there is none.
      line: the line that `row` begins on.
      size: the bytes before the first row.
      first: the line of the first row, or of the blank lines before it.
    """

    row: bytes
    line: int
    size: int
    first: int


def header(source: TextSource, csv: CsvOptions) -> Head:
    """Reads what stands before the rows: the lines that are passed over, and the header.

    Raises:
      UserError: a quotation mark is not closed, or there is no line break within `MAX_ROW_BYTES`.
    """
    skipped = b"".join(_line(source) for _ in range(csv.skip_lines))
    row = _first_row(source, csv)
    line = 1 + count_lines(skipped)
    if csv.header:
        return Head(row, line, len(skipped) + len(row), line + count_lines(row))
    source.unread(row)
    return Head(row, line, len(skipped), line)


def _line(source: TextSource) -> bytes:
    """One line with its break, whatever is in it."""
    data, ended = b"", False
    while not ended:
        chunk = source.read(_HEADER_BYTES)
        data, ended = data + chunk, len(chunk) < _HEADER_BYTES
        end = line_end(data, 0)
        if end < len(data):
            source.unread(data[end:])
            return data[:end]
        if len(data) >= MAX_ROW_BYTES:
            raise endless(source.file, 1)
    return data


def _first_row(source: TextSource, csv: CsvOptions) -> bytes:
    data, ended = b"", False
    while True:
        wanted = max(_HEADER_BYTES, len(data))
        chunk = source.read(wanted)
        data, ended = data + chunk, len(chunk) < wanted
        found = bounds(data, csv.quote, csv.separator, final=ended)
        if ended and len(found.ends) < 2 and (opening := unclosed(data, csv.quote, csv.separator)) is not None:
            raise UserError(
                f"{source.file}, line {1 + count_lines(data[:opening])}: a quotation mark of the header is not closed",
                hint="close the quotation mark; inside a quoted cell a quotation mark is written twice",
            )
        if len(found.ends) or ended:
            end = int(found.ends[0]) if len(found.ends) else 0
            source.unread(data[end:])
            return data[:end]
        if len(data) >= MAX_ROW_BYTES:
            raise endless(source.file, 1)


def following(source: TextSource, csv: CsvOptions) -> list[bytes]:
    """Some of the rows that come next, as far as they are whole in the next 64 KiB; they are not read again."""
    data = source.read(_HEADER_BYTES)
    found = bounds(data, csv.quote, csv.separator, final=len(data) < _HEADER_BYTES)
    edges = zip(found.starts[:_PEEKED_ROWS].tolist(), found.ends[:_PEEKED_ROWS].tolist(), strict=True)
    return [data[start:end] for start, end in edges]
