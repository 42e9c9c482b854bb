"""What a CSV file can have wrong: the row or the file, its line and the reason."""

import gzip
from pathlib import Path

import pytest
import zstandard

from components.example_gen.block import BadRow, Block
from components.example_gen.config import CsvOptions
from components.example_gen.formats.csv import text as csv_text
from components.example_gen.formats.csv.reader import CsvReader
from preprocessing.errors import UserError


def written(folder: Path, content: bytes, name: str = "t.csv") -> str:
    file = folder / name
    file.write_bytes(content)
    return str(file)


def read(file: str, size: int = 1 << 20, **options: object) -> tuple[list[tuple[str | None, ...]], list[BadRow]]:
    reader = CsvReader(CsvOptions(**options), size)  # type: ignore[arg-type]
    good: list[tuple[str | None, ...]] = []
    bad: list[BadRow] = []
    for block in reader.plan(file):
        for rows in reader.read(block):
            good += list(zip(*(column.to_pylist() for column in rows.batch.columns), strict=True))
            bad += rows.bad
    return good, bad


@pytest.mark.parametrize("size", [1, 9, 1 << 20])
@pytest.mark.parametrize(
    ("content", "line", "text", "parts"),
    [
        (b'a,b\n"x\ny",2\n\n1\n3,4\n', 5, b"1", ["expected 2 cells", "received 1"]),
        (b"a,b\r\n1,2\r\n1,2,3\r\n3,4", 3, b"1,2,3", ["expected 2 cells", "received 3", "','"]),
        (b"a,b\n1,2\n3,\x004\n5,6\n", 3, b"3,\x004", ["NUL", "data.csv.encoding", "utf-16"]),
        (b"a,b\n1,2\n3,\xfc\n5,6\n", 3, b"3,\xfc", ["0xfc", "not utf-8 text", "data.csv.encoding", "latin-1"]),
        (b'a,b\n1,2\n"3\n\xfc",4\n5,6\n', 3, b'"3\n\xfc",4', ["0xfc"]),
        (b'a,b\n1,2\n3,"4\n5,6\n7,8\n', 3, b'3,"4', ["opens on line 3", "never closed"]),
        (b'a,b\n1,2\n"3\n3","4\n5,""\n7,8\n', 3, b'"3\n3","4', ["opens on line 4", "never closed"]),
        (b'a,b\n1,2\n3,4\n5,6\n7,"8', 5, b'7,"8', ["opens on line 5"]),
        (b'a,b\n1,2\n3,4\n5,6\n7,"8""', 5, b'7,"8""', ["opens on line 5"]),
    ],
)
def test_one_bad_row_costs_no_other(
    tmp_path: Path, size: int, content: bytes, line: int, text: bytes, parts: list[str]
) -> None:
    good, (bad,) = read(written(tmp_path, content), size)
    assert (bad.place, bad.text) == (line, text)
    for part in parts:
        assert part in bad.explained
    assert len(good) == len(read(written(tmp_path, content.replace(text, b"9,9", 1)), size)[0]) - 1


def test_bad_rows_of_several_kinds_come_in_order(tmp_path: Path) -> None:
    good, bad = read(written(tmp_path, b"a,b\n\xff,1\n1\n\x00,\xff\n1,2\n,,\n\x00,3\n" + b"4,5\n" * 3))
    assert [row.place for row in bad] == [2, 3, 4, 6, 7]
    assert [row.reason[:8] for row in bad] == ["the byte", "expected", "the byte", "expected", "a NUL ch"]
    assert good == [("1", "2")] + [("4", "5")] * 3


def test_a_bad_byte_of_an_8_bit_encoding_stays_as_it_was(tmp_path: Path) -> None:
    good, (bad,) = read(written(tmp_path, b"a,b\n\xfc,1\n\x81\xfc,2\n"), encoding="cp1252")
    assert good == [("ü", "1")]
    assert (bad.place, bad.text) == (3, b"\x81\xfc,2")
    assert "0x81 is not cp1252" in bad.reason


def test_half_a_character_of_utf_16_is_a_bad_row(tmp_path: Path) -> None:
    content = "a,b\nü,1\n".encode("utf-16-le") + b"x\x00,\x00\x00\xd8\n\x00" + "3,4\n".encode("utf-16-le") + b"5"
    good, bad = read(written(tmp_path, content), encoding="utf-16-le")
    assert good == [("ü", "1"), ("3", "4")]
    assert [row.place for row in bad] == [3, 5]
    assert "the byte 0x00 is not utf-16-le text" in bad[0].reason


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["empty"]),
        (b"\n\r\n\n", ["empty"]),
        (b"\xef\xbb\xbf", ["empty"]),
        (b"a,b,a\n1,2,3\n", ["duplicate column 'a'", "columns 1 and 3"]),
        (b"a;b\n1;2\n", ["data.csv.delimiter", "';'"]),
        (b"a\tb\n1\t2\n", ['"\\t"']),
        (b"\n\na,\xfc\n1,2\n", ["line 3", "not utf-8", "latin-1"]),
        (b"a,b\x00\n1,2\n", ["line 1", "NUL"]),
        (b'a,"b\n1,2\n', ["line 1", "not closed"]),
        (b'\n"a\nb","c\n1,2\n', ["line 3", "not closed"]),
        ("a,b\n1,2\n".encode("utf-16"), ["utf-16, not utf-8", "data.csv.encoding"]),
        (b"a,b\n".replace(b"b", b"x" * 200_000), ["line 1", "header can't be read", "data.format"]),
    ],
)
def test_a_wrong_header_is_an_error_of_the_file(tmp_path: Path, content: bytes, parts: list[str]) -> None:
    file = written(tmp_path, content)
    reader = CsvReader(CsvOptions(), 1 << 20)
    for attempt in (reader.columns, lambda file: list(reader.plan(file))):
        with pytest.raises(UserError) as caught:
            attempt(file)
        for part in ["t.csv", *parts]:
            assert part in str(caught.value)


def test_an_unknown_encoding_names_the_field(tmp_path: Path) -> None:
    for encoding in ("klingon", "base64"):
        with pytest.raises(UserError, match=r"data\.csv\.encoding: unknown"):
            CsvReader(CsvOptions(encoding=encoding), 1).columns(written(tmp_path, b"a\n"))


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_a_packed_file_cut_short_is_an_error_of_the_file(tmp_path: Path, ending: str, pack: object) -> None:
    packed = pack(b"a,b\n" + b"".join(b"%d,%d\n" % (row, row * row) for row in range(100_000)))  # type: ignore[operator]
    file = written(tmp_path, packed[: len(packed) // 2], "t.csv" + ending)
    with pytest.raises(UserError, match=rf"t\.csv{ending}: the \w+ data is cut short"):
        read(file)


def test_a_cell_of_10_megabytes_makes_a_large_block(tmp_path: Path) -> None:
    cell = ("x" * 99 + "\n") * 100_000
    file = written(tmp_path, f'a,b\n1,2\n3,"{cell}"\n'.encode() + b"5,6\n" * 4_000_000)
    reader = CsvReader(CsvOptions(), 1 << 16)
    blocks = list(reader.plan(file))
    assert [block.first for block in blocks[:2]] == [2, 3]
    assert max(block.end - block.start for block in blocks) < 2 * len(cell) + 100
    (rows,) = reader.read(blocks[1])
    assert rows.batch.slice(0, 2).to_pylist() == [{"a": "3", "b": cell}, {"a": "5", "b": "6"}]
    assert rows.places[:2].tolist() == [3, 100_004]


def test_a_quote_that_is_not_closed_far_and_wide_costs_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "MAX_ROW_BYTES", 1000)
    rows = b"1,2\n" * 2000
    good, (bad,) = read(written(tmp_path, b'a,b\n1,"2\n' + rows + b'3,"4"\n'), 100)
    assert (bad.place, bad.text) == (2, b'1,"2')
    assert len(good) == 2001


def test_a_file_without_line_breaks_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "MAX_ROW_BYTES", 1 << 20)
    with pytest.raises(UserError, match="line 2: no line break within 1 MiB"):
        read(written(tmp_path, b"a,b\n" + b"x" * (3 << 20)), 1000)


def test_5000_columns(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(5000)]
    rows = "\n".join(",".join(str(row * column) for column in range(5000)) for row in range(20))
    reader = CsvReader(CsvOptions(), 1 << 20)
    file = written(tmp_path, (",".join(names) + "\n" + rows).encode())
    (block,) = reader.plan(file)
    (got,) = reader.read(block, dict.fromkeys(names, "int64"))
    assert got.batch.schema.names == names
    assert got.batch.column(4999).to_pylist() == [row * 4999 for row in range(20)]


def test_a_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path, b"a,b\n1,2\n")
    with pytest.raises(UserError, match="no column 'z'; it has a, b"):
        list(CsvReader(CsvOptions(), 9).read(Block(file, 0, 4, 8, 2), {"z": "int64"}))


def test_a_file_that_has_become_shorter_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path, b"a,b\n1,2\n")
    with pytest.raises(UserError, match="changed while it was read"):
        list(CsvReader(CsvOptions(), 9).read(Block(file, 0, 4, 80, 2)))
