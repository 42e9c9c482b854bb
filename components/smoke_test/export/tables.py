"""Lookup tables as data: what a server fills them with, and which columns a signature looks up in them.

Nothing is executed. A table is filled from constants, or from a file that travels as an asset.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.python.framework import dtypes

from components.smoke_test.export.executed import INITIALISATION
from components.smoke_test.export.graph import MAIN, Place, attribute, source, tensor_of
from components.smoke_test.export.saved_model import Export, asset_files

Array = NDArray[Any]

IMPORTS = frozenset({"LookupTableImport", "LookupTableImportV2", "InitializeTable", "InitializeTableV2"})
"""Operations that fill a table from tensors: the table, its keys, its values."""
FILES = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
"""Those that fill one from a file: the table, the file's name."""
FINDS = frozenset({"LookupTableFind", "LookupTableFindV2"})
HANDLE = frozenset({"Identity", "Switch", "Enter", "RefIdentity", "RefSwitch", "RefEnter"})
CONVERTS = frozenset({"AsString", "Cast"})
_PASSES_ON = CONVERTS | {
    *(
        "Identity",
        "IdentityN",
        "Reshape",
        "ExpandDims",
        "Squeeze",
        "EnsureShape",
        "StopGradient",
        "PlaceholderWithDefault",
    ),
    *("StringLower", "StringUpper", "StringStrip", "RegexReplace", "StaticRegexReplace", "StringJoin"),
    *("Pack", "ConcatV2", "Select", "SelectV2", "Switch", "Merge", "Tile"),
}
"""Operations after which a value of a column is still looked up, if in another form."""
_PATHS = frozenset({"Identity", "Reshape", "ExpandDims", "Squeeze", "Placeholder", "PlaceholderWithDefault"})
"""Operations after which the name of a file is still the same."""
_MOST = 2**20
_MOST_BYTES = 32 * 2**20
_WHOLE_LINE, _LINE_NUMBER = -2, -1


@dataclass(frozen=True)
class Table:
    """A table of the graph.

    Attributes:
      where: the operation that fills it, for the report.
      handles: where the table itself stands.
      keys: [entries], texts as bytes objects; None where they are computed, or too many.
      values: [entries, ...]; None as for the keys.
    """

    where: str
    handles: frozenset[Place]
    keys: Array | None
    values: Array | None


@dataclass(frozen=True)
class LookedUp:
    """A table that the values of an input are looked up in.

    Attributes:
      table: it.
      converts: the nodes that cast a value, or write it as text, on the way.
    """

    table: Table
    converts: tuple[Any, ...]


def tables(export: Export) -> list[Table]:
    """The tables that a server fills when it loads the export."""
    found = []
    for place, node in export.served.get(INITIALISATION, ()):
        if node.op not in IMPORTS | FILES or len(node.input) < 2:
            continue
        handles = frozenset(export.graph.origins(place.function, node.input[0], HANDLE))
        if node.op in FILES:
            where, keys, values = _from_file(export, place, node, _dtype(export, handles))
        else:
            where = f"the table of {node.name}"
            keys, values = (_constant(export, place.function, each) for each in node.input[1:3])
        found.append(Table(where, handles, keys, values))
    return found


def finds(export: Export, table: Table) -> Iterator[Place]:
    """Where a signature looks something up in a table."""
    seen: set[Place] = set()
    for signature, ran in export.served.items():
        if signature == INITIALISATION:
            continue
        for place, node in ran:
            if node.op in FINDS and place not in seen:
                seen.add(place)
                if table.handles & export.graph.origins(place.function, node.input[0], HANDLE):
                    yield place


def lookups(export: Export) -> dict[tuple[str, str], tuple[LookedUp, ...]]:
    """The tables in which the values of an input are looked up, by signature and input.

    Not of serialized tf.Examples: there a column is not an input of its own.
    """
    by_find = {place: table for table in tables(export) for place in finds(export, table)}
    found = {}
    for name, signature in export.signatures.items():
        if signature.kind == "features" and by_find:
            for argument in signature.inputs:
                if tables_of := _looked_up(export, name, argument, by_find):
                    found[name, argument] = tables_of
    return found


def _looked_up(export: Export, signature: str, argument: str, by_find: Mapping[Place, Table]) -> tuple[LookedUp, ...]:
    info = export.meta_graph.signature_def[signature].inputs[argument]
    ran = export.served[signature]
    waiting: list[tuple[Place, tuple[Any, ...]]] = [(Place(MAIN, source(info.name)), ())]
    seen: set[Place] = set()
    found: dict[str, LookedUp] = {}
    while waiting:
        start, converts = waiting.pop()
        for place, node in export.graph.consumers(start.name, (), start.function):
            if place not in ran or place in seen:
                continue
            if place in by_find:
                found.setdefault(by_find[place].where, LookedUp(by_find[place], converts))
            elif node.op in _PASSES_ON:
                seen.add(place)
                waiting.append((place, (*converts, node) if node.op in CONVERTS else converts))
    return tuple(found.values())


def _constant(export: Export, function: str, tensor: str) -> Array | None:
    nodes = [export.graph.node(origin) for origin in export.graph.origins(function, tensor)]
    if len(nodes) != 1 or nodes[0] is None or nodes[0].op != "Const":
        return None
    return tensor_of(nodes[0], _MOST)


def _dtype(export: Export, handles: frozenset[Place]) -> Any:
    """The type of the values of a table."""
    for handle in handles:
        node = export.graph.node(handle)
        if node is not None and "value_dtype" in node.attr:
            return dtypes.as_dtype(attribute(node, "value_dtype").type)
    return dtypes.int64


def _from_file(export: Export, place: Place, node: Any, dtype: Any) -> tuple[str, Array | None, Array | None]:
    """The file in words, and what it holds by the columns that the operation names."""
    assets = {Place(MAIN, source(each.tensor_info.name)): each.filename for each in asset_files(export.meta_graph)}
    origins = export.graph.origins(place.function, node.input[1], _PATHS, variables=True, stop=assets)
    names = {assets[origin] for origin in origins if origin in assets}
    if len(names) != 1:
        return f"the table of {node.name}", None, None
    [name] = names
    lines = _lines(export.folder / "assets", name)
    delimiter = attribute(node, "delimiter").s or b"\t"
    keys, values = (_column(lines, int(attribute(node, index).i), delimiter) for index in ("key_index", "value_index"))
    if values is not None and dtype.is_floating:
        values = _floats(values)
    return f"the asset {name}", keys, values


def _lines(root: Path, name: str) -> list[bytes]:
    """The lines of an asset as TensorFlow reads them; none of one that can't be read, or is too large."""
    try:
        file = (root / name).resolve()
        if not file.is_relative_to(root.resolve()) or not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return []
        # It leaves out carriage returns wherever they are.
        lines = file.read_bytes().replace(b"\r", b"").split(b"\n")
        return lines if lines[-1] else lines[:-1]
    except (OSError, ValueError):
        return []  # for the check `assets`


def _column(lines: list[bytes], index: int, delimiter: bytes) -> Array | None:
    if index == _LINE_NUMBER:
        return np.arange(len(lines))
    found = np.empty(len(lines), object)
    for i, line in enumerate(lines):
        parts = [line] if index == _WHOLE_LINE else line.split(delimiter)
        found[i] = parts[index if index != _WHOLE_LINE else 0] if index < len(parts) else b""
    return found


def _floats(texts: Array) -> Array:
    """Numbers of a file; what is none is 0, and stops a server: for the check `loads`."""

    def number(text: bytes) -> float:
        try:
            return float(text)
        except ValueError:
            return 0.0

    return np.array([number(each) for each in texts.tolist()])
