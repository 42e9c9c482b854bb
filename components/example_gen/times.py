"""Times as seconds since 1970-01-01 UTC: one cut-off, or a whole column."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1_000_000


def parse_time(text: str, time_format: str | None) -> int:
    """Seconds since 1970-01-01 UTC; parts of a second are cut off.

    Args:
      text: a time in the format; without one an ISO date or time, in UTC unless it says its zone, or the seconds
        themselves (9 to 12 digits).
      time_format: of `datetime.strptime`, or None.

    Raises:
      ValueError: the text is not such a time.
    """
    text = text.strip()
    if time_format is None and re.fullmatch(r"-?[0-9]{9,12}", text):
        return int(text)
    moment = datetime.fromisoformat(text) if time_format is None else datetime.strptime(text, time_format)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _SECOND


def seconds(array: pa.Array, time_format: str | None) -> pa.Int64Array:
    """The times of a column as `parse_time` reads them, in seconds since 1970-01-01 UTC.

    Args:
      array: text; integers or floats (those seconds, or the digits of a time in `time_format`); dates; points in time.
      time_format: of text and numbers; None for ISO text.

    Returns:
      Null where the time is missing or can't be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        return seconds(array.dictionary_decode(), time_format)
    if pa.types.is_date(kind):
        return array.cast(pa.timestamp("s")).cast(pa.int64())
    if pa.types.is_timestamp(kind):
        # Of a time with a zone the number itself is UTC.
        return _whole(array.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64()))
    if pa.types.is_floating(kind):
        floor = pc.floor(array)
        array = pc.if_else(pc.is_finite(floor), floor, None).cast(pa.int64(), safe=False)
    if not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
        if time_format is None:
            return array.cast(pa.int64())
        array = array.cast(pa.string())
    codes = array.dictionary_encode()
    return _parsed(codes.dictionary.cast(pa.string()), time_format).take(codes.indices)


def _parsed(texts: pa.StringArray, time_format: str | None) -> pa.Int64Array:
    """Distinct texts: those that Arrow reads just as Python does at once, the rest one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if time_format is None:
        try:
            return _whole(texts.cast(pa.timestamp("us")).cast(pa.int64()))
        except pa.ArrowInvalid:
            found = pa.nulls(len(texts), pa.int64())
    else:
        times = pc.strptime(texts, format=time_format, unit="s", error_is_null=True)
        # Arrow rolls the 30th of February over to March. What it writes as it has read it is right.
        same = pc.equal(pc.strftime(times, format=time_format), texts)
        found = pc.if_else(pc.fill_null(same, False), times.cast(pa.int64()), None)
    if not found.null_count:
        return found
    slow = texts.filter(pc.is_null(found)).to_pylist()
    return pc.replace_with_mask(
        found, pc.is_null(found), pa.array([_or_none(t, time_format) for t in slow], pa.int64())
    )


def _or_none(text: str | None, time_format: str | None) -> int | None:
    try:
        return None if text is None else parse_time(text, time_format)
    except ValueError:
        return None


def _whole(microseconds: pa.Int64Array) -> pa.Int64Array:
    """Whole seconds, rounded down."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pc.fill_null(microseconds, 0).to_numpy(zero_copy_only=False)
    return pa.array(np.floor_divide(numbers, _MICROSECONDS), mask=np.asarray(pc.is_null(microseconds)))
