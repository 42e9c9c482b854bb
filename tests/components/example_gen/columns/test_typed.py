"""Rows in the types of tf.Example: every value, or its row among the bad ones."""

import datetime as dt
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.meant import meant

from components.example_gen.block import BadRow, FeatureType, Rows
from components.example_gen.columns.facts import survey
from components.example_gen.columns.typed import typed
from components.example_gen.columns.use import ColumnUse

WORDS = ("", "NA", "?")
MISFIT = object()
BLANKS = " \t\n\r\x0b\x0c\xa0"


def rows(columns: dict[str, Any]) -> Rows:
    batch = pa.record_batch(columns)
    return Rows(batch, np.arange(1, batch.num_rows + 1) * 10)


def one(array: pa.Array, kind: FeatureType, words: tuple[str, ...] | None = None, **use: Any) -> tuple[list[Any], Rows]:
    """A column's values, MISFIT where the row is bad, and the result."""
    result = typed(meant(rows({"a": array}), words), {"a": kind}, {"a": ColumnUse(**use)}, "t.x")
    assert result.batch.num_rows + len(result.bad) == len(array)
    values: dict[int, Any] = dict(zip(result.places.tolist(), result.batch.column(0).to_pylist(), strict=True))
    values |= {row.place: MISFIT for row in result.bad}
    return [values[place] for place in sorted(values)], result


def same(left: Any, right: Any) -> bool:
    """Equal in value and type; -0.0 is not 0.0."""
    if isinstance(left, float) and isinstance(right, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return type(left) is type(right) and left == right


def bytes_text(cell: bytes) -> bytes | None:
    """Bytes of nothing but blanks, the no-break one too, are missing."""
    return cell if cell.decode("utf-8", "surrogateescape").strip(" \t\n\v\f\r\u00a0") else None


def integer(value: Any) -> Any:
    if value is None or value != value:
        return None
    whole = not math.isinf(value) and value == int(value)
    return int(value) if whole and -(2**63) <= value < 2**63 else MISFIT


def real(value: Any) -> Any:
    return None if value is None or value != value else float(value)


def number_text(value: Any) -> Any:
    if value is None or value != value:
        return None
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)


NUMBER = re.compile(r"[ \t]*[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|infinity|nan)[ \t]*", re.IGNORECASE | re.ASCII)
INTEGER = re.compile(r"[ \t]*[+-]?(0|[1-9]\d{0,18})[ \t]*", re.ASCII)


def text_real(cell: str | None) -> Any:
    if cell is None or not cell.strip(BLANKS):
        return None
    return real(float(cell)) if NUMBER.fullmatch(cell) else MISFIT


def text_integer(cell: str | None) -> Any:
    if cell is None or not cell.strip(BLANKS):
        return None
    return int(cell) if INTEGER.fullmatch(cell) and -(2**63) <= int(cell) < 2**63 else MISFIT


def text_text(cell: str) -> Any:
    return cell if cell.strip(BLANKS) else None


def bits(kind: str) -> st.SearchStrategy[int]:
    info = np.iinfo(kind)
    return st.one_of(st.integers(int(info.min), int(info.max)), st.sampled_from([0, int(info.min), int(info.max)]))


TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.from_regex(r"\A[ \t]?[+-]?[0-9]{1,20}(\.[0-9]{0,3})?([eE][+-]?[0-9]{1,3})? ?\Z"),
    st.sampled_from(["nan", "inf", "0x10", "007", " 5\t", "\u00a05", "-0", "1_0", "9223372036854775808", "nan(1)"]),
)
Case = tuple[pa.DataType, st.SearchStrategy[Any], Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]
CASES: list[Case] = [
    *(
        (pa.type_for_alias(kind), bits(kind), integer, real, number_text)
        for kind in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    ),
    (pa.float32(), st.floats(width=32), integer, real, number_text),
    (pa.float64(), st.floats(), integer, real, number_text),
    (
        pa.decimal128(25, 3),
        st.decimals(-(10**20), 10**20, places=3, allow_nan=False, allow_infinity=False),
        integer,
        real,
        number_text,
    ),
    (pa.bool_(), st.booleans(), int, float, lambda value: str(value).lower()),
    *((kind, TEXT, text_integer, text_real, text_text) for kind in (pa.string(), pa.large_string())),
    (
        pa.dictionary(pa.int32(), pa.string()),
        TEXT,
        text_integer,
        text_real,
        text_text,
    ),
    (pa.binary(), st.one_of(st.binary(max_size=4), st.sampled_from([b" ", b"\t\xc2\xa0"])), None, None, bytes_text),
    (pa.date32(), st.dates(), lambda _: MISFIT, lambda _: MISFIT, dt.date.isoformat),
    (
        pa.timestamp("us"),
        st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)),
        lambda _: MISFIT,
        lambda _: MISFIT,
        lambda time: time.replace(microsecond=0).isoformat(" "),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case[0]))
def test_every_value_of_every_type(case: Case) -> None:
    kind, values, as_integer, as_real, as_text = case

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.one_of(st.none(), values), max_size=8))
    def check(cells: list[Any]) -> None:
        array = pa.array(cells, kind)
        wanted: list[tuple[FeatureType, Callable[[Any], Any] | None]] = [
            ("int64", as_integer),
            ("double", as_real),
            ("string", as_text),
        ]
        for feature, expected in wanted:
            if expected is None:
                continue
            found, _ = one(array, feature)
            assert len(found) == len(cells)
            for cell, value in zip(array.to_pylist(), found, strict=True):
                right = None if cell is None else expected(cell)
                assert same(value, right), (feature, cell, value, right)

    check()


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.lists(TEXT, max_size=5).map(lambda cells: pa.array(cells, pa.string())),
        st.lists(st.floats(), max_size=5).map(lambda cells: pa.array(cells, pa.float64())),
        st.lists(bits("uint64"), max_size=5).map(lambda cells: pa.array(cells, pa.uint64())),
    )
)
def test_the_facts_foretell_what_does_not_fit(array: pa.Array) -> None:
    """What the preflight lets pass has no bad cell in the run, and the other way round."""
    cells = survey(meant(rows({"a": array}), None))["a"].cells
    assert (MISFIT in one(array, "double")[0]) is (cells.first_text is not None)
    assert (MISFIT in one(array, "int64")[0]) is (cells.first_text is not None or cells.first_fraction is not None)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=3)), max_size=6))
def test_lists_keep_what_is_there(lists: list[list[float | None] | None]) -> None:
    found, _ = one(pa.array(lists, pa.list_(pa.float32())), "double")
    for cells, value in zip(lists, found, strict=True):
        there = [cell for cell in cells or [] if cell is not None and cell == cell]
        if cells and len(cells) > 1 and len(there) < len(cells):
            assert value is MISFIT
        else:
            assert value == (there or None)


@pytest.mark.parametrize(
    ("array", "kind", "expected"),
    [
        (pa.array([["a", "", None], [""], [], None]), "string", [["a"], None, None, None]),
        (pa.array([["1", "x"], ["2"]]), "int64", [MISFIT, [2]]),
        (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), "int64", [[1, 2], None]),
        (pa.array([[b"\xff"], [b""]], pa.large_list(pa.large_binary())), "string", [[b"\xff"], None]),
        (pa.array([[True], [False]]), "string", [["true"], ["false"]]),
        (pa.array([{"x": 1}, None]), "string", [MISFIT, None]),
        (pa.nulls(2), "double", [None, None]),
        (pa.array(["1", "x"], pa.string_view()), "int64", [1, MISFIT]),
        (pa.array([b"1.5", b"\xff", b""]), "double", [1.5, MISFIT, None]),
        (pa.array(["\t", " 1 ", ""]), "int64", [None, 1, None]),
        (pa.array(np.array([1.5, np.nan], np.float16)), "double", [1.5, None]),
        (pa.array([dt.time(1, 2, 3)], pa.time32("s")), "string", ["01:02:03"]),
        (pa.array([0.5, 2.0**53]), "string", ["0.5", "9007199254740992.0"]),
    ],
)
def test_other_layouts(array: pa.Array, kind: FeatureType, expected: list[Any]) -> None:
    assert one(array, kind)[0] == expected


def test_words_that_mean_missing_are_for_csv_alone() -> None:
    cells = pa.array(["NA", "", "1", " ?", "\n", " x"])
    assert one(cells, "double", WORDS)[0] == [None, None, 1.0, None, None, MISFIT]
    assert one(cells, "string", WORDS)[0] == [None, None, "1", None, None, " x"]
    assert one(cells, "string", None)[0] == ["NA", None, "1", " ?", None, " x"]


def test_dates_take_the_declared_format() -> None:
    days = pa.array([dt.date(2024, 1, 2), None])
    assert one(days, "string", role="date", date_format="%d.%m.%Y")[0] == ["02.01.2024", None]


def test_what_has_its_type_already_is_not_copied() -> None:
    columns = {
        "i": pa.array([1, None]),
        "f": pa.array([1.5, None]),
        "s": pa.array(["x", None]),
        "l": pa.array([[1, 2], None]),
    }
    types: dict[str, FeatureType] = {"i": "int64", "f": "double", "s": "string", "l": "int64"}
    result = typed(rows(columns), types, {}, "t.x")
    for name, array in columns.items():
        ours, theirs = (each.buffers()[-1].address for each in (result.batch.column(name), array))
        assert ours == theirs


def test_columns_come_in_the_wanted_order_and_what_is_not_there_is_missing() -> None:
    types: dict[str, FeatureType] = {"b": "string", "z": "double", "a": "int64"}
    result = typed(rows({"a": [1, 2], "b": ["x", "y"], "c": [0, 0]}), types, {}, "t.x")
    assert result.batch.to_pydict() == {"b": ["x", "y"], "z": [None, None], "a": [1, 2]}
    assert result.batch.schema.field("z").type == pa.float64()


class TestBadRows:
    def test_a_csv_row_is_told_with_its_place_and_text(self) -> None:
        before = BadRow("t.csv", 5, "ragged", b"1")
        table = rows({"age": ["1", "abc", "NA", "4"], "": ["", "NA", "", ""], "s": ["x", 'y, "z"', "", "w"]})
        table = meant(Rows(table.batch, table.places, (before,)), WORDS)
        use = {"age": ColumnUse("number", "int64")}
        result = typed(table, {"age": "int64", "s": "string"}, use, "t.csv")
        assert result.batch.to_pydict() == {"age": [1, None, 4], "s": ["x", None, "w"]}
        assert result.places.tolist() == [10, 30, 40]
        reason = "column 'age': expected an integer (INT in the schema), received 'abc'"
        assert result.bad == (before, BadRow("t.csv", 20, reason, b'abc,NA,"y, ""z"""'))

    def test_others_as_json(self) -> None:
        columns = {
            "n": pa.array(["x", "2"]),
            "d": pa.array([dt.date(2024, 1, 2)] * 2),
            "f": pa.array([float("nan"), 1.5]),
            "b": pa.array([b"\xff\x00", b""]),
            "l": pa.array([["ä"], None]),
        }
        result = typed(meant(rows(columns), None), {"n": "double"}, {"n": ColumnUse("number")}, "t.parquet")
        (bad,) = result.bad
        assert (bad.file, bad.place) == ("t.parquet", 10)
        assert bad.reason == "column 'n': expected a number (it is declared as a number), received 'x'"
        assert json.loads(bad.text) == {"n": "x", "d": "2024-01-02", "f": "nan", "b": "\\xff\x00", "l": ["ä"]}

    def test_the_first_wrong_column_is_named_and_long_cells_are_cut(self) -> None:
        table = rows({"a": ["y" * 500, "1"], "b": ["x", "x"]})
        result = typed(meant(table, WORDS), {"a": "double", "b": "double"}, {}, "t.csv")
        assert [row.place for row in result.bad] == [10, 20]
        assert result.bad[0].reason == f"column 'a': expected a number, received {'y' * 80!r}... (500 characters)"
        assert result.bad[1].reason == "column 'b': expected a number, received 'x'"
        assert result.batch.num_rows == 0

    def test_a_list_with_a_gap(self) -> None:
        _, result = one(pa.array([[1, None]]), "int64")
        assert "expected an integer in each place of the list, received '[1, None]'" in result.bad[0].reason
