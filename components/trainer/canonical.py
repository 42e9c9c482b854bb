"""Names in a SavedModel that depend on nothing but the model, so that equal trainings make equal files.

TensorFlow names functions and what they capture by a counter of the process, and a table by that and by the temporary
path from which its vocabulary was read; the order of a function's nodes is by chance (see `canonical_nodes`);
`fingerprint.pb` holds a random number. So the files of two equal trainings would differ, and a model that is served
already would be pushed again.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from tensorflow.core.framework import attr_value_pb2, node_def_pb2
from tensorflow.core.protobuf import fingerprint_pb2, meta_graph_pb2, saved_model_pb2

# What `tf.saved_model.save` calls: the public way only reads.
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

from components.artifacts.model import SAVED_MODEL
from components.trainer.canonical_nodes import order_nodes

_FINGERPRINT = "fingerprint.pb"
_COUNTER = re.compile(r"_([0-9]+)")
_TABLE = "HashTableV2"
_SHARED_NAME = "shared_name"
_CAPTURED = "_user_specified_name"
"""What a function's argument was called where it was traced; of a captured tensor that is a number."""


def make_canonical(folder: Path) -> None:
    """Has the counters in names begin at 0 in each model, whatever the process did before.

    Equal names stay equal, and different ones different; nothing else of the model changes. Tables get names that no
    other model has: in a process that loads two models, tables of one name are one.

    Args:
      folder: a SavedModel that `tf.saved_model.save` has just written.

    Raises:
      OSError: a file can't be read or written.
    """
    file = folder / SAVED_MODEL
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in model.meta_graphs:
        _rename_functions(graph)
        for function in graph.graph_def.library.function:
            order_nodes(function)
    arguments = (
        each.attr[_CAPTURED]
        for graph in model.meta_graphs
        for function in graph.graph_def.library.function
        for _, each in sorted(function.arg_attr.items())
        if _CAPTURED in each.attr
    )
    _number((each for each in arguments if each.s.isdigit()), "captured")
    tables = [each.attr[_SHARED_NAME] for each in _nodes(model) if each.op == _TABLE and each.attr[_SHARED_NAME].s]
    _number(tables, "table")
    _number(tables, f"table_{_digest(model, folder)}")
    content = model.SerializeToString(deterministic=True)
    file.write_bytes(content)
    write_fingerprint(str(folder))
    fingerprint = fingerprint_pb2.FingerprintDef.FromString((folder / _FINGERPRINT).read_bytes())
    # As TensorFlow writes it: a number of 128 bits.
    fingerprint.uuid = str(int.from_bytes(hashlib.sha256(content).digest()[:16]))
    (folder / _FINGERPRINT).write_bytes(fingerprint.SerializeToString(deterministic=True))


def _rename_functions(graph: meta_graph_pb2.MetaGraphDef) -> None:
    """Puts 0, 1, 2, ... where the names of functions have counters, and the functions into that order.

    Some arguments have a function's name in theirs, so every text that holds one is changed; all at once, for a new
    name may be another function's old one.
    """
    library = graph.graph_def.library.function
    counters = {each.signature.name: _counter(each.signature.name) for each in library}
    names: dict[int, list[str]] = {}
    for name, counter in sorted(counters.items(), key=lambda each: (each[1], each[0])):
        names.setdefault(counter, []).append(name)
    place = {name: number for number, name in enumerate(name for each in names.values() for name in each)}

    def renumbered(text: str) -> str:
        def replaced(found: re.Match[str]) -> str:
            known = names.get(int(found[1]), ())
            name = next((each for each in known if text.endswith(each, 0, found.end())), None)
            return found[0] if name is None else f"_{place[name]}"

        return _COUNTER.sub(replaced, text)

    library.sort(key=lambda each: place[each.signature.name])
    _change_texts(graph, renumbered)


def _counter(name: str) -> int:
    """The number at the end of a name; -1 where there is none."""
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else -1


def _change_texts(message: Message, change: Callable[[str], str]) -> None:
    """Replaces each text of a message, keys of maps included, by what a function makes of it."""
    for field, value in message.ListFields():
        match value:
            case bytes():
                # Of constants, or of an attribute that may name a function: these begin so.
                if value.startswith(b"__"):
                    setattr(message, field.name, change(value.decode("latin-1")).encode("latin-1"))
            case str():
                setattr(message, field.name, change(value))
            case Message():
                _change_texts(value, change)
            case Mapping():
                _change_map(value, change)
            case MutableSequence() if isinstance(value[0], Message):
                for part in value:
                    _change_texts(part, change)
            case MutableSequence() if isinstance(value[0], str):
                value[:] = [change(part) for part in value]


def _change_map(value: Any, change: Callable[[str], str]) -> None:
    keys = sorted(value)
    new = [change(key) if isinstance(key, str) else key for key in keys]
    if isinstance(value[keys[0]], Message):
        for key in keys:
            _change_texts(value[key], change)
        if new != keys:
            parts = [value[key].SerializeToString() for key in keys]
            value.clear()
            for key, part in zip(new, parts, strict=True):
                value[key].ParseFromString(part)
    elif isinstance(value[keys[0]], str):
        parts = [change(value[key]) for key in keys]
        value.clear()
        value.update(zip(new, parts, strict=True))


def _nodes(model: saved_model_pb2.SavedModel) -> Iterator[node_def_pb2.NodeDef]:
    for graph in model.meta_graphs:
        yield from graph.graph_def.node
        for function in graph.graph_def.library.function:
            yield from function.node_def


def _number(attributes: Iterable[attr_value_pb2.AttrValue], kind: str) -> None:
    """Renames by the order of the first mention."""
    order: dict[bytes, bytes] = {}
    for each in attributes:
        each.s = order.setdefault(each.s, f"{kind}_{len(order)}".encode())


def _digest(model: saved_model_pb2.SavedModel, folder: Path) -> str:
    """What tells a graph with its vocabularies from others."""
    found = hashlib.sha256(model.SerializeToString(deterministic=True))
    for asset in sorted(path for path in (folder / "assets").rglob("*") if path.is_file()):
        found.update(f"{asset.name} {asset.stat().st_size} ".encode())
        found.update(asset.read_bytes())
    return found.hexdigest()[:16]
