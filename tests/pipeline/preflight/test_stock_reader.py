"""`data.reader: tfx`: the files that TFX's readers are given, and what is refused because they would misread it."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from support.table_cases import GOOD, STOCK, check, config, refused, with_line

from components.example_gen.config import DataConfig
from pipeline.config.loader import load
from pipeline.config.problems import Problem
from pipeline.preflight.stock_reader import stock_input
from pipeline.preflight.validate import problems
from preprocessing.errors import UserError


def found(folder: Path, data: dict[str, Any] | None = None, **features: Any) -> list[Problem]:
    """What `lockgate validate` says of the table in a folder."""
    content = config({**STOCK, **(data or {})}, **features).model_dump(mode="json", by_alias=True, exclude_unset=True)
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return problems(load(folder / "pipeline.yaml", ()))


def only(folder: Path, data: dict[str, Any] | None = None, **features: Any) -> Problem:
    result = found(folder, data, **features)
    assert len(result) == 1, [str(problem) for problem in result]
    assert "data.reader: arrow" in result[0].hint
    return result[0]


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


# Which files


def given(folder: Path, **data: Any) -> dict[str, str]:
    settings = DataConfig.model_validate_json(json.dumps({"reader": "tfx", **data}))
    return dict(stock_input(settings, folder).patterns)


def test_a_pattern_matches_the_users_files_and_no_others(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        write(tmp_path / "d" / name, GOOD)
    write(tmp_path / "d" / "notes.md", "not a table")
    assert given(tmp_path, path="d/one.csv") == {"all": f"{tmp_path}/d/one.csv"}
    assert given(tmp_path, path="d") == {"all": f"{tmp_path}/d/*.csv"}
    assert given(tmp_path, path="*/*.csv") == {"all": f"{tmp_path}/*/*.csv"}
    inputs = {"train": "d/one.csv", "eval": "d/two.csv", "test": "d"}
    assert given(tmp_path, inputs=inputs) == {
        "train": f"{tmp_path}/d/one.csv",
        "eval": f"{tmp_path}/d/two.csv",
        "test": f"{tmp_path}/d/*.csv",
    }


@pytest.mark.parametrize("path", ["d", "d/year=*/*.csv"])
def test_columns_in_the_names_of_folders_are_refused(tmp_path: Path, path: str) -> None:
    for year in (2019, 2020):
        (tmp_path / "d").mkdir(exist_ok=True)
        write(tmp_path / f"d/year={year}" / "t.csv", GOOD)
    with pytest.raises(UserError, match="reader: tfx doesn't read the names of folders; year would be gone"):
        given(tmp_path, path=path)
    assert "year would be gone" in only(tmp_path, {"path": path}).message


def test_the_newest_span_is_given(tmp_path: Path) -> None:
    for span in ("1", "10", "9"):
        write(tmp_path / f"t{span}.csv", GOOD)
    assert given(tmp_path, path="t{SPAN}.csv") == {"all": f"{tmp_path}/t10.csv"}


def test_a_url_is_given_as_it_is() -> None:
    settings = DataConfig(path="gs://bucket/d/*.parquet", reader="tfx")
    given = stock_input(settings, Path())
    assert (given.format, given.patterns) == ("parquet", {"all": "gs://bucket/d/*.parquet"})
    with pytest.raises(UserError, match=r"gs://bucket/d: .*csv") as caught:
        stock_input(DataConfig(path="gs://bucket/d", reader="tfx"), Path())
    assert "data.format" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("d", ["one.csv", "two.csv", "_old.csv"]),
        ("d", ["one.csv", "two.csv", ".hidden.csv"]),
        ("d", ["one.csv", "two.txt"]),
        ("d/**/*.csv", ["one.csv", "two.csv"]),
        ("d/a[[]1].csv", ["a[1].csv"]),
        ("d", ["a[1].csv"]),
    ],
)
def test_files_that_no_pattern_matches_alone_are_refused(tmp_path: Path, path: str, files: list[str]) -> None:
    for name in files:
        write(tmp_path / "d" / name, GOOD)
    problem = only(tmp_path, {"path": path})
    assert problem.field == "data.path"
    assert "expected one that matches the table's files" in problem.message


def test_a_folder_whose_own_name_is_a_pattern_is_refused(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        write(tmp_path / "a[1]" / name, GOOD)
    for path in (".", "*.csv"):
        with pytest.raises(UserError, match="finds files by one pattern"):
            given(tmp_path / "a[1]", path=path)


# Headers


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("t.csv", b"\xef\xbb\xbf" + GOOD.encode(), ["t.csv", "byte order mark"]),
        ("t.csv", GOOD.replace("a,b,c,y", '"a",b,c,y'), ["expected the 4 columns 'a'", "received '\"a\"'"]),
        ("t.csv", "\n".join("," + line for line in GOOD.splitlines()), ["received '', 'a'"]),
        ("t.csv", GOOD.replace("\n", "\r"), ["splits the first line", "'y\\r1'"]),
    ],
)
def test_a_header_that_tfx_would_misread(tmp_path: Path, name: str, content: str | bytes, parts: list[str]) -> None:
    write(tmp_path / name, content)
    problem = only(tmp_path, {"path": name})
    assert problem.field == "data.path"
    for part in parts:
        assert part in problem.message


def test_a_packed_table(tmp_path: Path) -> None:
    import gzip

    write(tmp_path / "t.csv.gz", gzip.compress(GOOD.encode()))
    assert "compressed (.gz)" in only(tmp_path, {"path": "t.csv.gz"}).message
    assert found(tmp_path, {"path": "t.csv.gz", "reader": "arrow"}) == []


def test_columns_in_another_order(tmp_path: Path) -> None:
    swapped = "\n".join(",".join([*line.split(",")[1::-1], *line.split(",")[2:]]) for line in GOOD.splitlines())
    write(tmp_path / "d/one.csv", GOOD)
    write(tmp_path / "d/two.csv", swapped + "\n")
    problem = only(tmp_path, {"path": "d"})
    assert "two.csv" in problem.message
    assert "expected that of the first file, 'a', 'b', 'c', 'y', received 'b', 'a', 'c', 'y'" in problem.message
    inputs = {"train": "d/one.csv", "eval": "d/two.csv", "test": "d/two.csv"}
    assert found(tmp_path, {"path": None, "inputs": inputs}) == []


@pytest.mark.parametrize("field", [{"delimiter": ";"}, {"delimiter": "\t"}, {"encoding": "latin-1"}])
def test_csv_options_that_tfx_does_not_know(field: dict[str, str]) -> None:
    [name] = field
    with pytest.raises(ValueError, match=rf"csv\.{name}: reader: tfx .*received .*; use reader: arrow"):
        config({**STOCK, "csv": field})


def test_other_names_of_utf_8_are_read(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", GOOD)
    for encoding in ("UTF8", "ascii"):
        assert found(tmp_path, {"csv": {"encoding": encoding}}) == []


# First rows


@pytest.mark.parametrize(
    ("content", "features", "column", "message"),
    [
        (with_line(3, "NA,2,k,yes"), {}, "a", "row 2 holds a word for missing"),
        (with_line(3, "2,2,?,yes"), {}, "c", "row 2 holds a word for missing"),
        (with_line(3, "99999999999999999999,2,k,yes"), {}, "a", "takes row 2 for text"),
        (GOOD.replace(",k", ",00"), {}, "c", "reads row 1 as the integer 1"),
        (GOOD.replace(",k1", ",+7").replace(",k", ","), {}, "c", "reads row 1 as the integer 7"),
        (GOOD.replace(",k1", ",1.0").replace(",k", ","), {}, "c", "expected text or integers"),
        (
            GOOD.replace(",k", ",2024013"),
            {"categorical": None, "datetime": [{"columns": ["c"], "format": "%Y%m%d"}]},
            "c",
            "reads row 1 as an integer, which counts the time since 1970",
        ),
        (with_line(4, "1,2,k,"), {}, "y", "row 3 has no label"),
    ],
)
def test_cells_that_tfx_would_misread(tmp_path: Path, content: str, features: Any, column: str, message: str) -> None:
    write(tmp_path / "t.csv", content)
    problem = only(tmp_path, **features)
    assert message in problem.message
    assert repr(column) in problem.message
    assert found(tmp_path, {"reader": "arrow"}, **features) == []


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.rstrip("\n"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n1,", "\n+1,"),
        with_line(3, ",,,yes"),
        with_line(3, '2,2,"k, with ""quotes"" and\na line",yes'),
        GOOD.replace(",k", ","),
        with_line(3, "2,2,007,yes"),
    ],
)
def test_what_tfx_reads_well(tmp_path: Path, content: str) -> None:
    write(tmp_path / "t.csv", content)
    assert found(tmp_path) == []


def test_a_column_that_nobody_uses_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", with_line(3, "NA,2,k,yes"))
    assert found(tmp_path, numeric=[{"columns": ["b"]}]) == []


def test_a_row_without_a_label_is_refused_wherever_it_is(tmp_path: Path) -> None:
    content = GOOD + "1,2,k,yes\n1,2,k,no\n" * 1000 + "1,2,k,\n"
    write(tmp_path / "t.csv", content)
    assert found(tmp_path) == []
    refused(tmp_path, content, "1 rows have no label ('y')", data=STOCK)
    assert check(tmp_path, content).warnings == ("1 rows have no label ('y') and are left out",)


# Parquet


Y = ["p", "q"] * 10
NUMBERS = {"numeric": [{"columns": ["a"]}], "categorical": None}


def parquet(folder: Path, used: dict[str, Any] = NUMBERS, **columns: Any) -> list[Problem]:
    pq.write_table(pa.table({"a": pa.array([1.5] * 19 + [None]), "y": Y} | columns), folder / "t.parquet")
    return found(folder, {"path": "t.parquet"}, **used)


def test_plain_columns_are_read_well(tmp_path: Path) -> None:
    assert parquet(tmp_path, u=[0, 1] * 10) == []
    assert parquet(tmp_path, u=pa.array(["u", None] * 10, pa.dictionary(pa.int8(), pa.string()))) == []
    assert parquet(tmp_path, u=[[1, 2]] * 20, v=[b"x"] * 20, w=[None] * 20) == []


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([dt.date(2024, 1, 2)] * 20, "date32"),
        ([dt.datetime(2024, 1, 2, 3)] * 20, "timestamp"),
        ([Decimal("1.50")] * 20, "decimal128"),
        ([{"a": 1}] * 20, "struct"),
    ],
)
def test_a_type_that_tfx_does_not_read(tmp_path: Path, values: list[Any], kind: str) -> None:
    [problem] = parquet(tmp_path, u=values)
    assert f"column 'u' is of type {kind}" in problem.message
    assert "expected integers, floats or text" in problem.message


@pytest.mark.parametrize(
    ("used", "columns", "message"),
    [
        (NUMBERS, {"a": [1.0, 0.0] * 10}, "'a': row 2 is 0.0, which reader: tfx takes for missing"),
        (NUMBERS, {"y": [1, 0] * 10}, "'y': row 2 is 0, which reader: tfx takes for missing"),
        ({"boolean": [{"columns": ["f"]}]}, {"f": [True, False] * 10}, "'f': row 2 is False"),
        ({"categorical": [{"columns": ["f"]}]}, {"f": [1.5, 2.5] * 10}, "'f': expected text or integers"),
        (NUMBERS, {"y": [None, "q"] * 10}, "'y': row 1 has no label"),
    ],
)
def test_values_that_tfx_would_misread(tmp_path: Path, used: Any, columns: dict[str, Any], message: str) -> None:
    [problem] = parquet(tmp_path, {"numeric": None, "categorical": None} | used, **columns)
    assert message in problem.message


def test_a_column_of_several_types(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    pq.write_table(pa.table({"a": [1, 2] * 10, "y": Y}), tmp_path / "d/1.parquet")
    pq.write_table(pa.table({"a": [1.5, 2.5] * 10, "y": Y}), tmp_path / "d/2.parquet")
    problem = only(tmp_path, {"path": "d"}, **NUMBERS)
    assert "2.parquet: column 'a' holds floats and in" in problem.message


def test_the_shipped_penguins_are_read_as_they_are() -> None:
    loaded = load(Path(__file__).parents[3] / "data/penguins/pipeline.yaml", ("data.reader=tfx",))
    assert problems(loaded) == []
