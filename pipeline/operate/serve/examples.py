"""tf.Examples in requests: made from the JSON of `:classify` and `:regress`, and taken apart for the request log."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from components.smoke_test.bench.requests import MISSING, decode, strings
from pipeline.operate.serve.errors import invalid
from pipeline.operate.serve.rest import Json, as_bytes, from_base64, is_base64, kind_of, shown
from preprocessing.missing import is_missing
from preprocessing.text import decoded

_Row = dict[str, NDArray[Any]]
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


def rows(document: Json) -> list[_Row]:
    """The examples of a classify or regress request, each with what its `context` holds.

    Raises:
      RefusalError: they are not as TensorFlow Serving wants them.
    """
    context = _row(document["context"]) if "context" in document else {}
    if "examples" not in document:
        raise invalid(
            f"JSON Value: {shown(document)} When method is classify, key 'examples' is expected and was not found"
        )
    listed = document["examples"]
    if not isinstance(listed, list):
        raise invalid(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not listed:
        raise invalid(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    return [context | _row(each) for each in listed]


def _row(value: Any) -> _Row:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {kind_of(value)}")
    return {
        name: _feature(name, content if isinstance(content, list) else [content]) for name, content in value.items()
    }


def _feature(name: str, values: Sequence[Any]) -> NDArray[Any]:
    kinds = {_kind(name, value) for value in values}
    if len(kinds) > 1:
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {min(kinds)}")
    if kinds == {"bytes"}:
        return strings([from_base64(each) if isinstance(each, dict) else as_bytes(each) for each in values])
    return np.array(values, np.float32 if kinds == {"float"} else np.int64)


def _kind(name: str, value: Any) -> str:
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    if isinstance(value, float):
        if _LARGEST_FLOAT32 < abs(value) < float("inf"):
            raise invalid(f"Cannot convert JSON value: {shown(value)} to float without loss of precision.")
        return "float"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64"
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {kind_of(value)}")


def columns(
    serialized: NDArray[Any], names: Sequence[str], lists: Collection[str | None] = ()
) -> dict[str, list[Any]] | None:
    """Some features of serialized tf.Examples, row by row: the first value of each, None where there is none.

    Args:
      serialized: object array of bytes, [rows].
      names: the features.
      lists: those that are lists: of them all values.

    Returns:
      None where one of them can't be read.
    """
    try:
        found = [decode(each) for each in serialized.tolist()]
    except DecodeError:
        return None
    return {name: [_all(row, name) if name in lists else _first(row, name) for row in found] for name in names}


def _first(row: Mapping[str, NDArray[Any]], name: str) -> Any:
    return plain(row[name][:1])[0] if name in row else None


def _all(row: Mapping[str, NDArray[Any]], name: str) -> list[Any] | None:
    return plain(row[name][np.newaxis])[0] if name in row else None


def plain(array: NDArray[Any]) -> list[Any]:
    """The values of one feature in a request, None for those that mean missing: NaN, the least integer, no text.

    Args:
      array: [rows], or of lists [rows, values], of which those that mean missing are left out.
    """
    if array.ndim > 1:
        return [[each for each in plain(row) if each is not None] or None for row in array]
    if array.dtype.kind == "f":
        return [None if each != each else each for each in array.tolist()]
    missing = int(MISSING["int64"]) if array.dtype.kind == "i" else MISSING["string"]
    return [None if each == missing else each for each in array.tolist()]


def without_words(values: list[Any], words: Sequence[str]) -> list[Any]:
    """The values of one feature, None for texts that mean missing.

    Args:
      values: texts are bytes; lists keep those that don't mean missing.
      words: that mean missing in the column.
    """
    if any(isinstance(each, list) for each in values):
        lists = [without_words(each or [], words) for each in values]
        return [[each for each in one if each is not None] or None for one in lists]
    return [None if isinstance(each, bytes) and is_missing(decoded(each), words) else each for each in values]
