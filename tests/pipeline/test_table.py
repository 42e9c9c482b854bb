"""Which files a table has, their headers, and their rows as a stream."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from components.example_gen.config import CsvOptions
from pipeline.table import BLOCK_BYTES, batches, detect_format, header, sample, source_files
from preprocessing.errors import UserError

CSV = CsvOptions()


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_folder_gives_its_tables_sorted_without_hidden_files_and_others(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".c.csv", "_SUCCESS", "_d.csv", "README.md"):
        written(tmp_path, name, "x,y\n1,2\n")
    assert [file.name for file in source_files(tmp_path, None)] == ["a.csv", "b.csv"]


def test_a_folder_without_telling_names_needs_a_format(tmp_path: Path) -> None:
    written(tmp_path, "part-0", "x,y\n1,2\n")
    assert [file.name for file in source_files(tmp_path, "csv")] == ["part-0"]
    with pytest.raises(UserError, match="found none"):
        source_files(tmp_path, None)


def test_a_glob_gives_its_matches_sorted(tmp_path: Path) -> None:
    for name in ("2024/b.csv", "2023/a.csv", "2023/_a.csv", "2023/a.txt"):
        written(tmp_path, name, "x,y\n1,2\n")
    assert [file.name for file in source_files(f"{tmp_path}/*/*.csv", None)] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("source", "message"), [("missing.csv", "no such file"), ("*.csv", "no file matches this pattern")]
)
def test_what_is_missing_is_named(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        source_files(tmp_path / source, None)
    assert source in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("names", "fmt", "expected"),
    [
        (["a.csv", "b.CSV"], None, "csv"),
        (["a.csv.gz"], None, "csv"),
        (["a.pq", "b.parquet"], None, "parquet"),
        (["a"], "csv", "csv"),
    ],
)
def test_the_format_is_stated_or_taken_from_the_names(names: list[str], fmt: str | None, expected: str) -> None:
    assert detect_format([Path(name) for name in names], fmt) == expected


def test_mixed_or_unknown_names_are_refused() -> None:
    with pytest.raises(UserError, match=r"a\.csv is csv and b\.parquet is parquet"):
        detect_format([Path("a.csv"), Path("b.parquet")], None)
    with pytest.raises(UserError, match="does not say"):
        detect_format([Path("a.dat")], None)


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("a,b\n1,2\n", {}, ["a", "b"]),
        (b"\xef\xbb\xbfa,b\n1,2\n", {}, ["a", "b"]),
        ('"a ""x""","b\nc", d\n1,2,3\n', {}, ['a "x"', "b\nc", " d"]),
        ("a;b\n1;2\n", {"delimiter": ";"}, ["a", "b"]),
        ("größe\tb\n1\t2\n".encode("latin-1"), {"delimiter": "\t", "encoding": "latin-1"}, ["größe", "b"]),
        ("a,b\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}, ["a", "b"]),
        ("\n\na,b\n1,2\n", {}, ["a", "b"]),
        (",b,\n1,2,3\n", {}, ["", "b", ""]),
    ],
)
def test_headers(tmp_path: Path, content: bytes | str, options: dict[str, str], expected: list[str]) -> None:
    assert header(written(tmp_path, "t.csv", content), "csv", CsvOptions(**options)) == expected


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["the file is empty"]),
        (b"a,b,a\n1,2,3\n", ["duplicate column 'a'", "columns 1 and 3"]),
        (b"a;b\n1;2\n", ["one column only", "data.csv.delimiter to ';'"]),
        (b"a\tb\n1\t2\n", ["one column only", r'data.csv.delimiter to "\t"']),
        (b"\xe9,b\n1,2\n", ["line 1", "not utf-8", "data.csv.encoding", "latin-1"]),
        (b"a,b\n1,2\n1,\xe9\n", ["line 3", "not utf-8", "data.csv.encoding"]),
        ("a,b\n1,2\n".encode("utf-16"), ["utf-16", "data.csv.encoding"]),
    ],
)
def test_bad_headers_say_what_to_change(tmp_path: Path, content: bytes, parts: list[str]) -> None:
    path = written(tmp_path, "t.csv", content)
    with pytest.raises(UserError) as caught:
        header(path, "csv", CSV)
    assert str(path) in caught.value.message
    for part in parts:
        assert part in str(caught.value)


def test_an_unknown_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown encoding 'utf-9'"):
        header(written(tmp_path, "t.csv", "a,b\n1,2\n"), "csv", CsvOptions(encoding="utf-9"))


def test_cells_come_as_they_stand_or_as_the_types_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", 'zip,x,s\n007,1.5,NA\n 08,NA,"a\nb"\n,,""\n')
    raw = pa.Table.from_batches(batches([path], "csv", CSV, None))
    assert raw.to_pydict() == {"zip": ["007", " 08", ""], "x": ["1.5", "NA", ""], "s": ["NA", "a\nb", ""]}
    typed = pa.Table.from_batches(batches([path], "csv", CSV, {"s": pa.string(), "x": pa.float64()}))
    assert typed.to_pydict() == {"s": [None, "a\nb", None], "x": [1.5, None, None]}


def test_a_stream_comes_in_blocks_and_loses_no_row(tmp_path: Path) -> None:
    rows = BLOCK_BYTES // 4
    path = written(tmp_path, "t.csv", "a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(rows)))
    sizes, total = [], 0
    for batch in batches([path], "csv", CSV, {"a": pa.int64()}):
        sizes.append(batch.num_rows)
        total += pc.sum(batch.column(0)).as_py()
    assert len(sizes) > 1
    assert sum(sizes) == rows
    assert total == rows * (rows - 1) // 2


def test_several_files_follow_each_other(tmp_path: Path) -> None:
    files = [written(tmp_path, f"{name}.csv", f"a,b\n{name},1\n") for name in "xyz"]
    assert [batch.column(0).to_pylist() for batch in batches(files, "csv", CSV, None)] == [["x"], ["y"], ["z"]]


def test_compressed_csv(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    assert header(path, "csv", CSV) == ["a", "b"]
    assert sample(path, "csv", CSV, 5).to_pydict() == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_a_sample_is_the_first_rows(tmp_path: Path, fmt: str) -> None:
    path = tmp_path / f"t.{fmt}"
    if fmt == "csv":
        path.write_text("a,b\n1,x\n2,y\n3,z\n")
    else:
        pq.write_table(pa.table({"a": ["1", "2", "3"], "b": ["x", "y", "z"]}), path)
    assert sample(path, fmt, CSV, 2).to_pydict() == {"a": ["1", "2"], "b": ["x", "y"]}
    assert sample(path, fmt, CSV, 9).num_rows == 3


@pytest.mark.parametrize("content", ["a,b\n", "a,b"])
def test_a_header_alone_is_a_table_without_rows(tmp_path: Path, content: str) -> None:
    table = sample(written(tmp_path, "t.csv", content), "csv", CSV, 5)
    assert table.column_names == ["a", "b"]
    assert table.num_rows == 0


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"a,b\n1,2\n\n3\n4,5\n", ["line 4", "expected 2 cells", "received 1", "'3'"]),
        (b'a,b\n"x\ny",2\n3,4,5\n', ["line 4", "expected 2 cells", "received 3"]),
    ],
)
def test_a_ragged_row_is_found_by_its_line(tmp_path: Path, content: bytes, parts: list[str]) -> None:
    path = written(tmp_path, "t.csv", content)
    with pytest.raises(UserError) as caught:
        list(batches([path], "csv", CSV, None))
    for part in (str(path), *parts):
        assert part in caught.value.message


@pytest.mark.parametrize("keep", [0, 3, 200])
def test_a_parquet_file_cut_short_is_named(tmp_path: Path, keep: int) -> None:
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"a": list(range(100))}), whole)
    cut = written(tmp_path, "cut.parquet", whole.read_bytes()[:keep])
    for read in (lambda: header(cut, "parquet", CSV), lambda: list(batches([cut], "parquet", CSV, None))):
        with pytest.raises(UserError) as caught:
            read()
        assert str(cut) in caught.value.message
        assert caught.value.hint


def test_a_parquet_file_with_a_broken_page_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [str(i) * 20 for i in range(1000)]}), path)
    content = bytearray(path.read_bytes())
    content[100:400] = b"\xff" * 300
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a complete Parquet file"):
        list(batches([path], "parquet", CSV, None))
