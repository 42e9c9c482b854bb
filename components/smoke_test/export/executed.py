"""What a server executes: the nodes that run for a signature or for the initialisation, as the runtime prunes them.

In the graph itself what the fetched tensors need runs, and nothing else. In a function what its results need runs, its
control outputs, and every stateful operation, read or not: the runtime prunes only what is stateless. A function that
is called by pruned nodes alone does not run. A branch whose condition is a constant, Keras's learning phase of version
1 for example, which is false unless somebody feeds it, does not run either. Gradients that travel with custom
operations are named by text, not called.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow.python.framework import op_def_registry

from components.smoke_test.export.graph import MAIN, Body, Graph, Place, attribute, called, source, tensor_of

INITIALISATION = ""
"""Stands for what a server runs once, after restoring, among the names of signatures."""
INIT_SIGNATURE, TRAIN_SIGNATURE = "__saved_model_init_op", "__saved_model_train_op"
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
_SWITCHES = frozenset({"Switch", "RefSwitch"})
_MERGES = frozenset({"Merge", "RefMerge"})
_IFS = frozenset({"If", "StatelessIf"})
_SAME_VALUE = frozenset({"Identity", "PlaceholderWithDefault", "StopGradient"})


@dataclass(frozen=True)
class Executed:
    """Nodes that run.

    Attributes:
      nodes: their names by function, MAIN for the graph itself.
      graph: that they are in.
    """

    nodes: Mapping[str, frozenset[str]]
    graph: Graph

    def __contains__(self, place: Place) -> bool:
        return place.name in self.nodes.get(place.function, ())

    def __iter__(self) -> Iterator[tuple[Place, Any]]:
        """Place and NodeDef, function by function in the order of the file."""
        for function, body in self.graph.bodies.items():
            names = self.nodes.get(function, frozenset())
            yield from ((Place(function, name), node) for name, node in body.nodes.items() if name in names)


def roots(meta_graph: Any) -> dict[str, list[str]]:
    """What a server runs besides restoring: by signature the tensors of its outputs, and INITIALISATION's."""
    found: dict[str, list[str]] = {INITIALISATION: []}
    for name, definition in meta_graph.signature_def.items():
        tensors = [tensor for info in definition.outputs.values() for tensor in tensor_names(info)]
        if name == INIT_SIGNATURE:
            found[INITIALISATION].extend(tensors)
        elif name != TRAIN_SIGNATURE:
            found[name] = tensors
    for collection in _INIT_COLLECTIONS:
        if collection in meta_graph.collection_def:
            found[INITIALISATION].extend(meta_graph.collection_def[collection].node_list.value)
    return found


def tensor_names(info: Any) -> Iterator[str]:
    """The tensors of a TensorInfo."""
    kind = info.WhichOneof("encoding")
    if kind == "name":
        yield info.name
    elif kind == "coo_sparse":
        sparse = info.coo_sparse
        yield from (sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
    elif kind == "composite_tensor":
        for component in info.composite_tensor.components:
            yield from tensor_names(component)


def served(meta_graph: Any, graph: Graph) -> dict[str, Executed]:
    """What runs, by signature, and for INITIALISATION."""
    fed = {
        name: {source(tensor) for info in definition.inputs.values() for tensor in tensor_names(info)}
        for name, definition in meta_graph.signature_def.items()
    }
    return {name: executed(graph, tensors, fed.get(name, ())) for name, tensors in sorted(roots(meta_graph).items())}


def executed(graph: Graph, tensors: Iterable[str], fed: Collection[str] = ()) -> Executed:
    """What runs when tensors, or operations, of the graph itself are fetched.

    Args:
      graph: the graph.
      tensors: their names.
      fed: the nodes of the graph itself whose values the request brings.
    """
    stop = frozenset(Place(MAIN, name) for name in fed)
    found = {MAIN: _alive(graph, graph.bodies[MAIN], tensors, stop)}
    waiting = [name for node in found[MAIN] for name in _calls(graph, MAIN, node, stop)]
    while waiting:
        function = waiting.pop()
        if function in found:
            continue
        body = graph.bodies[function]
        seeds = [*body.results, *body.controls, *(name for name, node in body.nodes.items() if _stays(graph, node))]
        found[function] = _alive(graph, body, seeds, stop)
        waiting.extend(name for node in found[function] for name in _calls(graph, function, node, stop))
    return Executed(found, graph)


def is_stateful(graph: Graph, node: Any) -> bool:
    """Whether the runtime treats an operation as one that does more than compute."""
    if node.op in graph.bodies:
        return graph.bodies[node.op].stateful
    definition = op_def_registry.get(node.op)
    return definition is None or bool(definition.is_stateful)


def _stays(graph: Graph, node: Any) -> bool:
    """Whether a node of a function runs although nothing reads it."""
    return is_stateful(graph, node) and not node.op.startswith("Placeholder")


def _calls(graph: Graph, function: str, name: str, stop: Collection[Place]) -> Iterator[str]:
    """The functions that a node may call."""
    node = graph.bodies[function].nodes[name]
    if node.op in _IFS and (taken := _constant(graph, function, node.input[0], stop)) is not None:
        branch = attribute(node, "then_branch" if taken else "else_branch").func.name
        yield from (each for each in (branch,) if each in graph.bodies)
    else:
        yield from called(node, graph.bodies)


def _alive(graph: Graph, body: Body, seeds: Iterable[str], stop: Collection[Place]) -> frozenset[str]:
    """The nodes of one body that run, control flow of version 1 taken into account."""
    waiting = [source(seed) for seed in seeds]
    needed: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in needed and name in body.nodes:
            needed.add(name)
            if Place(body.name, name) not in stop:
                waiting.extend(source(tensor) for tensor in body.nodes[name].input)
    return frozenset(needed - _dead(graph, body, needed, stop))


def _dead(graph: Graph, body: Body, needed: Collection[str], stop: Collection[Place]) -> set[str]:
    """The nodes behind the side of a switch that a constant condition never takes."""
    sides: dict[str, bool] = {}
    for name in needed:
        node = body.nodes[name]
        if node.op in _SWITCHES and len(node.input) > 1:
            taken = _constant(graph, body.name, node.input[1], stop)
            if taken is not None:
                sides[name] = taken
    dead: set[str] = set()

    def is_dead(tensor: str) -> bool:
        name = source(tensor)
        if name in sides and not tensor.startswith("^"):
            is_true_side = tensor.endswith((":1", ":output_true:0"))
            return name in dead or is_true_side != sides[name]
        return name in dead

    waiting = list(sides)
    while waiting:
        for node, _ in body.consumers.get(waiting.pop(), ()):
            every = all if node.op in _MERGES else any
            if node.name not in dead and every(is_dead(tensor) for tensor in node.input):
                dead.add(node.name)
                waiting.append(node.name)
    return dead


def _constant(graph: Graph, function: str, tensor: str, stop: Collection[Place]) -> bool | None:
    """The truth of a condition that is the same in every request; None where it may differ."""
    values: set[bool] = set()
    for origin in graph.origins(function, tensor, _SAME_VALUE, stop=stop):
        node = graph.node(origin)
        if node is None or node.op != "Const" or origin in stop:
            return None
        value = tensor_of(node, 1)
        if value is None or value.size != 1:
            return None
        values.add(bool(value.item()))
    return values.pop() if len(values) == 1 else None
