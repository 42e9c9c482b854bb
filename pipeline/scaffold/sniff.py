"""How a CSV file is written, from the file itself: its encoding, its delimiter, its words for missing."""

from __future__ import annotations

import csv as csv_module
import io
import itertools
from pathlib import Path

from components.example_gen.config import CsvOptions
from components.example_gen.formats.io import open_bytes

DELIMITERS = (",", ";", "\t", "|")
_LINES = 200
_CHUNK_BYTES = 1 << 20


def sniff(file: Path) -> CsvOptions:
    """The options that a CSV file needs; the defaults where they fit."""
    encoding = _encoding(file)
    return CsvOptions(delimiter=_delimiter(file, encoding), encoding=encoding)


def _encoding(file: Path) -> str:
    with open_bytes(str(file)) as raw:
        if raw.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
    if _decodes(file, "utf-8"):
        return "utf-8"
    # Windows' own variant of latin-1 has characters such as the euro sign where latin-1 has control codes.
    return "cp1252" if _has_windows_characters(file) and _decodes(file, "cp1252") else "latin-1"


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


def _delimiter(file: Path, encoding: str) -> str:
    """The delimiter that splits the first lines into the most columns, the same number in each."""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with open_bytes(str(file)) as raw, io.TextIOWrapper(raw, encoding=codec, newline="") as text:
        lines = list(itertools.islice(text, _LINES))

    def fit(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(row) for row in csv_module.reader(lines, delimiter=delimiter) if row]
        except csv_module.Error:
            return 0.0, 0
        columns = widths[0] if widths else 0
        same = sum(width == columns for width in widths) / max(len(widths), 1)
        return (same if columns > 1 else 0.0), columns

    return max(DELIMITERS, key=fit)
