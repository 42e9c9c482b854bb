"""Spreadsheets: what their cells become, and what is refused. Needs openpyxl, which the development lock has."""

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.example_gen.block import BadRow
from components.example_gen.formats.xlsx import XlsxReader
from preprocessing.errors import UserError

openpyxl = pytest.importorskip("openpyxl", reason="the extra xlsx (openpyxl) is not installed")

DAY = dt.datetime(2020, 1, 2)
HEADER = ["n", "x", "when", "ok", "text", None, 2019]


def written(folder: Path, rows: list[list[Any]], name: str = "t.xlsx", **others: list[list[Any]]) -> str:
    book = openpyxl.Workbook()
    for title, content in {"table": rows, **others}.items():
        sheet = book.active if title == "table" else book.create_sheet(title)
        sheet.title = title
        for row in content:
            sheet.append(row)
    book.save(folder / name)
    return str(folder / name)


def read(
    file: str, sheet: str | None = None, types: Any = None
) -> tuple[dict[str, list[Any]], list[int], list[BadRow]]:
    reader = XlsxReader(sheet, 1 << 20)
    (block,) = reader.plan(file)
    columns: dict[str, list[Any]] = {}
    places: list[int] = []
    bad: list[BadRow] = []
    for rows in reader.read(block, types):
        for name, column in zip(rows.batch.schema.names, rows.batch.columns, strict=True):
            columns.setdefault(name, []).extend(column.to_pylist())
        places += rows.places.tolist()
        bad += rows.bad
    return columns, places, bad


def test_cells_have_their_types_and_blank_ones_are_missing(tmp_path: Path) -> None:
    rows = [
        [], HEADER,
        [1, 1.5, DAY, True, "a", "left", 7],
        [],
        [2, 2, DAY.date(), False, " ", None, None],
        [None, None, None, None, "c ", None, 8],
        [], ["  "],
    ]  # fmt: skip
    file = written(tmp_path, rows)
    assert XlsxReader(None, 1).columns(file) == ["n", "x", "when", "ok", "text", "", "2019"]
    columns, places, bad = read(file)
    assert columns == {
        "n": [1, 2, None],
        "x": [1.5, 2.0, None],
        "when": [DAY, DAY, None],
        "ok": [True, False, None],
        "text": ["a", None, "c "],
        "": ["left", None, None],
        "2019": [7, None, 8],
    }
    assert (places, bad) == ([3, 5, 6], [])
    assert read(file, types={"2019": "int64", "n": "string"})[0] == {"2019": [7, None, 8], "n": ["1", "2", None]}


def test_other_kinds_of_cells(tmp_path: Path) -> None:
    rows = [["mixed", "days", "time"], ["a", DAY, dt.time(10, 30)], [1, "later", dt.time(0, 5)], [2.0, None, None]]
    assert read(written(tmp_path, rows))[0] == {
        "mixed": ["a", "1", "2"],
        "days": ["2020-01-02", "later", None],
        "time": ["10:30:00", "00:05:00", None],
    }


def test_an_error_is_a_value_that_somebody_has_to_look_at_and_not_available_is_missing(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["a", "b"], ["#N/A", 1], ["#DIV/0!", 2]):
        book.active.append(row)
    assert [cell.data_type for cell in book.active["A"]] == ["s", "e", "e"]
    book.save(tmp_path / "t.xlsx")
    assert read(str(tmp_path / "t.xlsx"))[0] == {"a": [None, "#DIV/0!"], "b": [1, 2]}


def test_many_rows_come_in_pieces(tmp_path: Path) -> None:
    file = written(tmp_path, [["a"], *([number] for number in range(9_000))])
    (block,) = XlsxReader(None, 1).plan(file)
    pieces = [rows.batch.num_rows for rows in XlsxReader(None, 1).read(block)]
    assert pieces == [8192, 808]
    assert read(file)[1] == list(range(2, 9_002))


def test_a_value_beyond_the_header_is_a_bad_row(tmp_path: Path) -> None:
    columns, places, (bad,) = read(written(tmp_path, [["a", "b"], [1, 2], [3, 4, None, "x"], [5, 6]]))
    assert (columns, places) == ({"a": [1, 5], "b": [2, 6]}, [2, 4])
    assert (bad.place, bad.text) == (3, b"3,4,,x")
    assert "'x' stands in column 4, and the header has 2 columns" in bad.reason


def test_a_sheet_by_its_name(tmp_path: Path) -> None:
    file = written(tmp_path, [["a"], [1]], other=[["b"], [2]])
    assert read(file)[0] == {"a": [1]}
    assert read(file, "other")[0] == {"b": [2]}
    with pytest.raises(UserError, match="no sheet 'no'; it has 'table', 'other'") as caught:
        read(file, "no")
    assert caught.value.field == ("data", "sheet")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the sheet is empty"),
        ([["a", "b", "a"], [1, 2, 3]], "duplicate column 'a'"),
        ([["A report"], [], ["a", "b", "c"], [1, 2, 3]], "'A report' stands alone above rows of several cells"),
        ([["a", "b"], [1, "=A2*2"]], "row 2: the formula in column 2 has no stored value"),
    ],
)
def test_a_sheet_that_is_no_table(tmp_path: Path, rows: list[list[Any]], message: str) -> None:
    file = written(tmp_path, rows)
    with pytest.raises(UserError, match=message) as caught:
        (XlsxReader(None, 1).columns(file), read(file))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"a,b\n1,2\n", "not a complete spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a spreadsheet of the old kind"),
        (None, "not a complete spreadsheet"),
    ],
)
def test_a_file_that_is_no_workbook(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = Path(written(tmp_path, [["a"], [1]]))
    file.write_bytes(file.read_bytes()[:3000] if content is None else content)
    with pytest.raises(UserError, match=message):
        read(str(file))


def test_without_openpyxl_the_next_step_is_to_install_it(tmp_path: Path) -> None:
    file = written(tmp_path, [["a"], [1]])
    code = (
        "import sys; sys.modules['openpyxl'] = None\n"
        "from components.example_gen.formats.xlsx import XlsxReader\n"
        "from preprocessing.errors import UserError\n"
        f"try: XlsxReader(None, 1).columns({file!r})\n"
        "except UserError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "read by openpyxl, which is not installed" in done.stdout
    assert "pip install 'lockgate[xlsx]'" in done.stdout
