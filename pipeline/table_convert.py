"""Arrow arrays in the types that a staged table has: int64, double and string."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

StagedType = Literal["int64", "double", "string"]
EXACT_INTEGERS = 2.0**53
"""Below this, a float that is whole is that integer."""


def arrow_type(kind: StagedType) -> pa.DataType:
    """The Arrow type by its name."""
    import pyarrow as pa

    return {"int64": pa.int64(), "double": pa.float64(), "string": pa.string()}[kind]


def convert(array: pa.Array, kind: StagedType, date_format: str | None = None) -> pa.Array:
    """An array as a staged type; what is missing (null, NaN, the empty string) becomes null.

    Args:
      array: CSV cells already converted, or any supported Parquet column whose values fit `kind`.
      kind: the wanted type.
      date_format: for dates and points in time that become strings; None is ISO.

    Raises:
      pyarrow.ArrowInvalid: a value does not fit.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "string":
        text = cells_as_text(array, date_format)
        return pc.if_else(pc.equal(text, ""), None, text)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        array = pc.utf8_trim_whitespace(array)
        array = pc.if_else(pc.equal(array, ""), None, array)
    if kind == "int64" and not pa.types.is_floating(array.type):
        return array.cast(pa.int64())
    numbers = array.cast(pa.float64(), safe=False)
    numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
    return numbers.cast(pa.int64()) if kind == "int64" else numbers


def single_value_lists(array: pa.Array) -> pa.ListArray:
    """Every value as a list of one; null stays null.

    The stock Parquet reader takes a bare 0 for missing (`if not pyval` in `dict_to_example`,
    tfx/components/example_gen/utils.py), but not a list that holds 0.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    absent = pc.is_null(array)
    ends = pc.cumulative_sum(pc.invert(absent).cast(pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, array.drop_null(), mask=absent)


def is_plain_number(kind: pa.DataType) -> bool:
    """Integers, floats and decimals."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_boolean_or_time(kind: pa.DataType) -> bool:
    """Booleans, dates, times of day and points in time: they become text."""
    import pyarrow as pa

    return bool(
        pa.types.is_boolean(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind)
    )


def cells_as_text(array: pa.Array, date_format: str | None = None) -> pa.Array:
    """Any supported array as strings; null and NaN become the empty string.

    Args:
      array: booleans become `true` and `false`; dates `YYYY-MM-DD`; points in time `YYYY-MM-DD HH:MM:SS`, in UTC
        where they have a time zone; integral floats lose their point.
      date_format: another format for dates and points in time.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        return cells_as_text(array.dictionary_decode(), date_format)
    if pa.types.is_timestamp(kind):
        # Seconds, because strftime prints the fraction of a finer unit; without its zone the number is UTC.
        seconds = array.cast(pa.timestamp("s", kind.tz), safe=False).cast(pa.timestamp("s"))
        text = pc.strftime(seconds, format=date_format or "%Y-%m-%d %H:%M:%S")
    elif pa.types.is_date(kind):
        text = pc.strftime(array.cast(pa.date32()), format=date_format or "%Y-%m-%d")
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        text = pa.array(
            [_number_text(value) for value in array.cast(pa.float64(), safe=False).to_pylist()], pa.string()
        )
    else:
        text = array.cast(pa.string())
    return pc.fill_null(text, "")


def _number_text(value: float | None) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < EXACT_INTEGERS else repr(value)
