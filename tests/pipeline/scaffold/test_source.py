"""`lockgate init`: how it finds out how a table is read, and what the command line says of it."""

import gzip
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.example_gen.config import CsvOptions
from pipeline.config.loader import load
from pipeline.preflight.table_check import check_table
from pipeline.preflight.validate import problems
from pipeline.scaffold import propose, write
from pipeline.scaffold.given import Given, as_options
from pipeline.scaffold.headerless import has_header
from pipeline.scaffold.sniff import sniff
from preprocessing.errors import UserError

_RANDOM = random.Random(7)  # noqa: S311
ROWS = [
    {"age": _RANDOM.randrange(20, 70), "dose": round(_RANDOM.random(), 3), "city": _RANDOM.choice(["Ulm", "Bern"])}
    for _ in range(80)
]
for _row in ROWS:
    _row["sick"] = _RANDOM.choice(["yes", "no"])
BODY = "".join(f"{row['age']},{row['dose']},{row['city']},{row['sick']}\n" for row in ROWS)
CSV = "age,dose,city,sick\n" + BODY


def in_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "t.zip", "w") as archive:
        archive.writestr("in/t.csv", CSV)
        archive.writestr("__MACOSX/._t.csv", "x")
    return folder / "t.zip"


def in_hive(folder: Path) -> Path:
    for city in ("Ulm", "Bern"):
        (folder / "t" / f"city={city}").mkdir(parents=True)
        rows = [{name: value for name, value in row.items() if name != "city"} for row in ROWS if row["city"] == city]
        pq.write_table(pa.Table.from_pylist(rows), folder / "t" / f"city={city}" / "a.parquet")
    return folder / "t"


def in_nameless_parts(folder: Path) -> Path:
    (folder / "parts").mkdir()
    for name, rows in (("part-00000", ROWS[:30]), ("part-00001", ROWS[30:])):
        pq.write_table(pa.Table.from_pylist(rows), folder / "parts" / name)
    (folder / "parts" / "_SUCCESS").touch()
    return folder / "parts"


def as_parquet_called_csv(folder: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "t.csv")
    return folder / "t.csv"


def text(name: str, content: str, encoding: str = "utf-8") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content.encode(encoding))
        return folder / name

    return make


BLANKS = CSV.replace(",", "  ")
READ: dict[str, tuple[Callable[[Path], Path], dict[str, Any], dict[str, Any]]] = {
    "hive": (in_hive, {}, {}),
    "zip": (in_zip, {"format": "csv"}, {}),
    "array": (text("t.json", json.dumps(ROWS, indent=1)), {}, {}),
    "lines": (text("t.json", "\n".join(map(json.dumps, ROWS))), {}, {}),
    "json called data": (text("t.data", json.dumps(ROWS)), {"format": "jsonl"}, {}),
    "parquet called csv": (as_parquet_called_csv, {"format": "parquet"}, {}),
    "parquet parts without endings": (in_nameless_parts, {"format": "parquet"}, {}),
    "csv called dat": (text("t.dat", CSV), {"format": "csv"}, {}),
    "sep": (text("t.csv", "sep=;\n" + CSV.replace(",", ";")), {}, {"delimiter": ";", "skip_lines": 1}),
    "sep of tabs": (text("t.csv", "sep=\t\n" + CSV.replace(",", "\t")), {}, {"delimiter": "\t", "skip_lines": 1}),
    "title": (text("t.csv", f"Patients\n\n# as of today\n{CSV}"), {}, {"skip_lines": 3}),
    "padded title": (text("t.csv", f"Patients,,,\n{CSV}"), {}, {"skip_lines": 1}),
    "wide title": (text("t.csv", f"Patients,2020\n{CSV}"), {}, {"skip_lines": 1}),
    "blanks": (text("t.txt", BLANKS), {}, {"delimiter": "blanks"}),
    "utf-16 without a mark": (text("t.csv", CSV, "utf-16-le"), {}, {"encoding": "utf-16-le"}),
    "utf-16": (text("t.csv", CSV, "utf-16"), {}, {"encoding": "utf-16"}),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_in_no_doubt_is_read_and_a_run_reads_it_alike(tmp_path: Path, case: str) -> None:
    make, data, csv = READ[case]
    proposal = propose(make(tmp_path), "sick", name="t")
    loaded = load(write(proposal, tmp_path / "made"))
    assert problems(loaded) == []
    facts = check_table(loaded.config, loaded.base)
    assert facts is not None
    assert dict(facts.types) == {"age": "int64", "dose": "double", "city": "string", "sick": "string"}
    assert proposal.survey.rows == len(ROWS)
    assert proposal.survey.columns["city"].counts["Ulm"] == sum(row["city"] == "Ulm" for row in ROWS)
    assert {key: getattr(loaded.config.data, key) for key in data} == data
    assert loaded.config.data.csv.model_dump(exclude_defaults=True) == csv


def test_columns_that_not_every_file_has_are_left_out_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.csv").write_text(CSV)
    (folder / "b.csv").write_text("".join(line.partition(",")[2] + "\n" for line in CSV.splitlines()))
    first = CSV.partition(",")[0]
    proposal = propose(folder, "sick", name="t")
    assert f"{first!r} is left out: parts/b.csv has no such column (was it renamed?)" in proposal.notes
    loaded = load(write(proposal, tmp_path / "made"))
    assert problems(loaded) == []
    facts = check_table(loaded.config, loaded.base)
    assert facts is not None
    assert first not in facts.types
    assert proposal.survey.rows == 2 * len(ROWS)


def test_without_a_header_the_columns_are_named_by_their_position(tmp_path: Path) -> None:
    table = text("t.csv", BODY)(tmp_path)
    with pytest.raises(UserError, match="the first line reads like a row") as caught:
        propose(table, "sick", name="t")
    assert "--label column_4" in caught.value.hint
    loaded = load(write(propose(table, "column_4", name="t"), tmp_path / "made"))
    assert loaded.config.data.csv.header is False
    assert loaded.config.features.label.classes == ("no", "yes")
    assert problems(loaded) == []
    facts = check_table(loaded.config, loaded.base)
    assert facts is not None
    assert list(facts.types) == ["column_1", "column_2", "column_3", "column_4"]


def test_a_label_that_is_not_there_where_the_first_line_may_be_a_row(tmp_path: Path) -> None:
    table = text("t.csv", "10,x\n20,y\n30,z\n40,v\n50,w\n")(tmp_path)
    with pytest.raises(UserError, match="no column 'y'; the first line has '10', 'x'") as caught:
        propose(table, "y", name="t")
    assert "--no-header" in caught.value.hint
    assert "--label column_2" in caught.value.hint


@pytest.mark.parametrize(
    ("first", "body", "label", "expected"),
    [
        # No doubt that it is a header.
        ("a,b", ["1,x", "2,y", "3,x", "4,y"], None, True),
        ("1e3,dose,class", ["1,2e5,p", "2,1e3,q", "3,2e5,p", "4,1e3,q"], None, True),
        ("0,1,2", ["5,6.5,x", "6,7.5,y", "7,8.5,x", "8,9.5,y"], None, True),
        ("2018,2019,2020", ["1.5,2.5,3", "3,4,5", "5,6,7", "7,8,9"], None, True),
        ("country,2019", ["DE,1", "FR,2", "DE,3", "FR,4"], None, True),
        ("p,q", ["x,y", "y,x", "x,x", "y,y"], None, True),
        ("1,y", ["1,n", "1,y", "2,n", "2,y"], "y", True),
        ("5.1,3.5", ["4,3"], None, True),  # too few rows to tell
        # No doubt that it is a row.
        ("5.1,3.5,setosa", ["4.9,3.0,setosa", "4.7,3.2,rosa", "4.6,3.1,setosa", "5.0,3.6,rosa"], None, False),
        ("53.1,south,0,0", ["39.2,south,4,0", "42.3,west,0,0", "1,east,1,1", "2,west,3,0"], None, False),
        ("p,x,s", ["e,x,s", "p,b,y", "e,x,y", "p,b,s"], None, False),
        ('1,0,3,"Braund, Mr"', ["2,1,1,Ann", "3,1,3,Bo", "4,0,3,Cy", "1,0,1,Di"], None, False),
        ("NA,0.5", ["1,0.25", "2,0.75", "3,1", "4,0"], None, False),
        ("10,x", ["20,y", "30,z", "40,v", "50,w"], "column_2", False),
        # Doubt.
        ("10,x", ["20,y", "30,z", "40,v", "50,w"], None, None),
    ],
)
def test_whether_the_first_line_is_a_header(
    first: str, body: list[str], label: str | None, expected: bool | None
) -> None:
    rows = [line.replace('"Braund, Mr"', "Braund").split(",") for line in [first, *body]]
    assert has_header(rows, label) is expected


CARS = """\
18.0   8   307.0\t"a b"
15.0   8   350.0\t"c d"
16.0   4   150.5\t"e"
18.0   8   307.0\t"e"
15.0   8   350.0\t"e"
"""


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a;b\n1,5;2\n2,5;3\n", {"delimiter": ";"}),
        ("a\tb\nx y\t1\nz w\t2\nu v\t3\n", {"delimiter": "\t"}),
        ("name\nJohn Smith\nMary Jones\n", {}),
        (CARS, {"delimiter": "blanks", "header": False}),
        # R leaves the name of the row names out: its header is no title.
        ("x y z\n" + "".join(f"{i} 2 3 4\n" for i in range(12)), {"delimiter": "blanks"}),
        ("#id,b,c\n1,2,3\n2,3,4\n", {}),
        ("'a'\t'b'\n1\t2\n2\t3\n", {"delimiter": "\t", "quote": "'"}),
        ("Cars\n'a','b','c'\n1,'x, y',2\n2,'z',3\n", {"quote": "'", "skip_lines": 1}),
        ("a,b\n'x',1\n'y',2\n", {}),
        ("'tis,b'\n1,2\n3,4\n", {}),
    ],
)  # fmt: skip
def test_what_the_first_lines_say(tmp_path: Path, content: str, options: dict[str, Any]) -> None:
    assert sniff(text("t.csv", content)(tmp_path)) == CsvOptions(**options)


def test_what_is_given_wins_and_is_written_down(tmp_path: Path) -> None:
    rows = "".join(f"{i * 7 % 50}|{i % 9}|{'pq'[i * i % 7 % 2]}\n" for i in range(60))
    table = text("t.data", f"title|of|it\nx|z|y\n{rows}".replace("z", "ä"), "cp1252")(tmp_path)
    given = Given(format="csv", encoding="cp1252", delimiter="|", header=True, skip_lines=1)
    loaded = load(write(propose(table, "y", name="t", given=given), tmp_path / "made"))
    assert loaded.config.data.format == "csv"
    assert loaded.config.data.csv == CsvOptions(encoding="cp1252", delimiter="|", skip_lines=1)
    assert problems(loaded) == []
    headerless = propose(table, "column_3", name="t", given=Given(header=False, skip_lines=2)).survey
    assert (headerless.data.csv.header, list(headerless.columns)) == (False, ["column_1", "column_2", "column_3"])


@pytest.mark.parametrize(
    ("values", "decimal", "options"),
    [
        # Every comma has three digits behind it: thousands, unless somebody knows better.
        (["1,234", "2,345", "13,456"], None, {"thousands": ","}),
        (["1,234", "2,345", "13,456"], ",", {"decimal": ","}),
        (["1,234", "2,345", "13,456"], ".", {"thousands": ","}),
        (["1.234", "2.345", "13.456"], None, {}),
        (["1.234", "2.345", "13.456"], ",", {"decimal": ",", "thousands": "."}),
        (["1.234", "2.345", "13.456"], ".", {}),
        (["12.5", "7.25", "3"], ",", {}),  # these have a decimal point, whatever is said
        (["12", "7", "3"], ",", {}),
    ],
)
def test_a_decimal_mark_that_is_given(
    tmp_path: Path, values: list[str], decimal: str | None, options: dict[str, str]
) -> None:
    rows = "".join(f"{values[i * i % 7 % 3]}\t{i * 7 % 50}\t{'pq'[i * i % 11 % 2]}\n" for i in range(60))
    proposal = propose(text("t.csv", f"x\tz\ty\n{rows}")(tmp_path), "y", name="t", given=Given(decimal=decimal))
    loaded = load(write(proposal, tmp_path / "made"))
    columns = {name: each.model_dump(exclude_defaults=True) for name, each in loaded.config.data.columns.items()}
    assert columns == ({"x": options} if options else {})
    assert problems(loaded) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Given(sheet="a"), "--sheet is for xlsx, and the files are csv"),
        (Given(format="jsonl", delimiter=";"), "--delimiter is for csv, and the files are jsonl"),
        (Given(format="jsonl", header=False), "--no-header is for csv"),
    ],
)
def test_an_option_of_another_format_is_refused(tmp_path: Path, given: Given, message: str) -> None:
    with pytest.raises(UserError, match=message):
        propose(text("t.csv", CSV)(tmp_path), "sick", name="t", given=given)


def test_gzip_called_csv_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(gzip.compress(CSV.encode()))
    with pytest.raises(UserError, match="this is gzip data, not CSV") as caught:
        propose(tmp_path / "t.csv", "sick", name="t")
    assert "ends in .gz" in caught.value.hint


def test_a_folder_without_a_table_says_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with pytest.raises(UserError, match="it has the folders deep") as caught:
        propose(tmp_path, "sick", name="t")
    assert "/*/*.csv" in caught.value.hint
    text("part-0", CSV)(tmp_path)
    with pytest.raises(UserError, match="whose name says its format: part-0") as caught:
        propose(tmp_path, "sick", name="t")
    assert "data.format" in caught.value.hint
    assert propose(tmp_path, "sick", name="t", given=Given(format="csv")).survey.rows == len(ROWS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a spreadsheet of the old kind"),
        ("t.data", gzip.compress(b"a,b\n1,2\n", mtime=0), "this is gzip data"),
        ("t.tab", b"<!DOCTYPE html><html></html>", "this is a web page"),
        ("t.csv", bytes(range(256)) * 2, "this is neither text nor a format that can be read"),
    ],
)
def test_what_can_not_be_read_is_said(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        propose(tmp_path / name, "sick", name="t")
    assert caught.value.hint


def test_a_label_that_the_guessed_encoding_does_not_show(tmp_path: Path) -> None:
    """Japanese text can't be told from latin-1."""
    rows = "".join(f"{i},{i % 7},{'はい' if i % 3 else 'いいえ'}\n" for i in range(60))
    (tmp_path / "t.csv").write_bytes(f"身長,回数,購入\n{rows}".encode("shift_jis"))
    with pytest.raises(UserError, match="the file is not UTF-8, and read as latin-1 the line has ") as caught:
        propose(tmp_path / "t.csv", "購入", name="t")
    assert "--encoding" in caught.value.hint
    found = propose(tmp_path / "t.csv", "購入", name="t", given=Given(encoding="shift_jis"))
    assert set(found.label.classes or ()) == {"いいえ", "はい"}


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("set data.format to csv, or x", "give --format csv, or x"),
        ("set data.format if this is not a CSV file", "give --format if this is not a CSV file"),
        ("set data.csv.encoding to utf-16 if so", "give --encoding utf-16 if so"),
        ("set data.csv.skip_lines to 1 and data.csv.delimiter to ';'", "give --skip-lines 1 and --delimiter ';'"),
        ("if it has no header, set data.csv.header to false", "if it has no header, give --no-header"),
        ("set data.sheet to one of them", "give --sheet one of them"),
        ("write the file again", "write the file again"),
    ],
)
def test_next_steps_name_options(hint: str, expected: str) -> None:
    assert as_options(hint) == expected
