"""Finds the format of dates that are written as text or as numbers."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.scaffold.survey import Column
from preprocessing.config import DatePart

_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%Y", "%d/%m/%Y")
_TIMES = ("%H:%M:%S", "%H:%M")
_FORMATS = (
    *(f"{date}{joint}{time}" for date in _DATES for time in _TIMES for joint in (" ", "T")),
    *_DATES,
    "%Y-%m",
    *_TIMES,
)
"""Longest first, as text after the last directive is ignored. The American order stands before the other with
slashes, after it with dashes: the more usual reading of a date that both fit."""
_TIME_OF_DAY = re.compile(r"\s*\d{1,2}:\d{2}(:\d{2})?\b")
_PADDED = re.compile(r"\b0\d")
_DIRECTIVE = re.compile("%([YmdHMS])")
_DIGITS = {"Y": r"(\d{4})"}
_ENOUGH = 0.98
_MOST_DATES = 0.5
_LOOKED_AT = 2000
_HALF_DAY = re.compile(r"\b[AaPp]\.?[Mm]\b")
_WORDY = re.compile(r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_DAY_AND_MONTH = re.compile(r"\s*\d{1,2}[./-]\d{1,2}[./-]\d{4}")
_LIKE_A_DATE = re.compile(r"\s*\d{1,4}[./-]\d{1,2}[./-]\d")
_SHORT_YEAR = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2}(?!\d)")
_EPOCH = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH_WORDS = frozenset({"time", "timestamp", "ts", "date", "datetime", "epoch", "created", "updated", "at", "when"})
_YEAR_DAYS = 365


@dataclass(frozen=True)
class Dates:
    """How a column's dates are written and what to take from them.

    Attributes:
      format: for text; None for integers.
      unit: for integers, what they count since 1970.
      parts: the date parts worth having.
      note: what a reader of the configuration should check; "" for nothing.
    """

    format: str | None
    unit: str | None
    parts: tuple[DatePart, ...]
    note: str


def find_dates(column: Column) -> Dates | None:
    """How the column's dates are written, or None when it does not hold dates that preprocessing can read."""
    values = column.first(_LOOKED_AT)
    if not values:
        return None
    if column.is_number:
        return _from_numbers(column, values)
    half_day = _share(bool(_HALF_DAY.search(value)) for value in values) > 0
    shares = {found: _share(_readable(values, found)) for found in _FORMATS if not (half_day and "%H" in found)}
    fitting = [found for found, share in shares.items() if share >= _ENOUGH]
    if not fitting or (fitting[0] in _TIMES and not _are_times_of_day(values)):
        return None
    # A single 13/02 tells that the day comes first, however many 01/02 there are.
    chosen = max(fitting[0], _swapped(fitting[0]), key=lambda found: shares.get(found, 0.0))
    notes = []
    swapped = _swapped(chosen)
    if swapped != chosen and shares.get(swapped) == shares[chosen]:
        notes.append(f"every value also fits {swapped}: check which one is the month")
    if half_day:
        notes.append("the time of day is left out: AM and PM are not read")
    dates = [date for date in (_read(value, chosen) for value in values) if date is not None]
    return Dates(chosen, None, _parts(dates, chosen), "; ".join(notes))


def looks_like_unreadable_dates(column: Column) -> bool:
    """Whether the values are dates in a format that preprocessing can't read: month names, years of two digits."""
    values = column.first(_LOOKED_AT)
    wordy = (bool(_WORDY.search(value)) and bool(re.search(r"\d", value)) and len(value) < 40 for value in values)
    short = (bool(_SHORT_YEAR.match(value)) for value in values)
    return bool(values) and max(_share(wordy), _share(short)) >= _ENOUGH


def other_than_dates(column: Column) -> str | None:
    """A value that is not a date, where most values are dates of one format; None where there is none."""
    values = column.first(_LOOKED_AT)
    if not values or _share(bool(_LIKE_A_DATE.match(value)) for value in values) < _MOST_DATES:
        return None
    found = max(_DATES, key=lambda each: _share(_readable(values, each)))
    if not _MOST_DATES <= _share(_readable(values, found)) < _ENOUGH:
        return None
    return next(value for value in values if _read(value, found) is None)


def mixed_dates(column: Column) -> tuple[str, str] | None:
    """A date that has the day first and one that has the month first, where a column has both."""
    values = column.first(_LOOKED_AT)
    if not values or not _DAY_AND_MONTH.match(values[0]):
        return None
    for day_first in (found for found in _FORMATS if "%d" in found and found.index("%d") < found.find("%m")):
        read = [(value, _read(value, day_first), _read(value, _swapped(day_first))) for value in values]
        if _share(day is not None or month is not None for _, day, month in read) >= _ENOUGH:
            only_day = next((value for value, day, month in read if day and not month), None)
            only_month = next((value for value, day, month in read if month and not day), None)
            if only_day is not None and only_month is not None:
                return only_day, only_month
    return None


def _are_times_of_day(values: list[str]) -> bool:
    """Whether values that fit a time of day are such: scores and ratios (`2:1`, `10:12`) fit it too.

    A time has two digits for its minutes, and seldom is none of them below ten.
    """
    like_times = _share(bool(_TIME_OF_DAY.match(value)) for value in values) >= _ENOUGH
    return like_times and any(_PADDED.search(value) for value in values)


def _swapped(date_format: str) -> str:
    """The format with day and month exchanged."""
    return _DIRECTIVE.sub(lambda match: {"%d": "%m", "%m": "%d"}.get(match[0], match[0]), date_format)


def _from_numbers(column: Column, values: list[str]) -> Dates | None:
    if not column.profile.cells.integers:
        return None
    if all(len(value) == 8 for value in values) and _share(_readable(values, "%Y%m%d")) >= _ENOUGH:
        dates = [date for date in (_read(value, "%Y%m%d") for value in values) if date is not None]
        if all(1900 <= date.year <= 2100 for date in dates):
            return Dates("%Y%m%d", None, _parts(dates, "%Y%m%d"), "")
    if not column.words & _EPOCH_WORDS:
        return None
    for unit, per_second in _EPOCH.items():
        # Between 1990 and 2100, far from small counts such as "time: 35".
        if all(631_152_000 <= int(value) / per_second < 4_102_444_800 for value in values):
            moments = [dt.datetime.fromtimestamp(int(value) / per_second, dt.UTC) for value in values]
            return Dates(None, unit, _parts(moments, "%Y-%m-%d %H"), "")
    return None


def _share(flags: Iterable[bool]) -> float:
    counted = list(flags)
    return sum(counted) / max(len(counted), 1)


def _readable(values: list[str], date_format: str) -> Iterator[bool]:
    return (_read(value, date_format) is not None for value in values)


def _read(value: str, date_format: str) -> dt.datetime | None:
    """Reads a date as preprocessing does: one or two digits where two are usual, and a tail that begins with no
    digit."""
    pieces = _DIRECTIVE.split(date_format)
    pattern = "".join(_DIGITS.get(p, r"(\d{1,2})") if i % 2 else re.escape(p) for i, p in enumerate(pieces))
    match = re.fullmatch(rf"\s*{pattern}(?:\D.*)?", value, re.DOTALL | re.ASCII)
    if match is None:
        return None
    found = dict(zip(pieces[1::2], map(int, match.groups()), strict=True))
    try:
        return dt.datetime(
            found.get("Y", 1970),
            found.get("m", 1),
            found.get("d", 1),
            found.get("H", 0),
            found.get("M", 0),
            found.get("S", 0),
        )
    except ValueError:
        return None


def _parts(dates: list[dt.datetime], date_format: str) -> tuple[DatePart, ...]:
    """The parts that vary, and not those that only repeat what another says."""
    parts: list[DatePart] = []
    if "%m" in date_format and len({date.month for date in dates}) > 1:
        parts.append("month")
    if "%d" in date_format and len({date.weekday() for date in dates}) > 1:
        parts.append("day_of_week")
    if "%H" in date_format and len({date.hour for date in dates}) > 1:
        parts.append("hour")
    if "%M" in date_format and "%Y" not in date_format and len({date.minute for date in dates}) > 1:
        parts.append("minute")
    if "%Y" in date_format and (max(dates) - min(dates)).days > _YEAR_DAYS:
        parts.append("elapsed")
    return tuple(parts) or ("elapsed",)
