"""The preflight: each kind of bad table, and what it says."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from support.table_cases import GOOD, check, check_parquet, config, refused, with_line

from pipeline.table_check import check_table, stock_pattern
from preprocessing.errors import UserError


def test_a_good_table_is_read_as_it_is(tmp_path: Path) -> None:
    facts = check(tmp_path)
    assert facts.reasons == ()
    assert facts.rows == {"all": 20}
    assert facts.class_counts == {"all": {"yes": 10, "no": 10}}
    assert facts.missing_labels == {"all": 0}
    assert facts.types == {"a": "int64", "b": "double", "c": "string", "y": "string"}
    assert facts.patterns == {"all": str(tmp_path / "t.csv")}
    assert facts.warnings == ()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["the file is empty"]),
        ("a,b,c,y\n", ["no rows"]),
        (with_line(5, "1,2,3"), ["line 5", "expected 4 cells", "received 3"]),
        (GOOD.replace(",", ";"), ["data.csv.delimiter to ';'"]),
        (GOOD.replace("a,b,c", "a,b,b"), ["duplicate column 'b'"]),
        (with_line(7, '1,2,"k,yes'), ["line 7", "unbalanced quotation marks"]),
        (with_line(9, "1,2,é,yes").encode("latin-1"), ["line 9", "data.csv.encoding"]),
        (with_line(9, "1,2,k\0,yes"), ["line 9", "NUL"]),
        (GOOD.replace("c,y\n", "c,target\n"), ["label column 'y' is not in the table", "'target'"]),
        (GOOD.replace("a,b", "A,b"), ["feature 'a' is not in the table"]),
        (GOOD.replace("yes", "no"), ["label 'y' is 'no' in every row"]),
        (with_line(4, "1,2,k,maybe"), ["has 3 values", "'maybe'"]),
        (with_line(6, "1,2.5 kg,k,yes"), ["line 6", "column 'b'", "expected a number", "'2.5 kg'"]),
        (with_line(6, "1_000,2,k,yes"), ["line 6", "column 'a'", "'1_000'"]),
        ("a,b,c,y\n1,2,k,yes\n1,2,k,no\n", ["at least 10 rows", "received 2"]),
        ("a,b,c,y\n" + "1,,k,yes\n2,NA,k,no\n" * 9, ["column 'b' is empty everywhere"]),
        ("a,b,c,y\n" + "1,2,k,\n" * 20, ["column 'y' is empty everywhere"]),
    ],
)
def test_bad_tables(tmp_path: Path, content: str | bytes, parts: list[str]) -> None:
    refused(tmp_path, content, "t.csv" if "has 3 values" not in parts else "y", *parts)


def test_a_missing_file_names_the_script_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_table(config({"path": "none.csv", "prepare": "prepare.py"}), tmp_path)
    assert "none.csv: no such file" in caught.value.message
    assert str(tmp_path / "prepare.py") in caught.value.hint


def test_a_byte_order_mark_is_accepted_and_a_reason_for_a_copy(tmp_path: Path) -> None:
    facts = check(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())
    assert list(facts.types) == ["a", "b", "c", "y"]
    assert "byte order mark" in facts.reasons[0]


class TestSplits:
    def splits(self, folder: Path, **contents: str) -> dict[str, Any]:
        for split in ("train", "eval", "test"):
            (folder / f"{split}.csv").write_text(contents.get(split, GOOD))
        return {"inputs": {split: f"{split}.csv" for split in ("train", "eval", "test")}}

    def test_good_splits(self, tmp_path: Path) -> None:
        facts = check_table(config(self.splits(tmp_path)), tmp_path)
        assert facts.rows == {"train": 20, "eval": 20, "test": 20}
        assert facts.reasons == ()

    @pytest.mark.parametrize(
        ("content", "parts"),
        [
            ("a,b,c,y\n", ["eval.csv", "the eval split has a header but no rows"]),
            (GOOD.replace("yes", "no"), ["eval.csv", "'no' in every row of the eval split"]),
            ("a,b,c,y\n" + "1,2,k,\n" * 20, ["eval.csv", "'y' is empty in the eval split"]),
            (GOOD.replace("a,b,c", "a,c,d"), ["eval.csv", "lacks 'b'", "also has 'd'", "train.csv"]),
        ],
    )
    def test_bad_splits(self, tmp_path: Path, content: str, parts: list[str]) -> None:
        with pytest.raises(UserError) as caught:
            check_table(config(self.splits(tmp_path, eval=content)), tmp_path)
        for part in parts:
            assert part in caught.value.message

    def test_a_column_that_tfx_would_read_differently_in_each_split(self, tmp_path: Path) -> None:
        halves = GOOD.replace("\n1,0.5", "\n1.5,0.5")
        facts = check_table(config(self.splits(tmp_path, eval=halves)), tmp_path)
        assert facts.reasons == ("column 'a': TFX would read another type in each split",)
        assert facts.types["a"] == "double"


class TestFiles:
    def files(self, folder: Path, **contents: str) -> dict[str, Any]:
        (folder / "d").mkdir()
        for name, content in contents.items():
            (folder / "d" / f"{name}.csv").write_text(content)
        return {"path": "d"}

    def test_text_in_one_file_and_numbers_in_another(self, tmp_path: Path) -> None:
        data = self.files(tmp_path, one=GOOD, two=GOOD.replace("\n3,1.5", "\nthree,1.5"))
        with pytest.raises(UserError, match="text in one file and a number in another") as caught:
            check_table(config(data), tmp_path)
        for part in ("two.csv, line 4: 'three'", "one.csv"):
            assert part in caught.value.message

    def test_categories_too_unless_they_are_mixed(self, tmp_path: Path) -> None:
        codes = GOOD.replace(",k", ",")
        data = self.files(tmp_path, one=GOOD, two=codes)
        with pytest.raises(UserError, match=r"one\.csv, line 2: 'k1'"):
            check_table(config(data), tmp_path)
        (tmp_path / "d" / "one.csv").write_text(GOOD.replace(",k1", ",7"))
        assert check_table(config(data), tmp_path).types["c"] == "string"

    def test_a_schema_says_that_both_are_text(self, tmp_path: Path) -> None:
        data = self.files(tmp_path, one=GOOD, two=GOOD.replace(",k", ","))
        (tmp_path / "s.pbtxt").write_text('feature { name: "c" type: BYTES }')
        assert check_table(config({**data, "schema": "s.pbtxt"}), tmp_path).types["c"] == "string"

    def test_another_order_of_columns_is_a_reason_for_a_copy(self, tmp_path: Path) -> None:
        swapped = "\n".join(",".join([*line.split(",")[1::-1], *line.split(",")[2:]]) for line in GOOD.splitlines())
        facts = check_table(config(self.files(tmp_path, one=GOOD, two=swapped + "\n")), tmp_path)
        assert facts.reasons == ("two.csv: the columns stand in another order than in one.csv",)
        assert facts.rows == {"all": 40}

    def test_a_pattern_matches_the_files_and_no_others(self, tmp_path: Path) -> None:
        data = self.files(tmp_path, one=GOOD, two=GOOD)
        assert check_table(config(data), tmp_path).patterns == {"all": str(tmp_path / "d" / "*.csv")}
        (tmp_path / "d" / "_old.csv").write_text(GOOD)
        facts = check_table(config(data), tmp_path)
        assert facts.patterns == {"all": None}
        assert "no single pattern" in facts.reasons[0]

    def test_a_name_that_is_a_pattern_has_none(self, tmp_path: Path) -> None:
        assert stock_pattern([tmp_path / "a[1].csv"]) is None


@pytest.mark.parametrize(
    ("content", "csv", "features", "reason"),
    [
        (GOOD.replace(",", ";"), {"delimiter": ";"}, {}, "the delimiter is ';'"),
        (GOOD, {"encoding": "latin-1"}, {}, "the encoding is latin-1"),
        (GOOD.replace("a,b,c,y", '"a",b,c,y'), {}, {}, "header that TFX misreads"),
        ("\n".join("," + line for line in GOOD.splitlines()), {}, {}, "header that TFX misreads"),
        (with_line(3, "NA,2,k,yes"), {}, {}, "column 'a': words that mean missing"),
        (with_line(3, "2,2,?,yes"), {}, {}, "column 'c': words that mean missing"),
        (GOOD.replace(",k", ",00"), {}, {}, "column 'c': TFX would read int, it is to be string"),
        (GOOD.replace(",k1", ",1.0").replace(",k", ","), {}, {}, "column 'c': TFX would read float"),
        (with_line(3, "99999999999999999999,2,k,yes"), {}, {}, "column 'a': TFX would read string"),
        (with_line(3, '2,2,5" k,yes'), {}, {}, "quotation marks or line ends that TFX misreads"),
        (GOOD.replace("\n", "\r"), {}, {}, "quotation marks or line ends that TFX misreads"),
        (
            GOOD.replace(",k", ",2024013"),
            {},
            {"categorical": None, "datetime": [{"columns": ["c"], "format": "%Y%m%d"}]},
            "column 'c': TFX would read int, it is to be string",
        ),
        ("z," + GOOD.replace("\n", "\n,").rstrip(","), {}, {}, "column 'z' is left out: it is empty everywhere"),
    ],
)
def test_what_tfx_would_misread(tmp_path: Path, content: str, csv: dict[str, str], features: Any, reason: str) -> None:
    facts = check(tmp_path, content, data={"path": "t.csv", "csv": csv}, **features)
    assert any(reason in given for given in facts.reasons)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n1,", "\n+1,"),
        with_line(3, ",,,yes"),
        with_line(3, '2,2,"k, with ""quotes"" and\na line",yes'),
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip("\n"),
    ],
)
def test_what_tfx_reads_well_is_not_copied(tmp_path: Path, content: str) -> None:
    assert check(tmp_path, content).reasons == ()


def test_words_in_a_column_that_nobody_uses_do_not_matter(tmp_path: Path) -> None:
    content = with_line(3, "NA,2,k,yes")
    assert check(tmp_path, content, numeric=[{"columns": ["b"]}]).reasons == ()


def test_the_types_of_a_schema_win(tmp_path: Path) -> None:
    (tmp_path / "s.pbtxt").write_text('feature { name: "a" type: FLOAT } feature { name: "c" type: BYTES }')
    facts = check(tmp_path, GOOD, data={"path": "t.csv", "schema": "s.pbtxt"})
    assert facts.types["a"] == "double"
    assert facts.reasons == ("column 'a': TFX would read int, it is to be float",)


@pytest.mark.parametrize(
    ("schema", "parts"),
    [
        ('feature { name: "b" type: INT }', ["line 2", "data.schema says INT", "'0.5'"]),
        ('feature { name: "c" type: FLOAT }', ["line 2", "data.schema says that it holds numbers", "'k1'"]),
        ('feature { name: "a" type: BYTES }', ["data.schema says BYTES", "declared as a number"]),
        ('feature { name "a" }', ["s.pbtxt can't be read as a TFX schema"]),
    ],
)
def test_a_schema_that_the_table_contradicts(tmp_path: Path, schema: str, parts: list[str]) -> None:
    (tmp_path / "s.pbtxt").write_text(schema)
    refused(tmp_path, GOOD, *parts, data={"path": "t.csv", "schema": "s.pbtxt"})


class TestDatesAndBooleans:
    def test_no_date_in_the_declared_format(self, tmp_path: Path) -> None:
        content = GOOD.replace(",k", ",31/12/201")
        parts = ("line 2", "'31/12/2011'", "no value is in the declared format")
        refused(tmp_path, content, *parts, categorical=None, datetime=[{"columns": ["c"]}])

    def test_some_dates_are_not(self, tmp_path: Path) -> None:
        content = GOOD.replace(",k1", ",31/12/2011").replace(",k", ",2011-12-3")
        facts = check(tmp_path, content, categorical=None, datetime=[{"columns": ["c"]}])
        assert any("7 of 20 values are not in the declared format" in warning for warning in facts.warnings)

    def test_integers_count_the_time_since_1970(self, tmp_path: Path) -> None:
        facts = check(tmp_path, GOOD, numeric=[{"columns": ["b"]}], datetime=[{"columns": ["a"], "unit": "days"}])
        assert facts.types["a"] == "int64"
        assert facts.warnings == ()

    def test_booleans(self, tmp_path: Path) -> None:
        words = GOOD.replace(",k0", ",TRUE").replace(",k1", ",no").replace(",k2", ",maybe")
        facts = check(tmp_path, words, categorical=None, boolean=[{"columns": ["c"]}])
        assert any("7 of 20 values are not among true_values" in warning for warning in facts.warnings)
        refused(tmp_path, GOOD, "'k1'", "no value is among", categorical=None, boolean=[{"columns": ["c"]}])


class TestParquet:
    GROUPS: ClassVar[dict[str, Any]] = {"numeric": [{"columns": ["a"]}], "categorical": None}
    Y: ClassVar[list[str]] = ["p", "q"] * 10

    def test_plain_columns_are_read_as_they_are(self, tmp_path: Path) -> None:
        facts = check_parquet(tmp_path, {"a": pa.array([1.5] * 19 + [None]), "y": self.Y}, **self.GROUPS)
        assert facts.reasons == ()
        assert facts.types == {"a": "double", "y": "string"}

    def test_zeros_need_a_copy(self, tmp_path: Path) -> None:
        facts = check_parquet(tmp_path, {"a": [0.0, 1.0] * 10, "y": self.Y}, **self.GROUPS)
        assert facts.reasons == ("column 'a': 0, which TFX's Parquet reader takes for missing",)

    @pytest.mark.parametrize(
        ("values", "kind", "staged"),
        [
            ([True, False] * 10, None, "string"),
            ([dt.date(2024, 1, 2)] * 20, None, "string"),
            ([dt.datetime(2024, 1, 2, 3)] * 20, None, "string"),
            ([Decimal("1.50")] * 20, None, "double"),
            (["u", "v"] * 10, pa.dictionary(pa.int8(), pa.string()), "string"),
        ],
    )
    def test_other_types_need_a_copy(self, tmp_path: Path, values: list[Any], kind: Any, staged: str) -> None:
        facts = check_parquet(tmp_path, {"a": [1.5] * 20, "u": pa.array(values, kind), "y": self.Y}, **self.GROUPS)
        assert facts.types["u"] == staged
        assert "which TFX does not read" in facts.reasons[0]

    def test_nested_columns_are_left_out_unless_used(self, tmp_path: Path) -> None:
        table = {"a": [1.5] * 20, "u": [[1, 2]] * 20, "y": self.Y}
        facts = check_parquet(tmp_path, table, **self.GROUPS)
        assert "list" in facts.left_out["u"]
        assert "u" not in facts.types
        with pytest.raises(UserError, match="column 'u' is of type list"):
            check_parquet(tmp_path, table, numeric=[{"columns": ["a"]}], categorical=[{"columns": ["u"]}])

    def test_whole_floats_are_integer_categories(self, tmp_path: Path) -> None:
        table = {"a": pa.array([1.0, 2.0, None, 3.0] * 5), "y": [1.0, 2.0] * 10}
        facts = check_parquet(tmp_path, table, numeric=None, categorical=[{"columns": ["a"]}])
        assert facts.types == {"a": "int64", "y": "int64"}
        assert facts.class_counts == {"all": {"1": 10, "2": 10}}

    def test_a_nan_label_is_a_missing_one(self, tmp_path: Path) -> None:
        table = {"a": [1.5] * 20, "y": [float("nan"), *(float(i) for i in range(1, 20))]}
        facts = check_parquet(tmp_path, table, label={"column": "y", "task": "regression"}, **self.GROUPS)
        assert facts.missing_labels == {"all": 1}


def test_a_split_column_must_be_there_in_every_row(tmp_path: Path) -> None:
    data = {"path": "t.csv", "split_column": "c"}
    refused(tmp_path, with_line(5, "1,2,,yes"), "line 5", "data.split_column 'c' is missing", data=data)


def test_the_shipped_penguins_are_read_as_they_are() -> None:
    from pipeline.loader import load

    loaded = load(Path(__file__).parents[2] / "data" / "penguins" / "pipeline.yaml")
    facts = check_table(loaded.config, loaded.base)
    assert facts.reasons == ()
    assert sum(facts.class_counts["all"].values()) == 344
