"""What can be read without the graph is what the graph reads."""

import pyarrow as pa
import pytest
import tensorflow as tf

from preprocessing import dates
from preprocessing.config import BooleanFeature, DatetimeFeature, FeaturesConfig, Label
from preprocessing.number_config import NumericFeature
from preprocessing.packed import Packed
from preprocessing.readable import Dates, Words, readings

TEXTS = [
    "2024-04-31", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2024-13-01", "2024-00-10", "2024-1-5",
    " 2024-01-05", "2024-01-05T10:20:30Z", "2024-01-055", "24-01-05", "2024/01/05", "", "today", "0000-01-01",
    "0001-01-01", "9999-12-31", "2024-01-05\nx", "٢٠٢٤-01-05", "x2024-01-05", "20240131", "20240231", "17000",
    "31.12.2024 23:59:60", "31.12.2024 24:00:00", "31.12.2024 23:60:00", "1.2.2024 3:04:05 uhr", "12:30", "25:30",
]  # fmt: skip
FORMATS = ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y %H:%M:%S", "%H:%M", "%Y"]


@pytest.mark.parametrize("date_format", FORMATS)
def test_texts_are_dates_where_the_graph_says_so(date_format: str) -> None:
    days, _, valid = dates.parse(tf.constant(TEXTS), date_format)
    # As `date_inputs` has it: outside the years 1 to 9999 a date counts as missing.
    expected = (valid & (days >= -719_162) & (days <= 2_932_896)).numpy().tolist()
    assert Dates(format=date_format, unit="s").texts_only(pa.array(TEXTS)).to_pylist() == expected
    assert any(expected)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "days"])
def test_integers_are_dates_where_the_graph_says_so(unit: str) -> None:
    counts = [0, -1, 2_932_896, 2_932_897, -719_162, -719_163, 1_700_000_000_000_000_000, 2**63 - 1, -(2**62)]
    feature = DatetimeFeature(columns=("d",), unit=unit)
    given = dates.date_inputs(tf.constant(counts, tf.int64), "d", feature, Packed())()
    missing = given["d_missing_xf"].numpy().tolist()
    texts = pa.array([str(count) for count in counts])
    assert Dates(format="%Y-%m-%d", unit=unit).readable(texts).to_pylist() == [each == 0 for each in missing]


def test_an_integer_among_texts_is_no_count_of_days() -> None:
    reading = Dates(format="%Y-%m-%d", unit="days")
    texts = pa.array(["2024-01-31", "17000"])
    assert reading.readable(texts).to_pylist() == [True, True]
    assert reading.texts_only(texts).to_pylist() == [True, False]


def test_words_of_a_boolean_in_upper_and_lower_case() -> None:
    assert Words(words=("Ja", "nein", "É")).readable(pa.array(["JA", "Nein", "é", "j", ""])).to_pylist() == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_dates_and_booleans_of_a_section() -> None:
    features = FeaturesConfig(
        label=Label(column="y", task="regression"),
        numeric=(NumericFeature(columns=("x",)),),
        boolean=(BooleanFeature(columns=("b",), true_values=("on",), false_values=("off",)),),
        datetime=(DatetimeFeature(columns=("d", "e"), format="%d/%m/%Y"),),
    )
    date = Dates(format="%d/%m/%Y", unit="s")
    assert readings(features) == {"d": date, "e": date, "b": Words(words=("on", "off"))}
