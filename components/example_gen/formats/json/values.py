"""Values of JSON as one Arrow column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.example_gen.block import FeatureType

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT_INTEGERS = 2.0**53


def is_nested(value: object) -> bool:
    """Whether a value is an object, or a list that holds an object or a list."""
    if isinstance(value, list):
        return any(isinstance(element, dict | list) for element in value)
    return isinstance(value, dict)


def column(values: Sequence[Any], wanted: FeatureType | None) -> pa.Array:
    """The values in the one type that holds them all.

    Args:
      values: as Python's json gives them; None is missing.
      wanted: the type that they will get. It only decides what is kept exactly: the text for "string", every digit
        for "int64", and for "double" those of integers that a float64 rounds: who counts such needs to see them.

    Returns:
      bool, int64, float64 or string, or a list of these; null where there are no values; an empty struct for what
      `is_nested`.
    """
    import pyarrow as pa

    if any(map(is_nested, values)):
        if all(value is None or is_nested(value) for value in values):
            return pa.array([None if value is None else {} for value in values], pa.struct([]))
        return pa.array([None if value is None else _text(value, wanted) for value in values], pa.string())
    if not any(isinstance(value, list) for value in values):
        kind, converted = _common(values, wanted)
        return pa.array(converted, kind)
    lists = [value if value is None or isinstance(value, list) else [value] for value in values]
    kind, converted = _common([element for row in lists if row is not None for element in row], wanted)
    elements = iter(converted)
    return pa.array([None if row is None else [next(elements) for _ in row] for row in lists], pa.list_(kind))


def _common(values: Sequence[Any], wanted: FeatureType | None) -> tuple[pa.DataType, list[Any]]:
    """The type that single values have in common, and the values as such."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.null(), list(values)
    if wanted != "string":
        if kinds == {bool}:
            return pa.bool_(), list(values)
        if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
            return pa.int64(), list(values)
        mixed = wanted != "int64" and kinds == {int, float}
        if kinds == {float} or ((mixed or (wanted == "double" and kinds == {int})) and not _rounds(values, wanted)):
            return pa.float64(), [None if value is None else _float(value) for value in values]
    return pa.string(), [None if value is None else _text(value, wanted) for value in values]


def _rounds(values: Sequence[Any], wanted: FeatureType | None) -> bool:
    """Whether numbers that become float64 have integers among them that may lose digits."""
    return wanted == "double" and any(isinstance(value, int) and abs(value) >= _EXACT_INTEGERS for value in values)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _text(value: Any, wanted: FeatureType | None) -> str | None:
    """One value among others of another kind, as it would be had the column only values like it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) and wanted in ("int64", "double"):
        return str(int(value))
    if isinstance(value, float):
        if value != value:  # NaN
            return None
        if value.is_integer() and (wanted == "int64" or abs(value) < _EXACT_INTEGERS):
            return str(int(value))
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
