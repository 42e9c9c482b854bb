"""The lines of a CSV file: how TFX counts them, and where a quotation mark is wrong."""

from pathlib import Path

import pytest

from components.example_gen.config import CsvOptions
from pipeline.table_text import check_rows, records, scan_text
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


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"a,b\n1,2\n3,\x004\n", ["line 3", "NUL"]),
        (b"a,b\n1,2\n3,\xfc\n", ["line 3", "not utf-8", "latin-1"]),
        (b"a,b\n" + b"1,2\n" * 50_000 + b"1,\xfc\n", ["line 50002", "not utf-8"]),
    ],
)
def test_what_is_not_text_has_a_line(tmp_path: Path, content: bytes, parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        scan_text(written(tmp_path, content), CSV)
    for part in parts:
        assert part in str(caught.value)


def test_records_know_the_line_that_they_begin_on(tmp_path: Path) -> None:
    path = written(tmp_path, b'a,b\n1,"x\ny"\n\n3,4\n')
    assert list(records(path, CSV)) == [(2, ["1", "x\ny"]), (5, ["3", "4"])]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'a,b\n1,2\n1,"2\n3,4\n', "line 3 (read as one row until line 4)"),
        (b'a,b\n1,"2\n3,4\n5,"6"\n', "line 2 (read as one row until line 4)"),
        (b'a,b\n1,"x"y\n', "line 2:"),
    ],
)
def test_a_quotation_mark_that_is_wrong_has_a_line(tmp_path: Path, content: bytes, line: str) -> None:
    with pytest.raises(UserError, match="unbalanced quotation marks") as caught:
        check_rows(written(tmp_path, content), CSV)
    assert line in caught.value.message


def test_a_quotation_mark_inside_a_bare_cell_is_a_character(tmp_path: Path) -> None:
    path = written(tmp_path, b'a,b\n1,5" pipe\n2,3\n')
    check_rows(path, CSV)
    assert list(records(path, CSV)) == [(2, ["1", '5" pipe']), (3, ["2", "3"])]
