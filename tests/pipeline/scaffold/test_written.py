"""How `init` finds out how a column's numbers are written."""

import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest

from components.example_gen.columns.cells import is_number
from components.example_gen.columns.written_numbers import plain_numbers
from components.example_gen.config import ColumnOptions
from pipeline.scaffold.written import Unclear, Written, how_written

KNOWN = ("unknown", "n/a")
MANY = tuple(str(i) for i in range(30))


def found(*values: str, rows: int = 10, **counts: int) -> Written | Unclear | None:
    return how_written(Counter(dict.fromkeys(values, rows) | counts), KNOWN)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (("18,3", "22,1", "0,75"), {"decimal": ","}),
        (("1.371,9", "851,7"), {"decimal": ",", "thousands": "."}),
        (("7,340.36", "12.5"), {"thousands": ","}),
        (("1,234", "1.5"), {"thousands": ","}),
        (("1,234,567", "1,234"), {"thousands": ","}),
        (("1.234.567", "1.234"), {"decimal": ",", "thousands": "."}),
        (("1,23,456", "12,345"), {"thousands": ","}),
        (("12,345", "917"), {"thousands": ","}),
        (("0,123", "1,234"), {"decimal": ","}),
        (("1,234", "5678"), {"decimal": ","}),
        (("1 234", "12\u00a0345,5"), {"decimal": ",", "thousands": " "}),
        (("1'234", "1\u2019234.5"), {"thousands": "'"}),
        (("32%", "8 %"), {"units": ["%"]}),
        (("34 cm", "50 cm"), {"units": ["cm"]}),
        (("$7,340.36", "$12"), {"units": ["$"], "thousands": ","}),
        (("$7", "12"), {"units": ["$"]}),
        (("-$5", "$-6"), {"units": ["$"]}),
        (("1.200 \u20ac", "950 \u20ac"), {"units": ["\u20ac"], "decimal": ",", "thousands": "."}),
        (("USD 5", "USD 6"), {"units": ["USD"]}),
        (("75 m2", "80 m2"), {"units": ["m2"]}),
        (("1 day", "2 days", "3 Days."), {"units": ["Days.", "day", "days"]}),
        (("5 m", "7 m"), {"units": ["m"]}),
        (("$1.01M", "$560K", "$5"), {"units": ["$"], "multipliers": {"K": 1e3, "M": 1e6}}),
        (("19M", "201k"), {"multipliers": {"M": 1e6, "k": 1e3}}),
        (("(1,200)", "300"), {"thousands": ","}),
        (("(300)", "200"), {"decimal": "."}),
        (("$(1,300)", "$200"), {"units": ["$"], "thousands": ","}),
        (("CHF 1'200.-", "CHF 200.-"), {"units": ["CHF"], "thousands": "'"}),
        (("12-", "13"), {"decimal": "."}),
        (("\u22125", "5"), {"decimal": "."}),
    ],
)
def test_options(values: tuple[str, ...], options: dict[str, Any]) -> None:
    written = found(*values)
    assert isinstance(written, Written)
    assert written.options == options
    assert not written.words
    read = plain_numbers(pa.array(values), ColumnOptions.from_json(json.dumps(options)))
    assert is_number(read).to_pylist() == [True] * len(values), "a run reads them so"


@pytest.mark.parametrize(
    ("values", "doubt"),
    [
        (("60,816", "52,917"), "may be a decimal comma"),
        (("1.200 kg", "1.100 kg"), "may stand for thousands"),
        (("1.200 kg", "950 kg"), "no number without one is above 999"),
        (("60,816", "917"), ""),
        (("60,81", "9"), ""),
    ],
)
def test_says_what_could_be_meant_otherwise(values: tuple[str, ...], doubt: str) -> None:
    written = found(*values)
    assert isinstance(written, Written)
    assert doubt in written.doubt
    assert bool(doubt) == bool(written.doubt)


@pytest.mark.parametrize(
    "values",
    [
        ("1", "2.5", "-3"),
        ("red", "green", "7"),
        ("007.1", "7.1 x"),
        ("01 kg", "2 kg"),
        ("12A", "14C"),
        ("1st", "2nd", "3rd"),
        ("Room 12", "Room 13"),
        ("1.2.3", "1.3.4"),
        ("5'10", "6'1"),
        ("2:1", "3:1"),
        ("13.02.2020", "14.03.2021"),
        ("123 456 789", "223 456 789"),
        ("10-20", "20-30"),
        ("192.168.100.200", "192.168.100.201"),
        ("1.2.3.4", "192.168.100.201"),
        ("<=50K", ">50K"),
    ],
)
def test_what_is_not_a_number_or_a_plain_one(values: tuple[str, ...]) -> None:
    assert found(*values) is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (("12 kg", "30 lb"), "more than one unit: 'kg' (10 rows), 'lb' (10 rows)"),
        (("AUD 5", "USD 6"), "more than one unit"),
        (("17%", "0.17", "18%"), "more than one unit: '%' (20 rows), none (10 rows)"),
        ((*(f"{i},5" for i in range(30)), "1-2"), "but also '1-2' (10 rows with such)"),
        (("1", "2", "3", "4", "5", "6", "K"), "but also 'K' (10 rows)"),
        ((*MANY, "a", "b"), "but also 'a' (10 rows), 'b' (10 rows)"),
        ((*MANY, "12 kg"), "more than one unit: 'kg' (10 rows), none"),
    ],
)
def test_what_is_not_read_as_numbers(values: tuple[str, ...], reason: str) -> None:
    unclear = found(*values)
    assert isinstance(unclear, Unclear)
    assert reason in unclear.reason


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((*MANY, "tbd"), ["tbd"]),
        (("1", "2", "unknown"), ["unknown"]),
        ((*MANY, "tbd", "N/A"), ["tbd", "N/A"]),
        (("1,5", "2,5", "3,5", "4,5", "5,5", "none yet"), ["none yet"]),
    ],
)
def test_words_that_mean_missing(values: tuple[str, ...], words: list[str]) -> None:
    written = found(*values)
    assert isinstance(written, Written)
    assert written.words == dict.fromkeys(words, 10)


def test_a_frequent_word_is_not_taken_for_missing() -> None:
    assert isinstance(found(*MANY, none=100), Unclear)
