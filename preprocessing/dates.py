"""Dates and times inside the graph: read, split into parts, encoded. Proleptic Gregorian calendar, UTC."""

import math
import re

import tensorflow as tf
import tensorflow_transform as tft

from preprocessing import raw_columns
from preprocessing.config import DatetimeFeature
from preprocessing.errors import UserError
from preprocessing.features import CYCLIC_PERIODS, transformed
from preprocessing.readable import FIRST_DAY, LAST_DAY

SECONDS_PER_DAY = 86_400
_DIRECTIVES = {
    "Y": r"(\d{4})",
    "m": r"(\d{1,2})",
    "d": r"(\d{1,2})",
    "H": r"(\d{1,2})",
    "M": r"(\d{1,2})",
    "S": r"(\d{1,2})",
}
_DEFAULTS = {"Y": 1970, "m": 1, "d": 1, "H": 0, "M": 0, "S": 0}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def date_inputs(raw: tf.Tensor, column: str, feature: DatetimeFeature) -> dict[str, tf.Tensor]:
    """The model inputs of one date column.

    Args:
      raw: the [batch] column: strings in `feature.format`, or integers that count `feature.unit` since 1970.
      column: its name.
      feature: which parts are wanted and how they are encoded.

    Returns:
      By name: `<part>_cycle` float32 [batch, 2] (sine, cosine), `<part>` int64 [batch] ids with 0 for
      missing, or `year` and `elapsed` as z-scored float32 [batch]; `missing` float32 [batch] if wanted. What is
      not a date, or lies outside the years 1 to 9999 (a sentinel, as a rule), counts as missing.

    Raises:
      UserError: the column holds floating-point numbers.
    """
    if raw.dtype == tf.string:
        days, seconds, valid = parse(raw, feature.format)
    elif raw.dtype.is_integer:
        days, seconds, valid = _from_count(raw, feature.unit)
    else:
        raise UserError(
            f"column {column!r} holds floating-point numbers, which are too coarse for dates",
            field=("features", "datetime"),
            hint="write the column as text or as integers",
        )
    valid &= (days >= FIRST_DAY) & (days <= LAST_DAY)
    outputs: dict[str, tf.Tensor] = {}
    values = _parts(days, seconds)
    for part in feature.parts:
        if part not in CYCLIC_PERIODS:
            outputs[transformed(column, part)] = _z_score(values[part], valid)
        elif feature.encoding == "cyclic":
            angle = tf.cast(values[part], tf.float32) * (2 * math.pi / CYCLIC_PERIODS[part])
            cycle = tf.stack([tf.sin(angle), tf.cos(angle)], axis=-1)
            outputs[transformed(column, f"{part}_cycle")] = tf.where(valid[:, tf.newaxis], cycle, tf.zeros_like(cycle))
        else:
            outputs[transformed(column, part)] = tf.where(valid, values[part] + 1, tf.zeros_like(values[part]))
    if feature.indicator:
        outputs[transformed(column, "missing")] = tf.cast(~valid, tf.float32)
    return outputs


def parse(text: tf.Tensor, date_format: str) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads dates from strings.

    Args:
      text: strings of shape [batch].
      date_format: directives `%Y %m %d %H %M %S` and literal characters; what follows is ignored.

    Returns:
      Days since 1970-01-01 (int64), seconds of the day (int64) and whether the text was a date (bool), each of
      shape [batch]; the numbers are 0 where it was not.
    """
    pattern, order = _pattern(date_format)
    valid = tf.strings.regex_full_match(text, pattern)
    fields = {}
    for directive, default in _DEFAULTS.items():
        if directive in order:
            digits = tf.strings.regex_replace(text, pattern, rf"\{order.index(directive) + 1}")
            fields[directive] = tf.strings.to_number(tf.where(valid, digits, str(default)), tf.int64)
        else:
            fields[directive] = tf.fill(tf.shape(text), tf.constant(default, tf.int64))
    year, month, day = fields["Y"], fields["m"], fields["d"]
    days = _days_from_civil(year, month, day)
    # A date that does not exist (31 April) comes back from the calendar as another one.
    valid &= tf.reduce_all(tf.equal(tf.stack(_civil_from_days(days)), tf.stack([year, month, day])), axis=0)
    valid &= (fields["H"] < 24) & (fields["M"] < 60) & (fields["S"] <= 60)
    seconds = fields["H"] * 3600 + fields["M"] * 60 + fields["S"]
    zero = tf.zeros_like(days)
    return tf.where(valid, days, zero), tf.where(valid, seconds, zero), valid


def _pattern(date_format: str) -> tuple[str, str]:
    """The format as a regular expression, and the directives in the order of its groups."""
    order = "".join(re.findall(r"%([YmdHMS])", date_format))
    pieces = re.split(r"%([YmdHMS])", date_format)
    pattern = "".join(_DIRECTIVES[piece] if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    # After a number of one or two digits the tail must not begin with a digit.
    return rf"(?s)\s*{pattern}(?:\D.*)?", order


def _from_count(raw: tf.Tensor, unit: str) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    text = raw_columns.strings(raw)
    valid = tf.not_equal(text, "")
    count = tf.strings.to_number(tf.where(valid, text, "0"), tf.int64)
    if unit == "days":
        return count, tf.zeros_like(count), valid
    per_day = SECONDS_PER_DAY * _PER_SECOND[unit]
    return count // per_day, (count % per_day) // _PER_SECOND[unit], valid


def _parts(days: tf.Tensor, seconds: tf.Tensor) -> dict[str, tf.Tensor]:
    """Every part, counted from 0 where it repeats; `elapsed` in days."""
    year, month, day = _civil_from_days(days)
    first_of_year = _days_from_civil(year, tf.ones_like(month), tf.ones_like(day))
    return {
        "year": year,
        "month": month - 1,
        "day": day - 1,
        "day_of_week": (days + 3) % 7,  # 1970-01-01 was a Thursday
        "day_of_year": days - first_of_year,
        "hour": seconds // 3600 % 24,
        "minute": seconds // 60 % 60,
        "elapsed": tf.cast(days, tf.float64) + tf.cast(seconds, tf.float64) / SECONDS_PER_DAY,
    }


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


def _z_score(values: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    # In float64: days since 1970 in float32 are minutes apart.
    values = tf.cast(values, tf.float64)
    present = raw_columns.where_present(values, valid)
    scaled = tf.math.divide_no_nan(values - tft.mean(present), tf.sqrt(tft.var(present)))
    return tf.cast(tf.where(valid & tf.math.is_finite(scaled), scaled, tf.zeros_like(scaled)), tf.float32)
