"""The lines of a CSV file as the stock TFX reader counts them."""

import codecs
from pathlib import Path

import pytest

from components.example_gen.config import CsvOptions
from pipeline.preflight.table_text import scan_text, text_encoding
from preprocessing.errors import UserError

CSV = CsvOptions()


def written(folder: Path, content: bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "rows", "balanced"),
    [
        (b"a,b\n1,2\n3,4", 2, True),
        (b"a,b\r\n1,2\r\n\r\n3,4\r\n", 2, True),
        (b'a,b\n1,"x\ny"\n3,4\n', 2, True),
        (b'a,b\n1,5" pipe\n2,6" pipe\n', 1, True),
        (b'a,b\n1,5" pipe\n2,3\n', 0, False),
        (b"a,b\r1,2\r3,4\r", 0, True),
        (b"a,b\n", 0, True),
    ],
)
def test_rows_as_the_stock_reader_counts_them(tmp_path: Path, content: bytes, rows: int, balanced: bool) -> None:
    facts = scan_text(written(tmp_path, content), CSV)
    assert (facts.records, facts.balanced, facts.byte_order_mark) == (rows, balanced, False)


def test_a_byte_order_mark_is_seen_and_is_not_part_of_the_header(tmp_path: Path) -> None:
    facts = scan_text(written(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n"), CSV)
    assert facts.byte_order_mark
    assert facts.first_line == "a,b\n"


def test_what_is_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not utf-8 text") as caught:
        scan_text(written(tmp_path, b"a,b\n1,\xfc\n"), CSV)
    assert "latin-1" in caught.value.hint


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "utf-8-sig"), ("UTF8", "utf-8-sig"), ("latin-1", "latin-1"), ("ascii", "ascii")],
)
def test_encodings(encoding: str, expected: str) -> None:
    assert codecs.lookup(text_encoding(CsvOptions(encoding=encoding))) == codecs.lookup(expected)


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(UserError, match=r"^data\.csv\.encoding: unknown encoding, received 'utf-9'"):
        text_encoding(CsvOptions(encoding="utf-9"))
