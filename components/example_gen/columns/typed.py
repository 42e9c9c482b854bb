"""Rows as a reader gives them, in the types of tf.Example; what does not fit becomes a bad row."""

from __future__ import annotations

import csv as csv_module
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from components.example_gen.block import BadRow, FeatureType, Rows
from components.example_gen.columns.convert import (
    arrow_type,
    cells_as_text,
    convert,
    elements,
    is_feature,
    is_list,
    plain,
)
from components.example_gen.columns.use import ColumnUse
from preprocessing.text import decoded, quoted

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 80
"""Characters of a cell that an error shows."""


def typed(
    rows: Rows,
    types: Mapping[str, FeatureType],
    uses: Mapping[str, ColumnUse],
    file: str,
) -> Rows:
    """The rows in their final types.

    Args:
      rows: with their cells as they are meant, of any Arrow type; a column that is not there is missing in every row.
      types: the wanted types, in the wanted order; columns without one are left out.
      uses: what is said about the columns beforehand.
      file: where the rows stand, for the bad ones.

    Returns:
      int64, float64 and string columns, or lists of these for several values a row; binary under "string" where they
      come as bytes. Missing values are null, in lists they are left out. Rows with a value that does not fit are
      among the bad ones, with the first such column; all others stay, in order.
    """
    import pyarrow as pa

    columns: list[pa.Array] = []
    wrong: dict[str, pa.BooleanArray] = {}
    present = dict(zip(rows.batch.schema.names, rows.batch.columns, strict=True))
    for name, kind in types.items():
        if name not in present:
            columns.append(pa.nulls(rows.batch.num_rows, arrow_type(kind)))
            continue
        date_format = uses[name].date_format if name in uses else None
        column, misfits = _column(present[name], kind, date_format)
        columns.append(column)
        if misfits is not None:
            wrong[name] = misfits
    batch = pa.RecordBatch.from_arrays(columns, names=list(types)) if types else rows.batch.select([])
    return _without_misfits(rows, batch, wrong, types, uses, file) if wrong else Rows(batch, rows.places, rows.bad)


def _without_misfits(
    rows: Rows,
    batch: pa.RecordBatch,
    wrong: Mapping[str, pa.BooleanArray],
    types: Mapping[str, FeatureType],
    uses: Mapping[str, ColumnUse],
    file: str,
) -> Rows:
    """The batch without the rows that are wrong in some column, which are among the bad ones now."""
    import numpy as np
    import pyarrow as pa

    first: dict[int, str] = {}
    for name, misfits in wrong.items():
        for row in np.flatnonzero(misfits.to_numpy(zero_copy_only=False)).tolist():
            first.setdefault(row, name)
    taken = pa.array(sorted(first), pa.int64())
    bad = [plain(column).take(taken) for column in rows.as_written.columns]
    cells = dict(zip(rows.batch.schema.names, bad, strict=True))
    reasons = {name: _reasons(name, types[name], uses.get(name), cells[name]) for name in set(first.values())}
    lines = _csv_lines(bad) if rows.untyped else _json_lines(cells)
    found = [
        BadRow(file, int(rows.places[row]), reasons[first[row]][position], lines[position])
        for position, row in enumerate(sorted(first))
    ]
    keep = np.ones(batch.num_rows, bool)
    keep[list(first)] = False
    return Rows(batch.filter(pa.array(keep)), rows.places[keep], (*rows.bad, *found))


def _column(array: pa.Array, kind: FeatureType, date_format: str | None) -> tuple[pa.Array, pa.BooleanArray | None]:
    if not is_feature(array.type):
        return _nothing(array, kind)
    array = plain(array)
    if is_list(array.type):
        return _lists(array, kind, date_format)
    return convert(array, kind, date_format)


def _nothing(array: pa.Array, kind: FeatureType) -> tuple[pa.Array, pa.BooleanArray]:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pa.nulls(len(array), arrow_type(kind)), pc.is_valid(array)


def _lists(array: pa.Array, kind: FeatureType, date_format: str | None) -> tuple[pa.Array, pa.BooleanArray | None]:
    """Element by element. A missing number among several is a misfit: without it the others would move up."""
    import numpy as np
    import pyarrow as pa

    cells, rows = elements(array)
    values, misfits = _column(cells, kind, date_format)
    if values.null_count == 0 and array.type == pa.list_(values.type) and not _has_empty(array):
        return array, None
    counts = np.bincount(rows, minlength=len(array))
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    kept = np.bincount(rows[valid], minlength=len(array))
    offsets = pa.array(np.concatenate([[0], np.cumsum(kept)]), pa.int32())
    lists = pa.ListArray.from_arrays(offsets, values.drop_null(), mask=pa.array(kept == 0))
    wrong = np.zeros(len(array), bool)
    if misfits is not None:
        wrong[rows[misfits.to_numpy(zero_copy_only=False)]] = True
    if kind != "string":
        wrong |= (counts > 1) & (kept < counts)
    return lists, pa.array(wrong) if wrong.any() else None


def _has_empty(array: pa.ListArray) -> bool:
    import pyarrow.compute as pc

    return pc.any(pc.equal(pc.list_value_length(array), 0)).as_py() is True


def _reasons(name: str, kind: FeatureType, use: ColumnUse | None, cells: pa.Array) -> list[str]:
    expected = "an integer" if kind == "int64" else "a number"
    if is_list(cells.type):
        expected += " in each place of the list"
    if use is not None and use.declared is not None:
        expected += f" ({'INT' if kind == 'int64' else 'FLOAT'} in the schema)"
    elif use is not None and use.role != "unused":
        expected += " (it is declared as a number)"
    texts = map(str, cells.to_pylist()) if _is_nested(cells.type) else cells_as_text(cells).to_pylist()
    return [f"column {name!r}: expected {expected}, received {quoted(text, _SHOWN)}" for text in texts]


def _is_nested(kind: pa.DataType) -> bool:
    return is_list(kind) or not is_feature(kind)


def _csv_lines(columns: Sequence[pa.Array]) -> list[bytes]:
    lines = []
    for cells in zip(*(cells_as_text(column).to_pylist() for column in columns), strict=True):
        out = io.StringIO()
        csv_module.writer(out, lineterminator="").writerow(cells)
        lines.append(out.getvalue().encode())
    return lines


def _json_lines(columns: Mapping[str, pa.Array]) -> list[bytes]:
    lines = []
    for cells in zip(*(column.to_pylist() for column in columns.values()), strict=True):
        row = {name: json_value(cell) for name, cell in zip(columns, cells, strict=True)}
        lines.append(json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace"))
    return lines


def json_value(value: object) -> object:
    """A value that JSON has, it knows no NaN and no infinity, no bytes and no dates: of a number that is none its name,
    of anything else its text; within lists and mappings too."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return decoded(value)
    if isinstance(value, list):
        return [json_value(each) for each in value]
    if isinstance(value, dict):
        return {str(key): json_value(each) for key, each in value.items()}
    return value if value is None or isinstance(value, bool | int | str) else str(value)
