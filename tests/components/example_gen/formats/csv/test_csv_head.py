"""Where the rows of a CSV file begin: lines that are passed over, no header, and what can't be a header."""

import gzip
from pathlib import Path

import pytest

from components.example_gen.config import CsvOptions
from components.example_gen.formats.csv.reader import CsvReader
from components.example_gen.formats.csv.rows import single_blanks
from preprocessing.errors import UserError

ROWS = b'1,a\n\n2,"b\nc"\n3,d,x\n4,e\n'
"""Lines 1, 3, 5 and 6; the row on line 5 has a cell too many."""


def written(folder: Path, content: bytes, name: str = "t.csv") -> str:
    file = folder / name
    file.write_bytes(content)
    return str(file)


def read(file: str, size: int, **options: object) -> tuple[list[str], list[tuple[int, tuple[str, ...]]], list[int]]:
    """The columns, the rows with their lines, and the lines of the bad rows."""
    reader = CsvReader(CsvOptions(**options), size)  # type: ignore[arg-type]
    good, bad = [], []
    for block in reader.plan(file):
        for rows in reader.read(block):
            cells = zip(*(column.to_pylist() for column in rows.batch.columns), strict=True)
            good += zip(rows.places.tolist(), cells, strict=True)
            bad += [row.place for row in rows.bad]
    return reader.columns(file), good, bad


@pytest.mark.parametrize("size", [1, 9, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("before", "lines", "options"),
    [
        (b"x,y\n", 1, {}),
        (b"sep=,\nx,y\n", 2, {"skip_lines": 1}),
        (b'A title\r\n\r\n# an "open quote\r\nx,y\r\n', 4, {"skip_lines": 3}),
        (b"one\rtwo\rx,y\n", 3, {"skip_lines": 2}),
        (b"\xef\xbb\xbftitle\n\n\nx,y\n", 4, {"skip_lines": 1}),
    ],
)
def test_lines_before_the_header_are_passed_over_and_the_lines_of_rows_stay_right(
    tmp_path: Path, size: int, packed: bool, before: bytes, lines: int, options: dict[str, object]
) -> None:
    content = before + ROWS
    file = written(tmp_path, gzip.compress(content), "t.csv.gz") if packed else written(tmp_path, content)
    names, good, bad = read(file, size, **options)
    assert names == ["x", "y"]
    assert good == [(lines + 1, ("1", "a")), (lines + 3, ("2", "b\nc")), (lines + 6, ("4", "e"))]
    assert bad == [lines + 5]


@pytest.mark.parametrize("size", [1, 9, 1 << 20])
@pytest.mark.parametrize(("before", "skipped"), [(b"", 0), (b"a,title,of,many\n\n", 1), (b"\n\n", 0)])
def test_without_a_header_the_first_line_is_a_row(tmp_path: Path, size: int, before: bytes, skipped: int) -> None:
    file = written(tmp_path, before + ROWS)
    names, good, bad = read(file, size, header=False, skip_lines=skipped)
    lines = before.count(b"\n")
    assert names == ["column_1", "column_2"]
    assert good == [(lines + 1, ("1", "a")), (lines + 3, ("2", "b\nc")), (lines + 6, ("4", "e"))]
    assert bad == [lines + 5]


def test_without_a_header_values_that_repeat_in_the_first_line_are_no_names(tmp_path: Path) -> None:
    assert read(written(tmp_path, b"0,0\n0,1\n"), 1, header=False)[1] == [(1, ("0", "0")), (2, ("0", "1"))]


def test_typed_values_of_a_file_without_a_header(tmp_path: Path) -> None:
    reader = CsvReader(CsvOptions(header=False, skip_lines=1), 1 << 20)
    file = written(tmp_path, "Größe\n1;2\n".replace(";", ",").encode("utf-16"))
    reader = CsvReader(CsvOptions(header=False, skip_lines=1, encoding="utf-16"), 1 << 20)
    (rows,) = (rows for block in reader.plan(file) for rows in reader.read(block, {"column_2": "int64"}))
    assert rows.batch.to_pydict() == {"column_2": [2]}
    assert rows.places.tolist() == [2]


@pytest.mark.parametrize("size", [1, 9, 1 << 20])
def test_blanks_between_cells(tmp_path: Path, size: int) -> None:
    content = b'  x   y \t z\n 1.5  2\t"a  b"\n\n   \n10  20   "c ""d"" "  \n3 4\n'
    names, good, bad = read(written(tmp_path, content), size, delimiter="blanks")
    assert names == ["x", "y", "z"]
    assert good == [(2, ("1.5", "2", "a  b")), (5, ("10", "20", 'c "d" '))]
    assert bad == [6]


def test_single_blanks_keeps_the_lines() -> None:
    assert single_blanks(b' a  b\t\r\n\t \n c "d  e"\tf\'  g', '"') == b'a b\r\n\nc "d  e" f\' g'


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"sep=;\nx;y\n1;2\n", ["line 1", "delimiter (';')", "data.csv.skip_lines to 1", "data.csv.delimiter to ';'"]),
        (b'"sep=,"\nx,y\n', ["line 1", "data.csv.skip_lines"]),
        (b"Report\n\nx,y,z\n1,2,3\n4,5,6\n", ["line 1", "'Report' is one cell", "have 3", "data.csv.skip_lines"]),
        (b"x  y   z\n1  2   3\n4  5   6\n", ["3 cells when split at blanks", "data.csv.delimiter to blanks"]),
        (b"PAR1\x15\x04" + bytes(50), ["a Parquet file, not CSV", "data.format to parquet"]),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), ["gzip data, not CSV", ".gz"]),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", ["a spreadsheet (.xlsx)", "data.format to xlsx"]),
        (b"PK\x03\x04" + bytes(26) + b"t.csv", ["a zip archive", ".zip"]),
        (b'[{"a": 1}, {"a": 2}]', ["JSON, not CSV", "data.format to jsonl"]),
        (b'\n {"a": 1}\n', ["JSON, not CSV"]),
        (b"<!DOCTYPE html>\n<html>", ["a web page"]),
        (b"0,1,0\n2,3,4\n", ["duplicate column '0'", "data.csv.header to false"]),
    ],
)
def test_what_is_no_header_is_said_with_the_setting(tmp_path: Path, content: bytes, parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        CsvReader(CsvOptions(), 1 << 20).columns(written(tmp_path, content))
    for part in ["t.csv", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"PAR1,PAR2\n1,2\n",  # a name like a magic number
        b"ORC\n1\n",
        b"name\nJohn Smith\nMary Jones\n",
        b"{x},[y]\n1,2\n",
        b"separation\n1\n",
        b"a\nb\nc,d,e\n",  # a broken row, not a title
    ],
)
def test_what_looks_a_little_like_it_is_a_header(tmp_path: Path, content: bytes) -> None:
    names = CsvReader(CsvOptions(), 1 << 20).columns(written(tmp_path, content))
    assert names == content.splitlines()[0].decode().split(",")
