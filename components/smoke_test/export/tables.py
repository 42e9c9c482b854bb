"""Lookup tables as data: what a server fills them with, and which columns a signature looks up in them.

Nothing is executed. A table is filled from constants, or from a file that travels as an asset.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
_SIZES = frozenset({"LookupTableSize", "LookupTableSizeV2"})
_CHOICES = frozenset({"Select", "SelectV2"})
_SUMS = frozenset({"Add", "AddV2"})
_HASHES = "StringToHashBucket"
HANDLE = frozenset({"Identity", "Switch", "Enter", "RefIdentity", "RefSwitch", "RefEnter"})
CONVERTS = frozenset({"AsString", "Cast"})
_REWRITES = frozenset(
    {"StringLower", "StringUpper", "StringStrip", "RegexReplace", "StaticRegexReplace", "StringJoin", "Substr"}
)
_PASSES_ON = (
    CONVERTS
    | _REWRITES
    | {
        *("Identity", "IdentityN", "Reshape", "ExpandDims", "Squeeze", "EnsureShape", "StopGradient"),
        *("PlaceholderWithDefault", "Pack", "ConcatV2", "Select", "SelectV2", "Switch", "Merge", "Tile"),
    }
)
"""Operations after which a value of a column is still looked up, if in another form."""
_PATHS = frozenset({"Identity", "Reshape", "ExpandDims", "Squeeze", "Placeholder", "PlaceholderWithDefault"})
"""Operations after which the name of a file is still the same."""
_MOST = 2**20
_MOST_BYTES = 32 * 2**20
_ASKED = frozenset({"string", "int64", "int32"})
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
      converts: the nodes that cast a value, or write it as text, on the way; None where it is changed otherwise too.
    """

    table: Table
    converts: tuple[Any, ...] | None


@dataclass(frozen=True)
class Uses:
    """What becomes of the values of an input.

    Attributes:
      lookups: the tables that they are looked up in.
      texts: how they are written as texts: each the nodes that cast them, and the one that writes.
    """

    lookups: tuple[LookedUp, ...] = ()
    texts: tuple[tuple[Any, ...], ...] = ()


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


def finds(export: Export, filled: Sequence[Table]) -> list[list[Place]]:
    """Where a signature looks something up in each of some tables.

    The nodes are gone through once for all tables: a graph of hundreds of tables has tens of thousands of nodes.
    """
    by_handle: dict[Place, list[int]] = defaultdict(list)
    for number, table in enumerate(filled):
        for handle in table.handles:
            by_handle[handle].append(number)
    found: list[list[Place]] = [[] for _ in filled]
    seen: set[Place] = set()
    for signature, ran in export.served.items():
        for place, node in ran if signature != INITIALISATION else ():
            if node.op in FINDS and place not in seen:
                seen.add(place)
                handles = export.graph.origins(place.function, node.input[0], HANDLE)
                for number in {number for handle in handles for number in by_handle.get(handle, ())}:
                    found[number].append(place)
    return found


def set_apart(export: Export) -> frozenset[str]:
    """The tables, by `Table.where`, that give a number beyond their own to all that they do not know.

    It is the size of the table plus a hash, as `num_oov_buckets` makes it, wherever something is looked up in them.
    """
    filled = tables(export)
    found = {
        table.where: [_is_completed(export, place, table) for place in places]
        for table, places in zip(filled, finds(export, filled), strict=True)
    }
    return frozenset(where for where, each in found.items() if each and all(each))


def _is_completed(export: Export, find: Place, table: Table) -> bool:
    """Whether what is not found in a table is replaced by such a number."""
    body = export.graph.bodies[find.function]
    for chosen, _ in body.consumers.get(find.name, ()):
        for tensor in chosen.input if chosen.op in _CHOICES else ():
            total = body.nodes.get(source(tensor))
            if total is not None and total.op in _SUMS:
                parts = {each: body.nodes.get(source(each)) for each in total.input[:2]}
                hashes = [each for each, node in parts.items() if node is not None and node.op.startswith(_HASHES)]
                if hashes and all(_is_size(export, find.function, each, table) for each in parts if each not in hashes):
                    return True
    return False


def _is_size(export: Export, function: str, tensor: str, table: Table) -> bool:
    """Whether a number is the size of a table: asked for, or written down when the graph was exported."""
    node = export.graph.bodies[function].nodes.get(source(tensor))
    if node is not None and node.op in _SIZES:
        return bool(table.handles & export.graph.origins(function, node.input[0], HANDLE))
    value = _constant(export, function, tensor)
    return value is not None and value.size == 1 and table.keys is not None and int(value.item()) >= len(table.keys)


def uses(export: Export) -> dict[tuple[str, str], Uses]:
    """What becomes of the values of an input, by signature and input, as far as they keep a row's place.

    Not of serialized tf.Examples: there a column is not an input of its own.
    """
    filled = tables(export)
    by_find = {place: table for table, places in zip(filled, finds(export, filled), strict=True) for place in places}
    return {
        (name, argument): _uses(export, name, argument, by_find)
        for name, signature in export.signatures.items()
        if signature.kind == "features"
        for argument, spec in signature.inputs.items()
        if spec.dtype in _ASKED
    }


def _uses(export: Export, signature: str, argument: str, by_find: Mapping[Place, Table]) -> Uses:
    info = export.meta_graph.signature_def[signature].inputs[argument]
    ran = export.served[signature]
    # Where it is, what has cast or written it, and whether nothing else has changed it.
    waiting: list[tuple[Place, tuple[Any, ...], bool]] = [(Place(MAIN, source(info.name)), (), True)]
    seen: set[Place] = set()
    lookups: dict[str, LookedUp] = {}
    texts: list[tuple[Any, ...]] = []
    while waiting:
        start, converts, is_plain = waiting.pop()
        for place, node in export.graph.consumers(start.name, (), start.function):
            if place not in ran or place in seen:
                continue
            if place in by_find:
                table = by_find[place]
                lookups.setdefault(table.where, LookedUp(table, converts if is_plain else None))
            elif node.op in _PASSES_ON:
                seen.add(place)
                now = (*converts, node) if node.op in CONVERTS else converts
                texts += [now] if node.op == "AsString" else []
                waiting.append((place, now, is_plain and node.op not in _REWRITES))
    return Uses(tuple(lookups.values()), tuple(texts))


def written(number: int, converts: Iterable[Any]) -> int | float | bytes:
    """What casts and AsString make of a whole number.

    Args:
      number: it.
      converts: the nodes, in order.
    """
    value: int | float | bytes = number
    for node in converts:
        if node.op == "AsString":
            value = _as_string(node, value)
        elif not isinstance(value, bytes):
            dtype = dtypes.as_dtype(attribute(node, "DstT").type)
            # As on a server: an integer that does not fit loses its upper bits.
            value = np.asarray(value).astype(dtype.as_numpy_dtype).item() if dtype.is_numpy_compatible else value
    return value


def _as_string(node: Any, value: int | float | bytes) -> bytes:
    """As TensorFlow writes a number: it hands the C library a format."""
    if isinstance(value, bytes):
        return value
    width, precision = (int(attribute(node, each).i) if each in node.attr else -1 for each in ("width", "precision"))
    form = "%" + attribute(node, "fill").s.decode() + (str(width) if width > -1 else "")
    if isinstance(value, int):
        return (form + "d").__mod__(value).encode()
    form += f".{precision}" if precision > -1 else ""
    kind = "e" if attribute(node, "scientific").b else "g" if attribute(node, "shortest").b else "f"
    return (form + kind).__mod__(value).encode()


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
