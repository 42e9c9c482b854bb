"""The nodes of a graph's functions in an order and under names that follow from what the functions compute.

TensorFlow copies parts of a graph (the transform graph's, for one) in the order in which a Python set gives the nodes:
that of their addresses. So two processes write one function with its nodes in different orders, and with the counters
of equal names exchanged.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from tensorflow.core.framework import function_pb2, node_def_pb2

_COUNTED = re.compile(r"(.+?)(?:_[0-9]+)?", re.DOTALL)
_COLOCATION = "_class"
_COLOCATED = b"loc:@"


def order_nodes(function: function_pb2.FunctionDef) -> None:
    """Has each node come after what it reads, in the order in which the outputs ask for them, counters from 0.

    A node's inputs have an order, and so have the outputs: a walk from the outputs meets the nodes in an order that
    neither their names nor their places decide. What no output needs comes last, by name.
    """
    nodes = {node.name: node for node in function.node_def}
    roots = [function.ret[each.name] for each in function.signature.output_arg]
    roots += [function.control_ret[name] for name in function.signature.control_output]
    order = list(_walked(nodes, [*map(_producer, roots), *sorted(nodes)]))
    names = _renamed(order, {each.name for each in function.signature.input_arg})
    for node in nodes.values():
        node.name = names[node.name]
        node.input[:] = [_with_names(each, names) for each in node.input]
        if _COLOCATION in node.attr:
            places = node.attr[_COLOCATION].list
            places.s[:] = [_colocated(each, names) for each in places.s]
    for ends in (function.ret, function.control_ret):
        for key in list(ends):
            ends[key] = _with_names(ends[key], names)
    place = {names[name]: number for number, name in enumerate(order)}
    function.node_def.sort(key=lambda node: place[node.name])


def _walked(nodes: Mapping[str, node_def_pb2.NodeDef], roots: Iterable[str]) -> Iterator[str]:
    """Each node once, after its inputs; the function's arguments are left out."""
    entered: set[str] = set()
    for root in roots:
        # A name comes a second time when all that it reads is done.
        waiting = [(root, False)]
        while waiting:
            name, read = waiting.pop()
            if read:
                yield name
            elif name in nodes and name not in entered:
                entered.add(name)
                waiting.append((name, True))
                waiting += [(each, False) for each in reversed(_read(nodes[name]))]


def _read(node: node_def_pb2.NodeDef) -> list[str]:
    """What a node reads in its order, and then what it only waits for, which has none."""
    data = [_producer(each) for each in node.input if not each.startswith("^")]
    return data + sorted(_producer(each) for each in node.input if each.startswith("^"))


def _producer(tensor: str) -> str:
    """The node of `node:output:0` or `^node`."""
    return tensor.lstrip("^").partition(":")[0]


def _with_names(tensor: str, names: Mapping[str, str]) -> str:
    name = _producer(tensor)
    return tensor.replace(name, names.get(name, name), 1)


def _colocated(place: bytes, names: Mapping[str, str]) -> bytes:
    name = place.removeprefix(_COLOCATED).decode()
    return _COLOCATED + names[name].encode() if place.startswith(_COLOCATED) and name in names else place


def _renamed(order: Iterable[str], taken: set[str]) -> dict[str, str]:
    """A name for each node: its own, with the first counter that is free instead of its own."""
    taken = set(taken)
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for name in order:
        found = _COUNTED.fullmatch(name)
        base = found[1] if found else name
        new = base
        while new in taken:
            counts[base] = counts.get(base, 0) + 1
            new = f"{base}_{counts[base]}"
        taken.add(new)
        names[name] = new
    return names
