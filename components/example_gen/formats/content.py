"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.example_gen.config import Format

HEAD_BYTES = 512
"""So many bytes of a file are enough for `content`."""
_JSON = re.compile(rb"\s*(?:\[\s*\{|\{\s*\"(?:[^\"\\]|\\.)*\"\s*:)")
_PAGE = re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)
_WORKBOOK = (b"[Content_Types].xml", b"xl/", b"_rels/.rels", b"docProps/")


@dataclass(frozen=True)
class Content:
    """What the bytes are.

    Attributes:
      what: in words.
      hint: the next step for whoever took it for something else.
      format: its format, where it is one that can be read.
    """

    what: str
    hint: str
    format: Format | None = None


def content(head: bytes) -> Content | None:
    """What a file is by its first `HEAD_BYTES`; None for text that is not JSON, and for what is not known."""
    if _JSON.match(head.removeprefix(b"\xef\xbb\xbf")):
        return _of("JSON", "jsonl")
    if _PAGE.match(head):
        return Content("a web page or XML", "download or export the table itself, for example as CSV")
    if head.startswith(b"PK\x03\x04"):
        if any(name in head for name in _WORKBOOK):
            return _of("a spreadsheet (.xlsx)", "xlsx")
        return Content("a zip archive", "name it so that it ends in .zip, or unpack it")
    return next((found for magic, found in _BY_MAGIC if head.startswith(magic)), None)


def _of(what: str, fmt: Format) -> Content:
    return Content(what, f"set data.format to {fmt}", fmt)


_BY_MAGIC = (
    (b"PAR1\x15", _of("a Parquet file", "parquet")),
    (b"ARROW1\0\0", _of("an Arrow file", "arrow")),
    (b"\x1f\x8b", Content("gzip data", "name the file so that it ends in .gz, for example table.csv.gz")),
    (b"\x28\xb5\x2f\xfd", Content("zstd data", "name the file so that it ends in .zst, for example table.csv.zst")),
    (b"BZh91AY&SY", Content("bzip2 data", "unpack it: bunzip2 FILE")),
    (b"\xfd7zXZ\0", Content("xz data", "unpack it: unxz FILE")),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7z archive", "unpack it")),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Content("a spreadsheet of the old kind (.xls), or one with a password", "save it as .xlsx or CSV, without one"),
    ),
    (
        b"SQLite format 3\0",
        Content(
            "an SQLite database",
            "read it by data.sql: {url: sqlite:///FILE, query: SELECT * FROM TABLE}, which lockgate init writes",
        ),
    ),
    (b"Obj\x01", Content("an Avro file", "write it as Parquet")),
    (b"\x89HDF\r\n\x1a\n", Content("an HDF5 file", "write the table as Parquet")),
    (b"\x93NUMPY", Content("a NumPy file", "write it as Parquet or CSV, with the columns' names")),
    (b"\x80\x04\x95", Content("a Python pickle", "write the table as Parquet: df.to_parquet(path)")),
    (b"%PDF-", Content("a PDF", "export the table itself, for example as CSV")),
)
