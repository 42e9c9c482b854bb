"""A SavedModel's graph as data: its functions, who calls whom, and where a tensor comes from. Nothing is executed."""

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import attr_value_pb2
from tensorflow.python.framework import tensor_util

Array = NDArray[Any]

MAIN = ""
"""The name that stands for the graph itself, beside its functions."""

_POSITIONAL = {
    "PartitionedCall": 0,
    "StatefulPartitionedCall": 0,
    "While": 0,
    "StatelessWhile": 0,
    "If": 1,
    "StatelessIf": 1,
    "Case": 1,
    "StatelessCase": 1,
}
"""Operations whose functions take the operation's inputs one by one, and the input with which they begin."""


@dataclass(frozen=True)
class Place:
    """A node, or an argument of a function, by the names of the function and of itself."""

    function: str
    name: str


@dataclass(frozen=True)
class Body:
    """The nodes of the graph itself, or of one function.

    Attributes:
      name: the function, or MAIN.
      nodes: every NodeDef by name.
      arguments: the function's arguments in order.
      results: for each output of the function in order, the tensor in it that is returned.
      controls: the nodes that run whether anything reads them or not.
      stateful: whether calling the function may do more than compute, by its own word.
    """

    name: str
    nodes: Mapping[str, Any]
    arguments: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    stateful: bool = False

    @cached_property
    def consumers(self) -> Mapping[str, list[tuple[Any, int]]]:
        """The nodes that take a node or argument, and at which input."""
        found: dict[str, list[tuple[Any, int]]] = defaultdict(list)
        for node in self.nodes.values():
            for position, tensor in enumerate(node.input):
                found[source(tensor)].append((node, position))
        return found


@dataclass(frozen=True)
class Reached:
    """What is executed for some tensors: nodes of the graph itself, and whole functions."""

    nodes: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)

    def __contains__(self, place: Place) -> bool:
        return place.function in self.functions if place.function != MAIN else place.name in self.nodes


def source(tensor: str) -> str:
    """The node or argument that a tensor is an output of: `node:0`, `node:output:0`, `^node` or `argument`."""
    return tensor.removeprefix("^").split(":", 1)[0]


def attribute(node: Any, name: str) -> Any:
    """A node's attribute, empty where it has none; asking the node itself would add it."""
    return node.attr[name] if name in node.attr else attr_value_pb2.AttrValue()


def tensor_of(node: Any, most: int) -> Array | None:
    """The tensor of a Const; None where it is larger than so many values, or no tensor."""
    tensor = attribute(node, "value").tensor
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    # The number of values that it claims to have: one value in the file may stand for any number of them.
    if any(size < 0 for size in sizes) or float(np.prod(sizes, dtype=float)) > most:
        return None
    try:
        array: Array = tensor_util.MakeNdarray(tensor)
    except (TypeError, ValueError):
        return None
    return array


def called(node: Any, functions: Mapping[str, Any]) -> Iterator[str]:
    """The functions that a node names in its attributes or is a call of, those that exist."""
    if node.op in functions:
        yield node.op
    for value in node.attr.values():
        yield from (name for name in _named(value) if name in functions)


def _named(value: Any) -> Iterator[str]:
    """The functions in an attribute, also those that are passed to a function."""
    kind = value.WhichOneof("value")
    functions = value.list.func if kind == "list" else [value.func] if kind == "func" else []
    for function in functions:
        yield function.name
        for inner in function.attr.values():
            yield from _named(inner)


class Graph:
    """One meta graph, indexed.

    Attributes:
      bodies: MAIN and every function of the library by name.
    """

    def __init__(self, meta_graph: Any) -> None:
        graph = meta_graph.graph_def
        self.bodies = {MAIN: Body(MAIN, {node.name: node for node in graph.node})}
        for function in graph.library.function:
            signature = function.signature
            self.bodies[signature.name] = Body(
                signature.name,
                {node.name: node for node in function.node_def},
                tuple(argument.name for argument in signature.input_arg),
                tuple(function.ret.get(result.name, "") for result in signature.output_arg),
                tuple(function.control_ret.values()),
                signature.is_stateful,
            )

    @cached_property
    def _callers(self) -> Mapping[str, list[tuple[str, Any]]]:
        found: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        for body in self.bodies.values():
            for node in body.nodes.values():
                for function in called(node, self.bodies):
                    found[function].append((body.name, node))
        return found

    @cached_property
    def _assignments(self) -> Mapping[Place, list[tuple[str, str]]]:
        """The tensors that are assigned to each variable, and where."""
        found: dict[Place, list[tuple[str, str]]] = defaultdict(list)
        for body in self.bodies.values():
            for node in body.nodes.values():
                if node.op == "AssignVariableOp" and len(node.input) > 1:
                    for variable in self.origins(body.name, node.input[0]):
                        found[variable].append((body.name, node.input[1]))
        return found

    def node(self, place: Place) -> Any | None:
        """The NodeDef at a place; None for an argument of a function and for what does not exist."""
        body = self.bodies.get(place.function)
        return None if body is None else body.nodes.get(place.name)

    def reached(self, tensors: Iterable[str]) -> Reached:
        """Everything that computing these tensors or operations of the graph itself may execute.

        A function counts as a whole: which of its nodes are pruned is the runtime's affair.
        """
        found = Reached()
        main = self.bodies[MAIN].nodes
        waiting = [source(tensor) for tensor in tensors]
        functions: list[str] = []
        while waiting:
            name = waiting.pop()
            if name in found.nodes or name not in main:
                continue
            found.nodes.add(name)
            waiting.extend(source(tensor) for tensor in main[name].input)
            functions.extend(called(main[name], self.bodies))
        while functions:
            name = functions.pop()
            if name in found.functions:
                continue
            found.functions.add(name)
            for node in self.bodies[name].nodes.values():
                functions.extend(called(node, self.bodies))
        return found

    def consumers(self, tensor: str, through: Container[str], function: str = MAIN) -> Iterator[tuple[Place, Any]]:
        """The nodes that a tensor feeds, inside the functions that it is passed to as well; not those that only wait.

        Args:
          tensor: its name.
          through: operations that pass their input on; what those feed is found too.
          function: that it is in.
        """
        waiting = [Place(function, source(tensor))]
        seen: set[Place] = set()
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            for node, position in self.bodies[place.function].consumers.get(place.name, ()):
                if node.input[position].startswith("^"):
                    continue
                yield Place(place.function, node.name), node
                if node.op in through:
                    waiting.append(Place(place.function, node.name))
                waiting.extend(self._arguments(node, position))

    def _arguments(self, node: Any, position: int) -> Iterator[Place]:
        """The arguments of functions that a node passes its input at this position to."""
        first = 0 if node.op in self.bodies else _POSITIONAL.get(node.op)
        if first is None or position < first:
            return
        for function in called(node, self.bodies):
            arguments = self.bodies[function].arguments
            if position - first < len(arguments):
                yield Place(function, arguments[position - first])

    def is_called(self, function: str) -> bool:
        """Whether any node calls the function."""
        return function in self._callers

    def origins(
        self,
        function: str,
        tensor: str,
        through: frozenset[str] = frozenset({"Identity"}),
        *,
        variables: bool = False,
        stop: Collection[Place] = (),
    ) -> set[Place]:
        """Where a tensor comes from: back through calls, their results, and what only passes its first input on.

        Args:
          function: the function in whose body the tensor's name stands, or MAIN.
          tensor: its name there.
          through: operations whose first input counts instead of themselves.
          variables: whether what is assigned to a variable counts instead of reading the variable.
          stop: what is an origin wherever it comes from.

        Returns:
          Nodes; an argument of a function that nothing calls in a way that can be followed.
        """
        waiting = [(function, tensor)]
        seen: set[tuple[str, str]] = set()
        found: set[Place] = set()
        while waiting:
            step = waiting.pop()
            if step in seen:
                continue
            seen.add(step)
            place = Place(step[0], source(step[1]))
            earlier = [] if place in stop else list(self._earlier(*step, through, variables=variables))
            waiting.extend(earlier)
            if not earlier:
                found.add(place)
        return found

    def _earlier(
        self, function: str, tensor: str, through: frozenset[str], *, variables: bool
    ) -> Iterator[tuple[str, str]]:
        place = Place(function, source(tensor))
        node = self.node(place)
        if node is None:
            yield from self._passed(place)
        elif node.op in through and node.input:
            yield function, node.input[0]
        elif node.op in _POSITIONAL or node.op in self.bodies:
            for name in called(node, self.bodies):
                results = self.bodies[name].results
                index = _output_index(tensor)
                if index < len(results):
                    yield name, results[index]
        elif variables and node.op == "ReadVariableOp" and node.input:
            for variable in self.origins(function, node.input[0], through):
                yield from self._assignments.get(variable, ())

    def _passed(self, place: Place) -> Iterator[tuple[str, str]]:
        """What the callers pass as an argument."""
        body = self.bodies.get(place.function)
        if body is None or place.name not in body.arguments:
            return
        position = body.arguments.index(place.name)
        for caller, node in self._callers.get(place.function, ()):
            first = 0 if node.op in self.bodies else _POSITIONAL.get(node.op)
            if first is not None and first + position < len(node.input):
                yield caller, node.input[first + position]


def _output_index(tensor: str) -> int:
    """The number at the end of a tensor's name; 0 without one."""
    last = tensor.rsplit(":", 1)[-1]
    return int(last) if ":" in tensor and last.isdigit() else 0
