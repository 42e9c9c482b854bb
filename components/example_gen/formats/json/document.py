"""JSON that is one document with a table somewhere in it: refused, with where the rows are."""

from __future__ import annotations

import json
from typing import Any

from components.example_gen.block import Rows
from components.example_gen.formats import io
from preprocessing.errors import UserError
from preprocessing.text import listed

_LOOKED_AT = 16 << 20
_WRITTEN_BY_PANDAS = 'write an object a line, with pandas df.to_json(path, orient="records", lines=True)'


def refuse_document(file: str, first: Rows) -> None:
    """Refuses a file that is one object, over one line or several, in place of one for each row.

    Args:
      file: the file.
      first: its first rows, read as JSON Lines.

    Raises:
      UserError: it is one.
    """
    kinds = [str(kind) for kind in first.batch.schema.types]
    one = len(first.bad) + len(first.places) == 1
    nested = any("struct<" in kind or kind.startswith("list<item: list") for kind in kinds)
    columns = len(kinds) > 1 and all(kind.startswith("list<") for kind in kinds)
    broken = bool(first.bad) and first.bad[0].place == 1
    document = _document(file) if broken or (one and (nested or columns)) else None
    if document is None:
        return
    if isinstance(document, str):
        raise UserError(f"{file}: {document}", hint=_WRITTEN_BY_PANDAS)
    rows = next((key for key, value in document.items() if _is_table(value)), None)
    raise UserError(
        f"{file}: expected an object for each row, received one document with the keys {listed(list(document), 5)}",
        hint=f"write the rows alone: jq -c '.[\"{rows}\"][]' {file} > rows.jsonl" if rows else _WRITTEN_BY_PANDAS,
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _document(file: str) -> dict[str, Any] | str | None:
    """The one object that the file is; in words what else begins like one; None for objects that are rows."""
    with io.open_bytes(file) as raw:
        text = raw.read(_LOOKED_AT).decode("utf-8-sig", "replace").lstrip()
        whole = not raw.read(1)
    if not text.startswith("{"):
        return None
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (json.JSONDecodeError, RecursionError):
        is_open = text.splitlines()[0].strip() == "{"
        return "begins with an object that goes on over several lines" if is_open and not whole else None
    if whole and not text[end:].strip():
        return found if isinstance(found, dict) else None
    several = "\n" in text[:end].strip()
    return "its objects go on over several lines; expected one on each line, or an array of them" if several else None
