"""The preflight: each kind of bad table, and what it says."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from support.table_cases import GOOD, STOCK, check, check_parquet, config, looked_at, profiled, refused, rows, with_line

from pipeline.preflight.table_check import check_table
from preprocessing.errors import UserError


def test_a_good_table_is_read_as_it_is(tmp_path: Path) -> None:
    facts = check(tmp_path)
    assert facts.types == {"a": "int64", "b": "double", "c": "string", "y": "string"}
    assert facts.warnings == ()
    table = profiled(config(), tmp_path)
    assert (table.rows("all"), [profile.file for profile in table.files]) == (20, [tmp_path / "t.csv"])
    assert (table.column("y").counts, table.column("y").missing) == ({"yes": 10, "no": 10}, 0)


@pytest.mark.parametrize("data", [None, STOCK], ids=["arrow", "tfx"])
@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["the file is empty"]),
        ("a,b,c,y\n", ["no rows"]),
        (with_line(5, "1,2,3"), ["line 5", "expected 4 cells", "received 3"]),
        (GOOD.replace(",", ";"), ["data.csv.delimiter to ';'"]),
        (GOOD.replace("a,b,c", "a,b,b"), ["duplicate column 'b'"]),
        (with_line(7, '1,2,"k,yes'), ["line 7", "quotation mark that opens on line 7 is never closed"]),
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
def test_bad_tables(tmp_path: Path, content: str | bytes, parts: list[str], data: dict[str, Any] | None) -> None:
    refused(tmp_path, content, "t.csv" if "has 3 values" not in parts else "y", *parts, data=data)


def test_a_missing_file_names_the_script_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_table(config({"path": "none.csv", "prepare": "prepare.py"}), tmp_path)
    assert "none.csv: no such file" in caught.value.message
    assert str(tmp_path / "prepare.py") in caught.value.hint


class TestSplits:
    def splits(self, folder: Path, **contents: str) -> dict[str, Any]:
        for split in ("train", "eval", "test"):
            (folder / f"{split}.csv").write_text(contents.get(split, GOOD))
        return {"inputs": {split: f"{split}.csv" for split in ("train", "eval", "test")}}

    def test_good_splits(self, tmp_path: Path) -> None:
        settings = config(self.splits(tmp_path))
        assert looked_at(settings, tmp_path).warnings == ()
        assert rows(settings, tmp_path) == {"train": 20, "eval": 20, "test": 20}

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
        assert looked_at(config(data), tmp_path).types["c"] == "string"

    def test_a_schema_says_that_both_are_text(self, tmp_path: Path) -> None:
        data = self.files(tmp_path, one=GOOD, two=GOOD.replace(",k", ","))
        (tmp_path / "s.pbtxt").write_text('feature { name: "c" type: BYTES }')
        assert looked_at(config({**data, "schema": "s.pbtxt"}), tmp_path).types["c"] == "string"


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
        content = GOOD.replace(",k1", ",31/12/2011").replace(",k", ",2011-12-2")
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

    @pytest.mark.parametrize(
        ("values", "kind", "expected"),
        [
            ([True, False] * 10, None, "string"),
            ([dt.date(2024, 1, 2)] * 20, None, "string"),
            ([dt.datetime(2024, 1, 2, 3)] * 20, None, "string"),
            ([Decimal("1.50")] * 20, None, "double"),
            (["u", "v"] * 10, pa.dictionary(pa.int8(), pa.string()), "string"),
            ([b"\xff"] * 20, None, "string"),
            ([[1, 2]] * 20, None, "int64"),
            ([["x"], []] * 10, None, "string"),
        ],
    )
    def test_columns_that_nobody_uses_have_types_too(
        self, tmp_path: Path, values: list[Any], kind: Any, expected: str
    ) -> None:
        table = {"a": [1.5] * 20, "u": pa.array(values, kind), "y": self.Y}
        assert check_parquet(tmp_path, table, **self.GROUPS).types == {"a": "double", "u": expected, "y": "string"}

    def test_nested_columns_are_left_out_unless_used(self, tmp_path: Path) -> None:
        table = {"a": [1.5] * 20, "u": [{"x": 1}] * 20, "y": self.Y}
        facts = check_parquet(tmp_path, table, **self.GROUPS)
        assert "u" not in facts.types
        assert any("column 'u' is left out: its type is struct" in warning for warning in facts.warnings)
        with pytest.raises(UserError, match="column 'u' is of type struct"):
            check_parquet(tmp_path, table, numeric=[{"columns": ["a"]}], categorical=[{"columns": ["u"]}])

    def test_several_values_in_a_row_are_for_the_users_own_function(self, tmp_path: Path) -> None:
        table = {"a": [1.5] * 20, "u": [[1, 2], []] * 10, "y": self.Y}
        with pytest.raises(UserError, match="column 'u' is of type list"):
            check_parquet(tmp_path, table, numeric=[{"columns": ["a"]}], categorical=[{"columns": ["u"]}])
        table["u"] = [[1], []] * 10
        facts = check_parquet(tmp_path, table, numeric=[{"columns": ["a"]}], categorical=[{"columns": ["u"]}])
        assert facts.types["u"] == "int64"

    def test_lists_of_anything_are_lists_of_text(self, tmp_path: Path) -> None:
        groups = {"numeric": [{"columns": ["a"]}], "lists": [{"columns": ["u"]}], "categorical": None}
        table = {"a": [1.5] * 20, "y": self.Y}
        for values in ([[1, 2], []] * 10, [["x", "y"], None] * 10, ["x", "y"] * 10):
            assert check_parquet(tmp_path, table | {"u": values}, **groups).types["u"] == "string"
        with pytest.raises(UserError, match=r"column 'u' is of type list<.*struct"):
            check_parquet(tmp_path, table | {"u": [[{"x": 1}]] * 20}, **groups)

    def test_texts_that_are_numbers_are_text(self, tmp_path: Path) -> None:
        table = {"a": [1.5] * 20, "u": list(range(20)), "y": self.Y}
        groups = {"numeric": [{"columns": ["a"]}], "text": [{"columns": ["u"]}], "categorical": None}
        assert check_parquet(tmp_path, table, **groups).types["u"] == "string"

    def test_whole_floats_are_integer_categories(self, tmp_path: Path) -> None:
        table = {"a": pa.array([1.0, 2.0, None, 3.0] * 5), "y": [1.0, 2.0] * 10}
        groups: dict[str, Any] = {"numeric": None, "categorical": [{"columns": ["a"]}]}
        assert check_parquet(tmp_path, table, **groups).types == {"a": "int64", "y": "int64"}
        read = profiled(config({"path": "t.parquet"}, **groups), tmp_path)
        assert read.column("y").counts == {"1": 10, "2": 10}

    def test_a_nan_label_is_a_missing_one(self, tmp_path: Path) -> None:
        table = {"a": [1.5] * 20, "y": [float("nan"), *(float(i) for i in range(1, 20))]}
        facts = check_parquet(tmp_path, table, label={"column": "y", "task": "regression"}, **self.GROUPS)
        assert facts.warnings == ("1 rows have no label ('y') and are left out",)


def test_a_split_column_must_be_there_in_every_row(tmp_path: Path) -> None:
    data = {"path": "t.csv", "split": {"keys": ["c"]}}
    refused(tmp_path, with_line(5, "1,2,,yes"), "line 5", "column 'c' of data.split is missing", data=data)


@pytest.mark.parametrize("policy", ["skip", "quarantine"])
class TestBadRowsThatAreSkipped:
    def skipped(self, folder: Path, content: str, policy: str, **features: Any) -> Any:
        return check(folder, content, data={"path": "t.csv", "on_bad_row": policy}, **features)

    def test_rows_and_cells_that_can_not_be_read(self, tmp_path: Path, policy: str) -> None:
        lines = GOOD.splitlines()
        lines[4], lines[6] = "1,2,3", "one,2.5,k,yes"
        facts = self.skipped(tmp_path, "\n".join(lines), policy)
        assert facts.types["a"] == "double"
        assert rows(config({"path": "t.csv", "on_bad_row": policy}), tmp_path) == {"all": 19}

    def test_cells_that_do_not_fit_the_schema(self, tmp_path: Path, policy: str) -> None:
        (tmp_path / "s.pbtxt").write_text('feature { name: "a" type: INT }')
        data = {"path": "t.csv", "on_bad_row": policy, "schema": "s.pbtxt"}
        assert check(tmp_path, with_line(5, "1.5,2,k,yes"), data=data).types["a"] == "int64"

    def test_a_column_without_a_single_number_is_a_mistake_all_the_same(self, tmp_path: Path, policy: str) -> None:
        with pytest.raises(UserError, match="expected a number"):
            self.skipped(tmp_path, GOOD, policy, numeric=[{"columns": ["a", "c"]}], categorical=None)

    def test_a_regression_label_with_text_among_it(self, tmp_path: Path, policy: str) -> None:
        label = {"column": "b", "task": "regression"}
        facts = self.skipped(tmp_path, with_line(4, "3,x,k,yes"), policy, label=label, numeric=[{"columns": ["a"]}])
        assert facts.types["b"] == "double"

    def test_rows_without_a_split_key(self, tmp_path: Path, policy: str) -> None:
        data = {"path": "t.csv", "split": {"keys": ["c"]}, "on_bad_row": policy}
        assert check(tmp_path, with_line(5, "1,2,,yes"), data=data).types["c"] == "string"
        assert rows(config(data), tmp_path) == {"all": 20}


@pytest.mark.parametrize(
    "data",
    [
        {"path": "gs://bucket/t.csv"},
        {"sql": {"url": "sqlite:///t.db", "query": "SELECT 1"}},
        {"bigquery": {"query": "SELECT 1"}},
        {"inputs": dict.fromkeys(("train", "eval", "test"), "s3://bucket/t.csv")},
    ],
)
def test_what_is_elsewhere_is_not_looked_at(tmp_path: Path, data: dict[str, Any]) -> None:
    assert check_table(config(data), tmp_path) is None


def test_of_spans_those_that_a_run_reads_are_looked_at(tmp_path: Path) -> None:
    for span in (1, 2, 3):
        (tmp_path / f"d{span}").mkdir()
        (tmp_path / f"d{span}" / "t.csv").write_text("broken" if span == 1 else GOOD)
    for data, expected in (({}, 20), ({"spans": {"last": 2}}, 40)):
        settings = config({"path": "d{SPAN}/*.csv", **data})
        assert looked_at(settings, tmp_path).warnings == ()
        assert rows(settings, tmp_path) == {"all": expected}
    with pytest.raises(UserError, match=r"span 7 .* is not there"):
        check_table(config({"path": "d{SPAN}/*.csv", "spans": {"first_span": 7, "last_span": 8}}), tmp_path)


class TestOtherFormats:
    def rows(self) -> list[dict[str, Any]]:
        return [{"a": i, "b": i / 2, "c": f"k{i % 3}", "y": "yes" if i % 2 else "no"} for i in range(1, 21)]

    @pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
    @pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
    def test_text_plain_and_packed(self, tmp_path: Path, suffix: str, ending: str) -> None:
        text = GOOD if suffix == ".csv" else "".join(json.dumps(row) + "\n" for row in self.rows())
        with pa.output_stream(
            tmp_path / f"t{suffix}{ending}", {"": None, ".gz": "gzip", ".zst": "zstd"}[ending]
        ) as out:
            out.write(text.encode())
        settings = config({"path": f"t{suffix}{ending}"})
        assert rows(settings, tmp_path) == {"all": 20}
        assert looked_at(settings, tmp_path).types == {"a": "int64", "b": "double", "c": "string", "y": "string"}

    def test_arrow(self, tmp_path: Path) -> None:
        table = pa.Table.from_pylist(self.rows())
        with pa.ipc.new_file(tmp_path / "t.arrow", table.schema) as file:
            file.write_table(table)
        facts = looked_at(config({"path": "t.arrow"}), tmp_path)
        assert facts.types == {"a": "int64", "b": "double", "c": "string", "y": "string"}

    def test_json_lines_may_lack_columns(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        for number, part in enumerate(
            (self.rows(), [{k: v for k, v in row.items() if k != "b"} for row in self.rows()])
        ):
            (tmp_path / "d" / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
        assert rows(config({"path": "d"}), tmp_path) == {"all": 40}
        assert looked_at(config({"path": "d"}), tmp_path).types["b"] == "double"
        with pytest.raises(UserError, match="feature 'z' is not in the table"):
            check_table(config({"path": "d"}, numeric=[{"columns": ["z"]}]), tmp_path)


def test_files_may_lack_columns_that_nobody_uses(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.csv").write_text(GOOD)
    with_note = "".join(f"{line},{'note' if line.startswith('a,') else 'n'}\n" for line in GOOD.splitlines())
    (tmp_path / "d" / "2.csv").write_text(with_note)
    facts = looked_at(config({"path": "d"}), tmp_path)
    assert facts.types == {"a": "int64", "b": "double", "c": "string", "y": "string"}
    assert facts.left_out == {"note": "nobody uses it, and d/1.csv has no such column"}
    assert f"column 'note' is left out: {facts.left_out['note']}" in facts.warnings
    with pytest.raises(UserError, match="it also has 'note'"):
        looked_at(config({"path": "d", "reader": "tfx"}), tmp_path)
    (tmp_path / "d" / "2.csv").write_text(with_note.replace("a,b,", "a,B,"))
    with pytest.raises(
        UserError, match=r"2\.csv: other columns than in .*1\.csv: it lacks 'b'; it also has 'B', 'note'"
    ):
        looked_at(config({"path": "d"}), tmp_path)


@pytest.mark.parametrize(
    ("schema", "cell"),
    [('feature { name: "u" type: FLOAT }', "'n/a yet'"), ('feature { name: "u" type: INT }', "'2.5'")],
)
def test_an_unused_column_that_the_schema_contradicts_is_left_out_with_a_warning(
    tmp_path: Path, schema: str, cell: str
) -> None:
    (tmp_path / "s.pbtxt").write_text(schema)
    lines = GOOD.splitlines()
    table = "\n".join([f"{lines[0]},u", *(f"{line},{i}" for i, line in enumerate(lines[1:]))])
    data = {"path": "t.csv", "schema": "s.pbtxt"}
    assert check(tmp_path, table, data=data).types["u"] == ("double" if "FLOAT" in schema else "int64")
    facts = check(tmp_path, table.replace(",yes,4", f",yes,{cell.strip(chr(39))}"), data=data)
    assert "u" not in facts.types
    [why] = facts.left_out.values()
    assert why == f"nobody uses it, and {cell} is not of its type in data.schema"
    assert f"column 'u' is left out: {why}" in facts.warnings


def test_numbers_with_leading_zeros_are_told_with_their_first_row(tmp_path: Path) -> None:
    codes = "".join(f"{i},{'00' if i > 3 else ''}{i}.5,k{i % 3},{'yes' if i % 2 else 'no'}\n" for i in range(1, 21))
    facts = check(tmp_path, f"a,b,c,y\n{codes}")
    said = "is declared as a number and has leading zeros, which are lost: 007.1 and 7.1 become one"
    [warning] = [each for each in facts.warnings if "leading zeros" in each]
    assert f"t.csv, line 5: column 'b' {said}" in warning
    assert facts.leading_zeros == ("b",)
    assert not check(tmp_path, GOOD).leading_zeros
