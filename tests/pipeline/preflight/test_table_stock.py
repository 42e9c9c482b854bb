"""The preflight for `data.reader: tfx`: what the stock TFX readers would misread, and what they read well."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from support.table_cases import GOOD, STOCK, check, check_parquet, config, looked_at, with_line

from pipeline.preflight.table_check import stock_pattern
from preprocessing.errors import UserError


def test_a_good_table_is_read_as_it_is(tmp_path: Path) -> None:
    facts = check(tmp_path, data=STOCK)
    assert facts.reasons == ()
    assert facts.patterns == {"all": str(tmp_path / "t.csv")}
    assert facts.types == {"a": "int64", "b": "double", "c": "string", "y": "string"}


def test_our_own_reader_needs_no_reasons(tmp_path: Path) -> None:
    facts = check(tmp_path, b"\xef\xbb\xbf" + with_line(3, "NA,2,?,yes").encode())
    assert (facts.reasons, facts.patterns) == ((), {})


def test_a_byte_order_mark_is_accepted_and_a_reason_for_a_copy(tmp_path: Path) -> None:
    facts = check(tmp_path, b"\xef\xbb\xbf" + GOOD.encode(), data=STOCK)
    assert list(facts.types) == ["a", "b", "c", "y"]
    assert "byte order mark" in facts.reasons[0]


def test_a_column_that_tfx_would_read_differently_in_each_split(tmp_path: Path) -> None:
    for split in ("train", "eval", "test"):
        (tmp_path / f"{split}.csv").write_text(GOOD.replace("\n1,0.5", "\n1.5,0.5") if split == "eval" else GOOD)
    inputs = {split: f"{split}.csv" for split in ("train", "eval", "test")}
    facts = looked_at(config({"inputs": inputs, "reader": "tfx"}), tmp_path)
    assert facts.reasons == ("column 'a': TFX would read another type in each split",)
    assert facts.types["a"] == "double"


class TestFiles:
    def files(self, folder: Path, **contents: str) -> dict[str, Any]:
        (folder / "d").mkdir()
        for name, content in contents.items():
            (folder / "d" / f"{name}.csv").write_text(content)
        return {"path": "d", "reader": "tfx"}

    def test_another_order_of_columns_is_a_reason_for_a_copy(self, tmp_path: Path) -> None:
        swapped = "\n".join(",".join([*line.split(",")[1::-1], *line.split(",")[2:]]) for line in GOOD.splitlines())
        facts = looked_at(config(self.files(tmp_path, one=GOOD, two=swapped + "\n")), tmp_path)
        assert facts.reasons == ("two.csv: the columns stand in another order than in one.csv",)
        assert facts.rows == {"all": 40}

    def test_a_pattern_matches_the_files_and_no_others(self, tmp_path: Path) -> None:
        data = self.files(tmp_path, one=GOOD, two=GOOD)
        assert looked_at(config(data), tmp_path).patterns == {"all": str(tmp_path / "d" / "*.csv")}
        (tmp_path / "d" / "_old.csv").write_text(GOOD)
        facts = looked_at(config(data), tmp_path)
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
    facts = check(tmp_path, content, data={**STOCK, "csv": csv}, **features)
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
    assert check(tmp_path, content, data=STOCK).reasons == ()


def test_words_in_a_column_that_nobody_uses_do_not_matter(tmp_path: Path) -> None:
    content = with_line(3, "NA,2,k,yes")
    assert check(tmp_path, content, data=STOCK, numeric=[{"columns": ["b"]}]).reasons == ()


def test_the_types_of_a_schema_win(tmp_path: Path) -> None:
    (tmp_path / "s.pbtxt").write_text('feature { name: "a" type: FLOAT } feature { name: "c" type: BYTES }')
    facts = check(tmp_path, GOOD, data={**STOCK, "schema": "s.pbtxt"})
    assert facts.types["a"] == "double"
    assert facts.reasons == ("column 'a': TFX would read int, it is to be float",)


class TestParquet:
    GROUPS: ClassVar[dict[str, Any]] = {"numeric": [{"columns": ["a"]}], "categorical": None, "reader": "tfx"}
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

    @pytest.mark.parametrize(("values", "kind"), [([[1]] * 20, "list<"), ([b"x"] * 20, "binary")])
    def test_what_only_our_own_reader_takes_is_left_out_unless_used(
        self, tmp_path: Path, values: list[Any], kind: str
    ) -> None:
        table = {"a": [1.5] * 20, "u": values, "y": self.Y}
        facts = check_parquet(tmp_path, table, **self.GROUPS)
        assert kind in facts.left_out["u"]
        assert "u" not in facts.types
        assert any("column 'u' is left out" in reason for reason in facts.reasons)
        used = {**self.GROUPS, "categorical": [{"columns": ["u"]}]}
        with pytest.raises(UserError, match=f"column 'u' is of type {kind}"):
            check_parquet(tmp_path, table, **used)


def test_the_shipped_penguins_are_read_as_they_are() -> None:
    from pipeline.config.loader import load

    loaded = load(Path(__file__).parents[3] / "data" / "penguins" / "pipeline.yaml")
    data = loaded.config.data.model_copy(update={"reader": "tfx"})
    facts = looked_at(loaded.config.model_copy(update={"data": data}), loaded.base)
    assert facts.reasons == ()
    assert sum(facts.class_counts["all"].values()) == 344
