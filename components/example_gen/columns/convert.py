"""Arrow arrays in the types of tf.Example: int64, double and string (or bytes)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.example_gen.block import FeatureType
from components.example_gen.columns.cells import is_integer, is_number
from preprocessing.text import decoded

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

EXACT_INTEGERS = 2.0**53
"""Below this, a float that is whole is that integer."""
_BLANKS = " \t"
"""What may stand around a number."""


def arrow_type(kind: FeatureType) -> pa.DataType:
    """The Arrow type by its name."""
    import pyarrow as pa

    return {"int64": pa.int64(), "double": pa.float64(), "string": pa.string()}[kind]


def convert(
    array: pa.Array, kind: FeatureType, date_format: str | None = None
) -> tuple[pa.Array, pa.BooleanArray | None]:
    """An array as a feature; NaN becomes null.

    Args:
      array: of any type that `is_feature` takes, lists aside.
      kind: the wanted type.
      date_format: for dates and points in time that become strings; None is ISO.

    Returns:
      The values, null where one does not fit: int64, float64 or string, and binary for bytes under "string".
      Then which values do not fit, never null; None when all do.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    array = plain(array)
    if pa.types.is_null(array.type):
        return array.cast(arrow_type(kind)), None
    if kind == "string":
        return array if is_bytes(array.type) else _as_text(array, date_format), None
    if is_bytes(array.type):
        array = bytes_as_text(array)
    if is_string(array.type):
        return _parsed(array, kind)
    if pa.types.is_floating(array.type):
        return _of_floats(array, kind)
    if not (is_plain_number(array.type) or pa.types.is_boolean(array.type)):
        return pa.nulls(len(array), arrow_type(kind)), _misfits(pc.is_valid(array))
    if kind == "int64":
        return _integers(array)
    if pa.types.is_decimal(array.type):
        # Arrow's own cast is off by a bit at times; its parser finds the nearest number.
        array = array.cast(pa.string())
    return array.cast(pa.float64(), safe=False), None


def _parsed(array: pa.Array, kind: FeatureType) -> tuple[pa.Array, pa.BooleanArray | None]:
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pc.utf8_trim(array, characters=_BLANKS)
    if kind == "double":
        try:
            # Arrow itself takes the same texts for numbers as `is_number`, those that become NaN aside.
            numbers = cells.cast(pa.float64())
            if not pc.any(pc.is_nan(numbers)).as_py():
                return numbers, None
        except pa.ArrowInvalid:
            pass
    fits = is_number(cells) if kind == "double" else is_integer(cells)
    cells = pc.if_else(fits, cells, None)
    if kind == "int64":
        return pc.utf8_ltrim(cells, characters="+").cast(pa.int64()), _misfits(pc.invert(fits))
    numbers = cells.cast(pa.float64())
    return pc.if_else(pc.is_nan(numbers), None, numbers), _misfits(pc.invert(fits))


def _of_floats(array: pa.Array, kind: FeatureType) -> tuple[pa.Array, pa.BooleanArray | None]:
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = array.cast(pa.float64())
    # NaN is a missing number to us; Arrow counts it among the values.
    absent = pc.is_nan(numbers)
    if pc.any(absent).as_py():
        numbers = pc.if_else(absent, None, numbers)
    if kind == "double":
        return numbers, None
    in_range = pc.and_(pc.greater_equal(numbers, -(2.0**63)), pc.less(numbers, 2.0**63))
    fits = pc.and_(in_range, pc.equal(pc.floor(numbers), numbers))
    return pc.if_else(fits, numbers, None).cast(pa.int64(), safe=False), _misfits(pc.invert(fits))


def _integers(array: pa.Array) -> tuple[pa.Array, pa.BooleanArray | None]:
    """Integers, booleans and decimals as int64."""
    import pyarrow as pa

    try:
        return array.cast(pa.int64()), None
    except pa.ArrowInvalid:
        # Only uint64 and decimals get here, and only where a value does not fit.
        cells = array.to_pylist()
        fits = [cell is None or (cell == int(cell) and -(2**63) <= cell < 2**63) for cell in cells]
        whole = [None if cell is None or not fit else int(cell) for cell, fit in zip(cells, fits, strict=True)]
        return pa.array(whole, pa.int64()), pa.array([not fit for fit in fits], pa.bool_())


def _misfits(mask: pa.BooleanArray) -> pa.BooleanArray | None:
    import pyarrow.compute as pc

    mask = pc.fill_null(mask, False)
    return mask if pc.any(mask).as_py() else None


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


def is_string(kind: pa.DataType) -> bool:
    """Text in any of Arrow's layouts."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Bytes in any of Arrow's layouts."""
    import pyarrow as pa

    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Several values a row, in any of Arrow's layouts; maps aside."""
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def value_type(kind: pa.DataType) -> pa.DataType:
    """The type of a column's single values: of a list's elements, of what a dictionary's indices stand for."""
    import pyarrow as pa

    if is_list(kind) or pa.types.is_dictionary(kind):
        return value_type(kind.value_type)
    return kind


def is_feature(kind: pa.DataType) -> bool:
    """Whether values of this type, or lists of them, can become a feature."""
    import pyarrow as pa

    inner = kind.value_type if is_list(kind) else kind
    inner = inner.value_type if pa.types.is_dictionary(inner) else inner
    return (
        is_plain_number(inner)
        or is_boolean_or_time(inner)
        or is_string(inner)
        or is_bytes(inner)
        or bool(pa.types.is_null(inner))
    )


def plain(array: pa.Array) -> pa.Array:
    """An array in the one layout of its kind that everything here works with: of text, of bytes, of lists.

    Dictionaries are decoded, large, fixed-size and view layouts become the plain ones, and half floats floats.
    """
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        return plain(array.dictionary_decode())
    if is_list(kind):
        return array if pa.types.is_list(kind) else array.cast(pa.list_(kind.value_type))
    if is_string(kind):
        return array.cast(pa.string())
    if is_bytes(kind):
        return array.cast(pa.binary())
    return array.cast(pa.float32()) if pa.types.is_float16(kind) else array


def elements(array: pa.ListArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """The elements of lists, and the row of each: int64 of the same length.

    Unlike Arrow's own `list_parent_indices` it leaves out what is stored below a null.
    """
    import numpy as np
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
    return plain(pc.list_flatten(array)), np.repeat(np.arange(len(array)), lengths)


def bytes_as_text(array: pa.Array) -> pa.StringArray:
    """Bytes read as UTF-8; those that are not are shown with backslashes, so that they are text and no number."""
    import pyarrow as pa

    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        cells = (None if cell is None else decoded(cell) for cell in array.to_pylist())
        return pa.array(cells, pa.string())


def cells_as_text(array: pa.Array, date_format: str | None = None) -> pa.StringArray:
    """Any array that `is_feature` takes, lists aside, as strings; null and NaN become the empty string.

    Args:
      array: booleans become `true` and `false`; dates `YYYY-MM-DD`; points in time `YYYY-MM-DD HH:MM:SS`, in UTC
        where they have a time zone; whole floats and decimals lose their point.
      date_format: another format for dates and points in time.
    """
    import pyarrow.compute as pc

    return pc.fill_null(_as_text(array, date_format), "")


def first_as_text(array: pa.Array) -> pa.StringArray:
    """Gives what `cells_as_text` does, for lists of their first element."""
    import numpy as np
    import pyarrow as pa

    array = plain(array)
    if not is_list(array.type):
        return cells_as_text(array)
    values, rows = elements(array)
    first = np.searchsorted(rows, np.arange(len(array)))
    lengths = np.bincount(rows, minlength=len(array))
    return cells_as_text(values.take(pa.array(first, pa.int64(), mask=lengths == 0)))


def _as_text(array: pa.Array, date_format: str | None) -> pa.StringArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    array = plain(array)
    kind = array.type
    if pa.types.is_timestamp(kind):
        # Seconds, because strftime prints the fraction of a finer unit; without its zone the number is UTC.
        seconds = pc.floor_temporal(array.cast(pa.timestamp(kind.unit)), unit="second").cast(pa.timestamp("s"))
        return pc.strftime(seconds, format=date_format or "%Y-%m-%d %H:%M:%S")
    if pa.types.is_date(kind):
        return pc.strftime(array.cast(pa.date32()), format=date_format or "%Y-%m-%d")
    if is_bytes(kind):
        return bytes_as_text(array)
    if pa.types.is_floating(kind):
        distinct = array.cast(pa.float64()).dictionary_encode()
        texts = pa.array([_number_text(value) for value in distinct.dictionary.to_pylist()], pa.string())
        return texts.take(distinct.indices)
    if pa.types.is_decimal(kind):
        # 1.50 and 1.5 are one number; a decimal's digits are all meant, so it does not become a float on the way.
        text = array.cast(pa.string())
        text = pc.replace_substring_regex(text, r"^(-?\d+\.\d*?)0+$", r"\1")
        return pc.replace_substring_regex(text, r"\.$", "")
    return array.cast(pa.string())


def _number_text(value: float | None) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < EXACT_INTEGERS else repr(value)
