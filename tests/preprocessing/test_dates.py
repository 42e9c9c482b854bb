"""Dates in the graph, against Python's own calendar."""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing import dates
from preprocessing.config import DatetimeFeature
from preprocessing.errors import UserError
from preprocessing.packed import Packed

EPOCH = dt.datetime(1970, 1, 1)
PARTS = ("month", "day", "day_of_week", "day_of_year", "hour", "minute")
ALL_PARTS = DatetimeFeature(columns=("d",), parts=PARTS, encoding="categorical", format="%Y-%m-%d %H:%M:%S")
# A few batches are enough: each holds hundreds of dates.
few = settings(max_examples=10, deadline=None)


def expected_ids(moment: dt.datetime) -> list[int]:
    """The id of each part in PARTS: 1 for the first January, 1st, Monday, first day, midnight, full hour."""
    return [
        moment.month, moment.day, moment.weekday() + 1, moment.timetuple().tm_yday, moment.hour + 1, moment.minute + 1
    ]  # fmt: skip


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def text_parts(text: tf.Tensor) -> dict[str, tf.Tensor]:
    return dates.date_inputs(text, "d", ALL_PARTS, Packed())()


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def parse_day(text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    return dates.parse(text, "%Y-%m-%d")


def ids(parts: dict[str, tf.Tensor]) -> list[list[int]]:
    return np.stack([parts[f"d_{part}_xf"].numpy() for part in PARTS], axis=1).tolist()


@few
@given(st.lists(st.datetimes(), min_size=100, max_size=300))
def test_parts_of_texts_agree_with_python(moments: list[dt.datetime]) -> None:
    texts = [f"{each.year:04}-{each.month:02}-{each.day:02} {each:%H:%M:%S}" for each in moments]
    got = text_parts(tf.constant(texts))
    assert got["d_missing_xf"].numpy().tolist() == [0.0] * len(moments)
    assert ids(got) == [expected_ids(each) for each in moments]


@few
@given(st.lists(st.dates(), min_size=100, max_size=300))
def test_days_since_1970_agree_with_python(days: list[dt.date]) -> None:
    got, seconds, valid = parse_day(tf.constant([each.isoformat() for each in days]))
    assert got.numpy().tolist() == [(each - dt.date(1970, 1, 1)).days for each in days]
    assert valid.numpy().all()
    assert not seconds.numpy().any()


@few
@given(st.lists(st.tuples(st.integers(1, 9999), st.integers(0, 14), st.integers(0, 33)), min_size=200, max_size=400))
def test_a_date_exists_when_python_says_so(triples: list[tuple[int, int, int]]) -> None:
    def exists(year: int, month: int, day: int) -> bool:
        try:
            dt.date(year, month, day)
        except ValueError:
            return False
        return True

    _, _, valid = parse_day(tf.constant([f"{y:04}-{m}-{d}" for y, m, d in triples]))
    assert valid.numpy().tolist() == [exists(*each) for each in triples]


# What the unit counts in a second, and how many seconds back and forth stay within both calendars and int64.
UNITS = {
    "s": (1, 60_000_000_000),
    "ms": (10**3, 60_000_000_000),
    "us": (10**6, 60_000_000_000),
    "ns": (10**9, 9 * 10**9),
}


@pytest.mark.parametrize("unit", UNITS)
@few
@given(data=st.data())
def test_integers_since_1970_agree_with_python(unit: str, data: st.DataObject) -> None:
    per_second, span = UNITS[unit]
    seconds = data.draw(st.lists(st.integers(-span, span), min_size=100, max_size=200))
    fraction = data.draw(st.integers(0, per_second - 1))
    counts = tf.constant([each * per_second + fraction for each in seconds], tf.int64)
    feature = ALL_PARTS.model_copy(update={"unit": unit})
    got = dates.date_inputs(counts, "d", feature, Packed())()
    assert ids(got) == [expected_ids(EPOCH + dt.timedelta(seconds=each)) for each in seconds]


def test_integers_that_count_days() -> None:
    feature = ALL_PARTS.model_copy(update={"unit": "days"})
    got = dates.date_inputs(tf.constant([0, -1, 19_782], tf.int64), "d", feature, Packed())()
    # Thursday 1 January 1970; Wednesday 31 December 1969; Thursday 29 February 2024.
    assert ids(got) == [[1, 1, 4, 1, 1, 1], [12, 31, 3, 365, 1, 1], [2, 29, 4, 60, 1, 1]]


def test_nanoseconds_of_today_are_dates() -> None:
    feature = DatetimeFeature(columns=("d",), parts=("month", "day"), unit="ns", encoding="categorical")
    # 2023-11-14 22:13:20 and half a second: nineteen digits.
    got = dates.date_inputs(tf.constant([1_700_000_000_500_000_000], tf.int64), "d", feature, Packed())()
    assert [got["d_month_xf"].numpy().tolist(), got["d_day_xf"].numpy().tolist()] == [[11], [14]]


@pytest.mark.parametrize("count", [np.iinfo(np.int64).max, np.iinfo(np.int64).min, 2_932_897, -719_163])
def test_sentinels_outside_the_years_1_to_9999_are_missing(count: int) -> None:
    feature = ALL_PARTS.model_copy(update={"unit": "days"})
    got = dates.date_inputs(tf.constant([count], tf.int64), "d", feature, Packed())()
    assert got["d_missing_xf"].numpy().tolist() == [1.0]
    assert ids(got) == [[0] * 6]


@pytest.mark.parametrize(
    ("text", "exists"),
    [
        ("2024-04-31", False), ("2024-02-29", True), ("2023-02-29", False), ("1900-02-29", False),
        ("2000-02-29", True), ("2100-02-29", False), ("2024-13-01", False), ("2024-00-10", False),
        ("2024-1-5", True), (" 2024-01-05", True), ("2024-01-05T10:20:30Z", True), ("2024-01-05 x", True),
        ("2024-01-055", False), ("24-01-05", False), ("2024/01/05", False), ("", False), ("today", False),
        ("x2024-01-05", False), ("2024-01-05\nx", True), ("٢٠٢٤-01-05", False),
    ],
)  # fmt: skip
def test_which_texts_are_dates(text: str, exists: bool) -> None:
    assert bool(parse_day(tf.constant([text]))[2].numpy()[0]) is exists


@pytest.mark.parametrize(
    ("date_format", "text", "day", "second"),
    [
        ("%d.%m.%Y", "31.12.2023", dt.date(2023, 12, 31), 0),
        ("%H:%M:%S", "23:59:58", dt.date(1970, 1, 1), 86_398),
        ("%Y%m%d", "20240229", dt.date(2024, 2, 29), 0),
        ("%Y年%m月%d日", "2024年2月9日", dt.date(2024, 2, 9), 0),
        ("%m/%d/%Y %H.%M", "2/9/2024 7.05", dt.date(2024, 2, 9), 7 * 3600 + 5 * 60),
        ("[%Y]", "[1999]", dt.date(1999, 1, 1), 0),
        ("%Y-%m-%dT%H:%M:%S", "2016-12-31T23:59:60Z", dt.date(2016, 12, 31), 86_400),  # a leap second
    ],
)
def test_formats(date_format: str, text: str, day: dt.date, second: int) -> None:
    days, seconds, valid = dates.parse(tf.constant([text]), date_format)
    assert valid.numpy().tolist() == [True]
    assert days.numpy().tolist() == [(day - dt.date(1970, 1, 1)).days]
    assert seconds.numpy().tolist() == [second]


@pytest.mark.parametrize("text", ["24:00:00", "12:60:00", "12:00:61", "12:00"])
def test_times_that_do_not_exist(text: str) -> None:
    assert dates.parse(tf.constant([text]), "%H:%M:%S")[2].numpy().tolist() == [False]


def test_cyclic_parts_are_sine_and_cosine_of_the_share_of_the_period(preprocess: Callable[..., Any]) -> None:
    periods = {"month": 12, "day": 31, "day_of_week": 7, "day_of_year": 366, "hour": 24, "minute": 60}
    section = {"datetime": [{"columns": ["d"], "parts": list(PARTS), "format": "%Y-%m-%d %H:%M"}]}
    got = preprocess(section, d=(["2024-03-06 15:45", None, "2024-03-32 00:00"], tf.string))  # a Wednesday
    done = {"month": 2, "day": 5, "day_of_week": 2, "day_of_year": 31 + 29 + 5, "hour": 15, "minute": 45}
    for part, value in done.items():
        angle = 2 * math.pi * value / periods[part]
        expected = [[math.sin(angle), math.cos(angle)], [0, 0], [0, 0]]
        np.testing.assert_allclose(got[f"d_{part}_cycle_xf"], expected, atol=1e-6)
    assert got["d_missing_xf"].tolist() == [[0], [1], [1]]


def test_a_cycle_does_not_depend_on_the_batch() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def cycles(days: tf.Tensor) -> tf.Tensor:
        moment = dates._Moment(days, tf.zeros_like(days))
        return dates._cycles(moment, ["month", "day_of_week"], tf.ones_like(days, tf.bool))

    days = tf.range(0, 360, 10, tf.int64)
    whole = cycles(days).numpy()
    # Alone in its batch, where no vector instruction is used.
    alone = np.concatenate([cycles(days[at : at + 1]).numpy() for at in range(36)])
    np.testing.assert_array_equal(alone, whole)


def test_december_is_next_to_january(preprocess: Callable[..., Any]) -> None:
    section = {"datetime": [{"columns": ["d"], "parts": ["month"]}]}
    december, january, july = preprocess(section, d=(["2023-12-01", "2024-01-01", "2024-07-01"], tf.string))[
        "d_month_cycle_xf"
    ]
    assert np.linalg.norm(december - january) == pytest.approx(2 * math.sin(math.pi / 12), abs=1e-6)
    assert np.linalg.norm(january - july) == pytest.approx(2, abs=1e-6)


def test_categorical_parts_keep_id_0_for_missing(preprocess: Callable[..., Any]) -> None:
    section = {"datetime": [{"columns": ["d"], "parts": ["month", "day_of_week"], "encoding": "categorical"}]}
    got = preprocess(section, d=(["2024-12-29", None, "never"], tf.string))  # a Sunday
    assert got["d_month_xf"].tolist() == [[12], [0], [0]]
    assert got["d_day_of_week_xf"].tolist() == [[7], [0], [0]]
    assert got["d_month_xf"].dtype == np.int64


def test_indicator_can_be_left_out(preprocess: Callable[..., Any]) -> None:
    section = {"datetime": [{"columns": ["d"], "parts": ["month"], "indicator": False}]}
    assert set(preprocess(section, d=(["2024-12-29"], tf.string))) == {"d_month_cycle_xf", "row_key_xf"}


def test_floating_point_dates_are_refused(preprocess: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match="'d' holds floating-point numbers"):
        preprocess({"datetime": [{"columns": ["d"]}]}, d=([1.7e9], tf.float32))
