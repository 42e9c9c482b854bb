"""How a CSV file is written, from the file itself: its encoding, its delimiter, where its rows begin."""

from __future__ import annotations

import csv as csv_module
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.example_gen.config import BLANKS, CsvOptions
from components.example_gen.formats.csv.head import SEPARATOR_LINE
from components.example_gen.formats.csv.rows import single_blanks
from components.example_gen.formats.io import open_bytes
from pipeline.scaffold.given import Given
from pipeline.scaffold.headerless import has_header

DELIMITERS = (",", ";", "\t", "|")
_LINES = 200
_CHUNK_BYTES = 1 << 20
_ALIGNED = re.compile(r"\S(?: [ \t]|\t )")
_COMMENT = re.compile(r"\s*(?:#|%|//)")
_MAX_SKIPPED = 50
_QUOTE = CsvOptions().quote
_APOSTROPHE = "'"
_ALIKE = 0.9
"""So many of the rows have the same number of cells where a delimiter is the right one."""
_TITLE_COLUMNS = 3
"""A line of one cell above rows of so many is a title; above fewer it may be a header."""


@dataclass(frozen=True)
class _Row:
    """One row: the lines before it, and its cells."""

    before: int
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        """The cells up to the last that is not empty."""
        return max((i + 1 for i, cell in enumerate(self.cells) if cell.strip()), default=0)


def sniff(file: Path, given: Given | None = None, label: str | None = None) -> CsvOptions:
    """The options that a CSV file needs; the defaults where they fit.

    Args:
      file: the file.
      given: what is known of it beforehand.
      label: a column that it has.
    """
    given = given or Given()
    encoding = given.encoding or _encoding(file)
    lines = _first_lines(file, encoding)
    told = SEPARATOR_LINE.fullmatch(lines[0].rstrip("\r\n")) if lines else None
    skipped = 1 if told else 0
    delimiter = given.delimiter or (told[1] if told else _delimiter(lines))
    quote = _quote(lines[skipped:], delimiter)
    rows = list(_rows(lines[skipped:], delimiter, skipped, quote))
    if given.skip_lines is not None:
        start, skipped = next((i for i, row in enumerate(rows) if row.before >= given.skip_lines), 0), given.skip_lines
    elif start := _start(rows, label):
        skipped = rows[start].before
    cells = [row.cells for row in rows[start:]]
    header = given.header if given.header is not None else has_header(cells, label) is not False
    return CsvOptions(delimiter=delimiter, quote=quote, encoding=encoding, skip_lines=skipped, header=header)


def _first_lines(file: Path, encoding: str) -> list[str]:
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        with open_bytes(str(file)) as raw, io.TextIOWrapper(raw, encoding=codec, errors="replace", newline="") as text:
            return list(itertools.islice(text, _LINES))
    except LookupError:  # an encoding that nobody knows, which the reader refuses
        return []


def _encoding(file: Path) -> str:
    with open_bytes(str(file)) as raw:
        head = raw.read(4096)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if (unmarked := _unmarked_utf16(head)) is not None:
        return unmarked
    if _decodes(file, "utf-8"):
        return "utf-8"
    # Windows' own variant of latin-1 has characters such as the euro sign where latin-1 has control codes.
    return "cp1252" if _has_windows_characters(file) and _decodes(file, "cp1252") else "latin-1"


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of most texts is 0."""
    even, odd = head[::2], head[1::2]
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(others) > 1 and zeros.count(0) > len(zeros) / 2 and not others.count(0):
            return name
    return None


def _decodes(file: Path, encoding: str) -> bool:
    try:
        with open_bytes(str(file)) as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
            while text.read(_CHUNK_BYTES):
                pass
    except UnicodeError:
        return False
    return True


def _has_windows_characters(file: Path) -> bool:
    with open_bytes(str(file)) as raw:
        while chunk := raw.read(_CHUNK_BYTES):
            if any(0x80 <= byte < 0xA0 for byte in set(chunk)):
                return True
    return False


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that splits the rows into the most columns, the same number in each."""

    def fit(delimiter: str) -> tuple[float, int]:
        widths = [len(row.cells) for row in _rows(lines, delimiter, 0)]
        # Whatever stands above the header has fewer cells.
        columns, rows = max(Counter(widths).items(), key=lambda each: (each[1], each[0])) if widths else (0, 0)
        return (rows / len(widths) if columns > 1 else 0.0), columns

    best = max(DELIMITERS, key=fit)
    share, columns = fit(BLANKS)
    # A single tab among blanks that align columns is one of them.
    aligned = best == "\t" and share == 1 and any(_ALIGNED.search(line) for line in lines)
    return BLANKS if columns > 2 and (aligned or fit(best)[0] < _ALIKE <= share) else best


def _quote(lines: Sequence[str], delimiter: str) -> str:
    """The apostrophe where every cell of the header (the first of the widest rows) stands between two."""
    if delimiter == BLANKS:
        return _QUOTE
    lines = lines[:_MAX_SKIPPED]
    widest = max(_rows(lines, delimiter, 0, _APOSTROPHE), key=lambda row: row.width, default=None)
    if widest is None or widest.width < 2:
        return _QUOTE
    # Read by the usual quote the cells keep the apostrophes.
    bare = next((row.cells for row in _rows(lines, delimiter, 0) if row.before == widest.before), ())
    quoted = len(bare) == len(widest.cells) and all(re.fullmatch(r"'[^']*'", cell) for cell in bare)
    return _APOSTROPHE if quoted else _QUOTE


def _rows(lines: Sequence[str], delimiter: str, before: int, quote: str = _QUOTE) -> Iterator[_Row]:
    text = "".join(lines)
    if delimiter == BLANKS:
        text, delimiter = single_blanks(text.encode("utf-8", "replace"), quote).decode(), " "
    reader = csv_module.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    start = 0
    try:
        for cells in reader:
            if cells:
                yield _Row(before + start, tuple(cells))
            start = reader.line_num
    except csv_module.Error:
        return


def _start(rows: Sequence[_Row], label: str | None) -> int:
    """Which row is the first one of the table; those before it are a title, or comments.

    A header with one cell less than the rows (R leaves the row names' out) is not taken for a title.
    """
    widths = [row.width for row in rows]
    full = max(set(widths), key=lambda width: (widths.count(width), width), default=0)
    for position, row in enumerate(rows[:_MAX_SKIPPED]):
        if label in row.cells and all(width < row.width for width in widths[:position]):
            return position
    for position, row in enumerate(rows[:_MAX_SKIPPED]):
        if row.width < full and (_is_comment(row) or (row.width <= 1 and full >= _TITLE_COLUMNS)):
            continue
        return position
    return 0


def _is_comment(row: _Row) -> bool:
    return _COMMENT.match(row.cells[0]) is not None
