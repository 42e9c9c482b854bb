"""Numbers as people write them: which plain number each is, and what is left as it stands."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pydantic
import pytest

from components.example_gen.block import FeatureType
from components.example_gen.columns.typed import typed
from components.example_gen.columns.written_numbers import plain_numbers
from components.example_gen.config import ColumnOptions, CsvOptions, DataConfig, Format
from components.example_gen.formats.as_meant import PlainNumbers, Replaced
from components.example_gen.formats.registry import reader

MILLIONS = {"K": 1e3, "M": 1e6}


def read(cell: str | None, **options: Any) -> str | None:
    (text,) = plain_numbers(pa.array([cell], pa.string()), ColumnOptions(**options)).to_pylist()
    return text  # type: ignore[no-any-return]


class TestPlainNumbers:
    @pytest.mark.parametrize(
        ("cell", "options", "number"),
        [
            ("1,5", {"decimal": ","}, "1.5"),
            (",5", {"decimal": ","}, "0.5"),
            ("5,", {"decimal": ","}, "5"),
            ("1.234.567,89", {"decimal": ",", "thousands": "."}, "1234567.89"),
            ("1234,5", {"decimal": ",", "thousands": "."}, "1234.5"),
            ("12,345", {"thousands": ","}, "12345"),
            ("12,34,567.8", {"thousands": ","}, "1234567.8"),
            ("12 345", {"thousands": " "}, "12345"),
            ("12\u00a0345\u202f678", {"thousands": " "}, "12345678"),
            ("1'234.5", {"thousands": "'"}, "1234.5"),
            ("1\u2019234.5", {"thousands": "'"}, "1234.5"),
            ("$7,340.36", {"thousands": ",", "units": ("$",)}, "7340.36"),
            ("1.234,50 \u20ac", {"decimal": ",", "thousands": ".", "units": ("\u20ac",)}, "1234.50"),
            ("EUR\u00a05", {"units": ("EUR", "\u20ac")}, "5"),
            ("17%", {"units": ("%",)}, "17"),
            ("3 sq ft", {"units": ("sq ft",)}, "3"),
            ("3 sq\u00a0ft", {"units": ("sq ft",)}, "3"),
            ("75 m2", {"units": ("m", "m2")}, "75"),
            ("-5", {"decimal": "."}, "-5"),
            ("\u22125", {"decimal": "."}, "-5"),
            ("5-", {"decimal": "."}, "-5"),
            ("+5", {"decimal": "."}, "5"),
            ("-$5", {"units": ("$",)}, "-5"),
            ("$ -5", {"units": ("$",)}, "-5"),
            ("($1,200)", {"thousands": ",", "units": ("$",)}, "-1200"),
            ("$(1,200)", {"thousands": ",", "units": ("$",)}, "-1200"),
            ("(5) kg", {"units": ("kg",)}, "-5"),
            ("1'200.-", {"thousands": "'"}, "1200"),
            ("5,-- \u20ac", {"decimal": ",", "units": ("\u20ac",)}, "5"),
            ("007.1", {"decimal": "."}, "7.1"),
            ("0", {"decimal": "."}, "0"),
            ("1.5e3", {"decimal": "."}, "1.5e3"),
            ("$1.01M", {"units": ("$",), "multipliers": MILLIONS}, "1.01e6"),
            ("560 K", {"multipliers": MILLIONS}, "560e3"),
            ("950", {"multipliers": MILLIONS}, "950"),
            ("3 kg", {"multipliers": {"kg": 1, "lb": 0.5}}, "3"),
            ("3 lb", {"multipliers": {"kg": 1, "lb": 0.5}}, "1.5"),
        ],
    )
    def test_becomes(self, cell: str, options: dict[str, Any], number: str) -> None:
        assert read(cell, **options) == number
        assert read(f" \u00a0{cell}\t", **options) == number

    @pytest.mark.parametrize(
        ("cell", "options"),
        [
            (None, {"decimal": ","}),
            ("", {"decimal": ","}),
            ("tbd", {"decimal": ","}),
            ("1.5", {"decimal": ","}),
            ("1,5", {"decimal": "."}),
            ("1,23", {"thousands": ","}),
            ("1,2345", {"thousands": ","}),
            ("1.234,5.6", {"decimal": ",", "thousands": "."}),
            ("12 kg", {"units": ("lb",)}),
            ("12 kg lb", {"units": ("lb", "kg")}),
            ("%", {"units": ("%",)}),
            ("--5", {"decimal": "."}),
            ("-(5)", {"decimal": "."}),
            ("(5", {"decimal": "."}),
            ("5)", {"decimal": "."}),
            ("1e3K", {"multipliers": MILLIONS}),
            ("1\n2", {"decimal": "."}),
        ],
    )
    def test_stays(self, cell: str | None, options: dict[str, Any]) -> None:
        assert read(cell, **options) == cell

    def test_texts_and_bytes_and_lists_of_them_and_nothing_else(self) -> None:
        step = PlainNumbers({"a": ColumnOptions(units=("%",))})
        for cells in (pa.array(["5%", None]), pa.array([b"5%", None]), pa.array(["5%", None]).dictionary_encode()):
            assert step.apply("a", cells).to_pylist() == ["5", None]
        lists = pa.array([["5%"], None, []])
        assert step.apply("a", lists).to_pylist() == [["5"], None, []]
        numbers = pa.array([5.0])
        assert step.apply("a", numbers) is numbers
        texts = pa.array(["5%"])
        assert step.apply("other", texts) is texts


def test_replaces_whole_cells() -> None:
    step = Replaced({"a": ColumnOptions(replace={"yes ": "yes", "Yes": "yes"})})
    cells = pa.array(["yes ", "Yes", "yes", None, " yes "])
    assert step.apply("a", cells).to_pylist() == ["yes", "yes", "yes", None, " yes "]


@pytest.mark.parametrize("fmt", ["csv", "jsonl"])
def test_a_run_gets_numbers_and_shows_a_bad_row_as_it_stands(tmp_path: Path, fmt: Format) -> None:
    cells = ["1.234,5 €", "7 €", "tbd", "1.5 €", "-3"]
    text = "".join(f"{cell};a\n" for cell in ("price", *cells))
    if fmt == "jsonl":
        text = "".join(json.dumps({"price": cell, "b": "a"}) + "\n" for cell in cells)
    (tmp_path / "t").write_text(text, "utf-8")
    options = ColumnOptions(decimal=",", thousands=".", units=("€",), null_values=("tbd",))
    data = DataConfig(path="t", csv=CsvOptions(delimiter=";"), columns={"price": options})
    types: dict[str, FeatureType] = {"price": "double"}
    reading = reader(fmt, data)
    (block,) = reading.plan(str(tmp_path / "t"))
    (rows,) = reading.read(block, types)
    found = typed(rows, types, {}, "t")
    assert found.batch.column("price").to_pylist() == [1234.5, 7.0, None, -3.0]
    (bad,) = found.bad
    assert "received '1.5 €'" in bad.reason
    assert "1.5 €" in bad.text.decode()


@pytest.mark.parametrize("options", [{"thousands": "."}, {"thousands": ",", "decimal": ","}])
def test_a_mark_can_not_be_both(options: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError, match="is the decimal mark too"):
        ColumnOptions(**options)
