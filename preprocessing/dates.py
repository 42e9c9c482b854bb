"""Dates and times inside the graph: read, split into parts, encoded. Proleptic Gregorian calendar, UTC."""

import math
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeAlias

import tensorflow as tf

from preprocessing import raw_columns
from preprocessing.config import DatetimeFeature
from preprocessing.errors import UserError
from preprocessing.features import CYCLIC_PERIODS, transformed
from preprocessing.packed import Packed
from preprocessing.readable import FIRST_DAY, LAST_DAY

Dates: TypeAlias = Callable[[], dict[str, tf.Tensor]]
"""Gives the model inputs of a date column, when all that is learned has been asked for."""
SECONDS_PER_DAY = 86_400
_DIRECTIVES = {
    "Y": r"(\d{4})",
    "m": r"(\d{1,2})",
    "d": r"(\d{1,2})",
    "H": r"(\d{1,2})",
    "M": r"(\d{1,2})",
    "S": r"(\d{1,2})",
}
_DATE = {"Y": 1970, "m": 1, "d": 1}
"""What stands for a directive that the format lacks."""
_CLOCK = {"H": (3600, 24), "M": (60, 60), "S": (1, 61)}
"""How many seconds each counts, and what it stays below: there are leap seconds."""
_DEFAULTS = _DATE | dict.fromkeys(_CLOCK, 0)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def date_inputs(raw: tf.Tensor, column: str, feature: DatetimeFeature, packed: Packed) -> Dates:
    """The model inputs of one date column.

    Args:
      raw: the [batch] column: strings in `feature.format`, or integers that count `feature.unit` since 1970.
      column: its name.
      feature: which parts are wanted and how they are encoded.
      packed: learns what has to be learned.

    Returns:
      Gives by name: `<part>_cycle` float32 [batch, 2] (sine, cosine), `<part>` int64 [batch] ids with 0 for
      missing, or `year` and `elapsed` as z-scored float32 [batch, 1]; `missing` float32 [batch] if wanted. What is
      not a date, or lies outside the years 1 to 9999 (a sentinel, as a rule), counts as missing.

    Raises:
      UserError: the column holds floating-point numbers.
    """
    if raw.dtype == tf.string:
        moment, valid = _read(raw, feature.format)
    elif raw.dtype.is_integer:
        moment, valid = _from_count(raw, feature.unit)
    else:
        raise UserError(
            f"column {column!r} holds floating-point numbers, which are too coarse for dates",
            field=("features", "datetime"),
            hint="write the column as text or as integers",
        )
    valid &= (moment.days >= FIRST_DAY) & (moment.days <= LAST_DAY)
    repeating = [part for part in feature.parts if part in CYCLIC_PERIODS]
    growing = [part for part in feature.parts if part not in CYCLIC_PERIODS]
    outputs: dict[str, tf.Tensor] = {}
    if repeating and feature.encoding == "cyclic":
        names = [transformed(column, f"{part}_cycle") for part in repeating]
        outputs |= zip(names, tf.unstack(_cycles(moment, repeating, valid), axis=1), strict=True)
    else:
        for part in repeating:
            value = moment.part(part)
            outputs[transformed(column, part)] = tf.where(valid, value + 1, tf.zeros_like(value))
    if feature.indicator:
        outputs[transformed(column, "missing")] = tf.cast(~valid, tf.float32)
    if not growing:
        return lambda: outputs
    # In float64: days since 1970 in float32 are minutes apart.
    matrix = tf.stack([tf.cast(moment.part(part), tf.float64) for part in growing], axis=1)
    matrix = tf.where(valid[:, tf.newaxis], matrix, tf.constant(math.nan, tf.float64))
    learned = packed.moments(matrix)

    def give() -> dict[str, tf.Tensor]:
        names = [transformed(column, part) for part in growing]
        return outputs | dict(zip(names, tf.split(_z_scores(matrix, learned()), len(names), axis=1), strict=True))

    return give


def _cycles(moment: "_Moment", parts: Sequence[str], valid: tf.Tensor) -> tf.Tensor:
    """Sine and cosine of each part, float32 [batch, parts, 2]; 0 where there is no date."""
    values = tf.cast(tf.stack([moment.part(part) for part in parts], axis=1), tf.float64)
    angles = values * tf.constant([2 * math.pi / CYCLIC_PERIODS[part] for part in parts], tf.float64)
    # A sine's last digit depends on where in a batch it stands. Rounded from float64 it doesn't: a tree's question
    # between two such neighbours would answer one row in two ways.
    cycles = tf.cast(tf.stack([tf.sin(angles), tf.cos(angles)], axis=-1), tf.float32)
    return tf.where(valid[:, tf.newaxis, tf.newaxis], cycles, tf.zeros_like(cycles))


def _z_scores(matrix: tf.Tensor, learned: tf.Tensor) -> tf.Tensor:
    scaled = tf.math.divide_no_nan(matrix - learned[:, 0], tf.sqrt(learned[:, 1]))
    return tf.cast(tf.where(tf.math.is_finite(scaled), scaled, tf.zeros_like(scaled)), tf.float32)


def parse(text: tf.Tensor, date_format: str) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads dates from strings.

    Args:
      text: strings of shape [batch].
      date_format: directives `%Y %m %d %H %M %S` and literal characters; what follows is ignored.

    Returns:
      Days since 1970-01-01 (int64), seconds of the day (int64) and whether the text was a date (bool), each of
      shape [batch]; the numbers are 0 where it was not.
    """
    moment, valid = _read(text, date_format)
    zero = tf.zeros_like(moment.days)
    return tf.where(valid, moment.days, zero), tf.where(valid, moment.seconds, zero), valid


class _Moment:
    """Points in time, and the parts of them that somebody asks for; where there is no date, they say anything.

    Args:
      days: since 1970-01-01, int64 [batch].
      seconds: of the day, int64 [batch].
    """

    def __init__(self, days: tf.Tensor, seconds: tf.Tensor) -> None:
        self.days = days
        self.seconds = seconds

    @cached_property
    def civil(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Year, month and day of the month."""
        return _civil_from_days(self.days)

    def part(self, name: str) -> tf.Tensor:
        """A part, counted from 0 where it repeats; `elapsed` in days."""
        match name:
            case "year":
                return self.civil[0]
            case "month" | "day":
                return self.civil[("year", "month", "day").index(name)] - 1
            case "day_of_week":
                return (self.days + 3) % 7  # 1970-01-01 was a Thursday
            case "day_of_year":
                one = tf.ones_like(self.days)
                return self.days - _days_from_civil(self.civil[0], one, one)
            case "hour":
                return self.seconds // 3600 % 24
            case "minute":
                return self.seconds // 60 % 60
        return tf.cast(self.days, tf.float64) + tf.cast(self.seconds, tf.float64) / SECONDS_PER_DAY


def _read(text: tf.Tensor, date_format: str) -> tuple[_Moment, tf.Tensor]:
    """Dates from strings of shape [batch], and whether each is one."""
    pattern, order = _pattern(date_format)
    valid = tf.strings.regex_full_match(text, pattern)
    # All numbers at once. Anchored, so that they are those of the match that `valid` is about.
    listed = tf.strings.regex_replace(
        text, rf"\A{pattern}\z", ",".join(rf"\{group + 1}" for group in range(len(order))), replace_global=False
    )
    nothing = ",".join(str(_DEFAULTS[directive]) for directive in order)
    columns = tf.io.decode_csv(tf.where(valid, listed, nothing), [tf.constant([], tf.int64)] * len(order))
    fields = dict(zip(order, columns, strict=True))
    year, month, day = (
        fields[directive] if directive in fields else tf.fill(tf.shape(text), tf.constant(default, tf.int64))
        for directive, default in _DATE.items()
    )
    days = _days_from_civil(year, month, day)
    # A date that does not exist (31 April) comes back from the calendar as another one.
    moment = _Moment(days, tf.zeros_like(days))
    for read, exists in zip((year, month, day), moment.civil, strict=True):
        valid &= tf.equal(read, exists)
    for directive, (length, limit) in _CLOCK.items():
        if directive in fields:
            valid &= fields[directive] < limit
            moment.seconds += fields[directive] * length
    return moment, valid


def _pattern(date_format: str) -> tuple[str, str]:
    """The format as a regular expression, and the directives in the order of its groups."""
    order = "".join(re.findall(r"%([YmdHMS])", date_format))
    pieces = re.split(r"%([YmdHMS])", date_format)
    pattern = "".join(_DIRECTIVES[piece] if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    # After a number of one or two digits the tail must not begin with a digit.
    return rf"(?s)\s*{pattern}(?:\D.*)?", order


def _from_count(raw: tf.Tensor, unit: str) -> tuple[_Moment, tf.Tensor]:
    valid = tf.not_equal(raw, raw_columns.MISSING_INTEGER)
    count = tf.where(valid, raw, tf.zeros_like(raw))
    if unit == "days":
        return _Moment(count, tf.zeros_like(count)), valid
    per_day = SECONDS_PER_DAY * _PER_SECOND[unit]
    return _Moment(count // per_day, (count % per_day) // _PER_SECOND[unit]), valid


def _days_from_civil(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms")."""
    year = tf.where(month <= 2, year - 1, year)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def _civil_from_days(days: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The inverse of `_days_from_civil` (same source)."""
    shifted = days + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = tf.where(shifted_month < 10, shifted_month + 3, shifted_month - 9)
    year = year_of_era + era * 400 + tf.cast(month <= 2, tf.int64)
    return year, month, day
