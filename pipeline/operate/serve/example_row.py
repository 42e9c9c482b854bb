"""A request that can be tried at once: the first whole row of the table, as `serve_features` takes it."""

import json
import shlex
from collections.abc import Collection, Mapping
from typing import Any

from pipeline.config.loader import LoadedConfig
from pipeline.preflight.table_files import TableReader, is_remote, table_files, table_format
from preprocessing.errors import UserError
from preprocessing.features import argument_names

SIGNATURE = "serve_features"
_ROWS = 20
"""So many rows are looked at for one in which nothing is missing."""
_FLOATS, _WHOLE = ("float", "double"), ("int64", "int32")
_LEAST = -(2**63)


def arguments(loaded: LoadedConfig) -> dict[str, str]:
    """The table's column behind each input of `serve_features`."""
    return {argument: column for column, argument in argument_names(loaded.config.features.columns()).items()}


def request(
    row: Mapping[str, Any], columns: Mapping[str, str], types: Mapping[str, str], lists: Collection[str] = ()
) -> dict[str, Any]:
    """One row as the body of a request.

    Args:
      row: cells by column, None where one is missing; what is not in it is missing too.
      columns: the column of each input.
      types: the type of each input of the signature, as TensorFlow Serving names it.
      lists: the columns of lists.
    """
    instance = {name: _cell(row, columns.get(name, name), kind, lists) for name, kind in types.items()}
    return {"signature_name": SIGNATURE, "instances": [instance]}


def _cell(row: Mapping[str, Any], column: str, kind: str, lists: Collection[str]) -> Any:
    cell = row.get(column)
    if column not in lists:
        return _value(cell, kind)
    return [_value(each, kind) for each in (cell if isinstance(cell, list) else [cell])] or [_value(None, kind)]


def _value(cell: Any, kind: str) -> Any:
    missing: Any = float("nan") if kind in _FLOATS else _LEAST if kind in _WHOLE else ""
    if cell is None:
        return missing
    if kind not in (*_FLOATS, *_WHOLE):
        return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
    try:
        number = float(cell)
        return number if kind in _FLOATS else int(number)
    except (TypeError, ValueError, OverflowError):
        return missing


def first_row(loaded: LoadedConfig) -> dict[str, Any]:
    """The first row of the table that has every input, or the first one; empty where the table can't be read here."""
    data = loaded.config.data
    if is_remote(data):
        return {}
    wanted = loaded.config.features.columns()
    try:
        files = next(iter(table_files(data, loaded.base).values()))
        found = TableReader(table_format(files, data), data).sample(files[0], _ROWS)
    except (UserError, OSError):
        # The server needs no table: without one the row is empty.
        return {}
    columns = [name for name in wanted if name in found.column_names]
    rows = found.select(columns).to_pylist()
    whole = [row for row in rows if None not in row.values()]
    return dict(next(iter([*whole, *rows]), {}))


def curl(url: str, body: Mapping[str, Any]) -> str:
    """The command that sends a request."""
    return f"curl -s {url}:predict -d {shlex.quote(json.dumps(body))}"
