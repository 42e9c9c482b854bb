"""Turns lines of JSON into Arrow columns: by Arrow where that is exact, line by line where it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.example_gen.block import BadRow, FeatureType, Rows
from components.example_gen.formats.json.values import column, is_nested

if TYPE_CHECKING:
    import pyarrow as pa

Line = tuple[int, bytes]
_MAX_DEPTH = 200
"""Arrow's parser ends the process on text that is nested some ten thousand times."""
_EXACT = 2.0**53


def rows(data: bytes, file: str, first: int, types: Mapping[str, FeatureType] | None) -> Rows:
    """The rows of some whole lines, blank ones left out.

    Args:
      data: the lines.
      file: where they stand.
      first: the number of the first line.
      types: the wanted columns; a key that no object has is a column of nulls. None for all keys.
    """
    lines = [(number, text) for number, line in enumerate(data.split(b"\n"), first) if (text := line.strip(b" \t\r"))]
    return rows_of(data, lines, file, types)


def rows_of(data: bytes, lines: Sequence[Line], file: str, types: Mapping[str, FeatureType] | None) -> Rows:
    """Gives what `rows` does, for lines that are told apart already.

    Args:
      data: the lines, one behind the other.
      lines: the number and the text of each.
      file: where they stand.
      types: the wanted columns, as for `rows`.
    """
    import numpy as np

    batch = _by_arrow(data, lines, types)
    if batch is None:
        return _one_by_one(lines, file, types)
    return Rows(batch, np.array([number for number, _ in lines], np.int64))


def _by_arrow(data: bytes, lines: Sequence[Line], types: Mapping[str, FeatureType] | None) -> pa.RecordBatch | None:
    """All lines at once; None where Arrow refuses, or would give other rows or values than `_one_by_one`."""
    import pyarrow as pa

    if not _is_plain(data, lines):
        return None
    arrow_types = {"int64": pa.int64(), "double": pa.float64(), "string": pa.string()}
    typed = {name: arrow_types[kind] for name, kind in (types or {}).items()}
    for schema in (typed, {}) if typed else ({},):
        try:
            table = _parsed(data, schema)
        except pa.ArrowException:
            continue
        if table.num_rows == len(lines) and table.num_columns and _is_exact(table, types):
            names = list(types) if types is not None else table.column_names
            columns = [
                table[name].combine_chunks() if name in table.column_names else pa.nulls(len(lines)) for name in names
            ]
            return pa.RecordBatch.from_arrays(columns, names=names)
    return None


def _is_plain(data: bytes, lines: Sequence[Line]) -> bool:
    """Whether every line can only be one object, and nothing is in it that Arrow takes and JSON does not."""
    if not lines or any(word in data for word in (b"\0", b"NaN", b"Inf")):
        return False
    # Arrow also takes several objects on one line and one on several.
    if not all(text[:1] == b"{" and text[-1:] == b"}" for _, text in lines):
        return False
    if data.count(b"{") + data.count(b"[") > len(lines) and any(
        text.count(b"{") + text.count(b"[") > _MAX_DEPTH for _, text in lines
    ):
        return False
    try:
        return data.isascii() or bool(str(data, "utf-8"))
    except UnicodeDecodeError:
        return False


def _parsed(data: bytes, schema: dict[str, pa.DataType]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.json as pa_json

    while True:
        table = pa_json.read_json(
            pa.py_buffer(data),
            read_options=pa_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=pa_json.ParseOptions(
                explicit_schema=pa.schema(list(schema.items())), unexpected_field_behavior="infer"
            ),
        )
        # Arrow takes text such as "2013-01-01" for a point in time. It is to stay as it stands.
        times = {field.name: _without_time(field.type) for field in table.schema}
        times = {name: kind for name, kind in times.items() if kind is not None}
        if not times:
            return table
        schema = schema | times


def _without_time(kind: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        inner = _without_time(kind.value_type)
        return None if inner is None else pa.list_(inner)
    return None


def _is_exact(table: pa.Table, types: Mapping[str, FeatureType] | None) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        if types is not None and name not in types:
            continue
        inner = kind.value_type if pa.types.is_list(kind) else kind
        if types is not None and pa.types.is_nested(inner):
            return False
        if pa.types.is_floating(inner):
            values = pc.list_flatten(table[name]) if pa.types.is_list(kind) else table[name]
            # These may have been integers that lost digits.
            if pc.any(pc.greater_equal(pc.abs(values), _EXACT)).as_py():
                return False
    return True


def _one_by_one(lines: Sequence[Line], file: str, types: Mapping[str, FeatureType] | None) -> Rows:
    import numpy as np
    import pyarrow as pa

    good: list[dict[str, Any]] = []
    places: list[int] = []
    bad: list[BadRow] = []
    for number, text in lines:
        try:
            row = _object(text)
            _refuse_nested(row, types or {})
        except ValueError as error:
            bad.append(BadRow(file, number, str(error), text))
        else:
            good.append(row)
            places.append(number)
    names = list(types) if types is not None else list(dict.fromkeys(name for row in good for name in row))
    columns = [column([row.get(name) for row in good], (types or {}).get(name)) for name in names]
    batch = pa.RecordBatch.from_arrays(columns, names=names)
    return Rows(batch, np.array(places, np.int64), tuple(bad))


def _object(text: bytes) -> dict[str, Any]:
    """Parses one line as an object.

    Raises:
      ValueError: it is not a JSON object with keys of its own and text that is text; says why.
    """
    if b"\0" in text:
        raise ValueError("a NUL character; this is not plain text: write the file again")
    try:
        value = json.loads(text.decode(), object_pairs_hook=_distinct)
        if b"\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"the byte 0x{text[error.start]:02x} is not utf-8 text; write the file again as utf-8"
        ) from error
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair (\\ud800 to \\udfff), which is not a character") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"invalid JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError("the object is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, received {_what(value)}")  # noqa: TRY004 - the text is wrong
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return found


def _refuse_nested(row: Mapping[str, Any], types: Mapping[str, FeatureType]) -> None:
    for name in types:
        if is_nested(row.get(name)):
            raise ValueError(f"column {name!r}: expected a value or a list of values, received {_what(row[name])}")


def _what(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list of lists or objects" if is_nested(value) else "a list"
    return f"{json.dumps(value)[:80]}"
