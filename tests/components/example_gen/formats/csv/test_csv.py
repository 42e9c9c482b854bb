"""The CSV reader against Python's own, for every block size."""

import csv as csv_module
import gzip
import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.example_gen.block import Block
from components.example_gen.config import CsvOptions
from components.example_gen.formats.csv.reader import CsvReader

Row = tuple[int, tuple[str, ...]]
SIZES = (1, 7, 40, 1 << 20)
NASTY = st.text(st.sampled_from("ab0, ;\t|\"'\n\rüπ😀"), max_size=6)
IN_TMP = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_all(reader: CsvReader, file: str) -> tuple[list[Row], list[Row]]:
    """The good rows and the bad ones (their text as the only cell), each with its line."""
    good: list[Row] = []
    bad: list[Row] = []
    for block in reader.plan(file):
        for rows in reader.read(block):
            assert len(rows.places) == rows.batch.num_rows
            assert rows.places.dtype == np.int64
            cells = zip(*(column.to_pylist() for column in rows.batch.columns), strict=True)
            good += zip(rows.places.tolist(), cells, strict=True)
            bad += [(row.place, (row.text.decode("utf-8", "replace"),)) for row in rows.bad]
    return good, bad


def python_rows(text: str, csv: CsvOptions) -> list[Row]:
    """What Python's reader finds, with the line that each row begins on; blank lines left out."""
    reader = csv_module.reader(io.StringIO(text, newline=""), delimiter=csv.delimiter, quotechar=csv.quote)
    found, line = [], 1
    for row in reader:
        if row:
            found.append((line, tuple(row)))
        line = reader.line_num + 1
    return found


def opens_without_end(text: str, csv: CsvOptions) -> int | None:
    """Where the quoted text begins that does not end, one character at a time."""
    opened: int | None = None
    cell_begins, position = True, 0
    while position < len(text):
        mark = text[position] == csv.quote
        if opened is None:
            if mark and cell_begins:
                opened = position
            cell_begins = text[position] in (csv.delimiter, "\n", "\r")
        elif mark and text[position + 1 : position + 2] == csv.quote:
            position += 1
        elif mark:
            opened, cell_begins = None, False
        position += 1
    return opened


def assert_partition(blocks: Sequence[Block], content: bytes) -> None:
    assert [block.number for block in blocks] == list(range(len(blocks)))
    assert [block.end for block in blocks[:-1]] == [block.start for block in blocks[1:]]
    assert blocks[-1].end == len(content)
    for block in blocks:
        lines = len(io.StringIO(content[: block.start].decode(), newline="").readlines())
        assert block.first == lines + 1


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, CsvOptions]:
    """A table as Python writes it, with blank lines between its rows."""
    delimiter = draw(st.sampled_from(",;\t| "))
    quote = draw(st.sampled_from("\"'"))
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    columns = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(NASTY, min_size=columns, max_size=columns), max_size=12))
    out = io.StringIO(newline="")
    style: Literal[0, 1] = draw(st.sampled_from([csv_module.QUOTE_ALL, csv_module.QUOTE_MINIMAL]))
    writer = csv_module.writer(out, delimiter=delimiter, quotechar=quote, lineterminator=ends, quoting=style)
    writer.writerow([f"c{number}" for number in range(columns)])
    for row in rows:
        out.write(ends * draw(st.integers(0, 2)))
        writer.writerow(row)
    text = out.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(ends)
    return text, CsvOptions(delimiter=delimiter, quote=quote)


@IN_TMP
@given(table=tables(), bom=st.booleans())
def test_every_block_size_gives_the_rows_that_python_reads(
    tmp_path: Path, table: tuple[str, CsvOptions], bom: bool
) -> None:
    text, csv = table
    (_, names), *expected = python_rows(text, csv)
    content = b"\xef\xbb\xbf" * bom + text.encode()
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    for size in SIZES:
        reader = CsvReader(csv, size)
        assert reader.columns(str(file)) == list(names)
        good, bad = read_all(reader, str(file))
        assert good == [row for row in expected if len(row[1]) == len(names)]
        assert [place for place, _ in bad] == [line for line, row in expected if len(row) != len(names)]
        blocks = list(reader.plan(str(file)))
        if blocks:
            assert_partition(blocks, content)


@settings(IN_TMP, max_examples=200)
@given(body=st.text(st.sampled_from('"",\n\rxyé'), max_size=40))
def test_any_text_gives_the_rows_that_python_reads(tmp_path: Path, body: str) -> None:
    """Also quotation marks inside bare cells. One that is never closed costs its own line only."""
    csv = CsvOptions()
    text = "a,b\n" + body
    opened = opens_without_end(text, csv)
    if opened is None:
        expected = python_rows(text, csv)
        lost: list[int] = []
    else:
        rest = text[opened:].splitlines(keepends=True)
        head = text[: len(text) - sum(map(len, rest[1:]))]
        *before, (line, _) = python_rows(head, csv)
        offset = len(io.StringIO(head, newline="").readlines())
        expected = before + [(row[0] + offset, row[1]) for row in python_rows("".join(rest[1:]), csv)]
        lost = [line]
    file = tmp_path / "t.csv"
    file.write_bytes(text.encode())
    for size in SIZES:
        good, bad = read_all(CsvReader(csv, size), str(file))
        assert good == [row for row in expected[1:] if len(row[1]) == 2]
        assert [place for place, _ in bad] == sorted(lost + [row[0] for row in expected[1:] if len(row[1]) != 2])


@settings(IN_TMP, max_examples=50)
@given(table=tables(), encoding=st.sampled_from(["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "gb18030"]))
def test_encodings(tmp_path: Path, table: tuple[str, CsvOptions], encoding: str) -> None:
    text, csv = table
    text = text.replace("😀", "ÿ").replace("π", "£")
    (_, names), *expected = python_rows(text, csv)
    file = tmp_path / "t.csv"
    file.write_bytes(text.encode(encoding))
    for size in SIZES:
        reader = CsvReader(csv.model_copy(update={"encoding": encoding}), size)
        assert reader.columns(str(file)) == list(names)
        assert read_all(reader, str(file))[0] == [row for row in expected if len(row[1]) == len(names)]


@settings(IN_TMP, max_examples=30)
@given(table=tables(), ending=st.sampled_from([".gz", ".zst"]))
def test_packed_files_are_read_from_the_start(tmp_path: Path, table: tuple[str, CsvOptions], ending: str) -> None:
    text, csv = table
    (_, names), *expected = python_rows(text, csv)
    file = tmp_path / f"t.csv{ending}"
    file.write_bytes((gzip.compress if ending == ".gz" else zstandard.compress)(text.encode()))
    for size in SIZES:
        reader = CsvReader(csv, size)
        assert [(block.start, block.end) for block in reader.plan(str(file))] == [(0, -1)]
        assert read_all(reader, str(file))[0] == [row for row in expected if len(row[1]) == len(names)]


def written(folder: Path, content: bytes) -> str:
    file = folder / "t.csv"
    file.write_bytes(content)
    return str(file)


def typed_columns(file: str, types: dict[str, str], **options: object) -> pa.Table:
    reader = CsvReader(CsvOptions(**options), 1 << 20)  # type: ignore[arg-type]
    batches = [rows.batch for block in reader.plan(file) for rows in reader.read(block, types)]  # type: ignore[arg-type]
    return pa.Table.from_batches(batches)


def test_types_are_converted_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, b'i,unused,d,s\n-5,x,1.5,007\nNA,x,"?",\n0,x, 2 ,"n/a"\n9223372036854775807,x,1e3,yes\n')
    table = typed_columns(file, {"s": "string", "i": "int64", "d": "double"})
    assert table.schema == pa.schema([("s", pa.string()), ("i", pa.int64()), ("d", pa.float64())])
    assert table.to_pydict() == {
        "s": ["007", "", "n/a", "yes"],
        "i": [-5, None, 0, 2**63 - 1],
        "d": [1.5, None, 2.0, 1000.0],
    }


def test_empty_cells_are_missing_whatever_the_null_words_are(tmp_path: Path) -> None:
    table = typed_columns(written(tmp_path, b"i,s\n,\n1,NA\n"), {"i": "int64", "s": "string"}, null_values=("-",))
    assert table.to_pydict() == {"i": [None, 1], "s": ["", "NA"]}


@pytest.mark.parametrize("cell", ["x", "1.0", "007", "-01", "0x1F", "+5", "9223372036854775808", "00"])
def test_a_cell_that_is_no_plain_integer_leaves_all_as_it_stands(tmp_path: Path, cell: str) -> None:
    file = written(tmp_path, f"i,s,d\n1,NA,2\n{cell},,3\n".encode())
    table = typed_columns(file, {"i": "int64", "s": "string", "d": "double"})
    assert table.to_pydict() == {"i": ["1", cell], "s": ["NA", ""], "d": ["2", "3"]}


def test_a_cell_that_is_no_number_leaves_all_as_it_stands(tmp_path: Path) -> None:
    table = typed_columns(written(tmp_path, b"i,d\n1,x\n2,3\n"), {"d": "double"})
    assert table.to_pydict() == {"d": ["x", "3"]}


def test_no_rows_have_types_too(tmp_path: Path) -> None:
    file = written(tmp_path, b"i,s\n\n\r\n")
    reader = CsvReader(CsvOptions(), 1)
    (block, *_) = reader.plan(file)
    (rows,) = reader.read(block, {"i": "int64", "s": "string"})
    assert rows.batch.schema == pa.schema([("i", pa.int64()), ("s", pa.string())])
    assert list(CsvReader(CsvOptions(), 1).plan(written(tmp_path, b"i,s"))) == []


def test_a_reader_travels_to_a_worker() -> None:
    reader = CsvReader(CsvOptions(delimiter=";"), 5)
    assert pickle.loads(pickle.dumps(reader)) == reader  # noqa: S301 - what Beam does
