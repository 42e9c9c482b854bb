"""Generators of random numbers that keep their seed in a variable, as Keras's layers do."""

from collections.abc import Collection
from typing import Any

from tensorflow.python.framework import dtypes

from components.smoke_test.checks.state_ops import HANDLE
from components.smoke_test.export.executed import Executed, is_stateful
from components.smoke_test.export.graph import Place, attribute, called, source

_READ, _ASSIGNED = "ReadVariableOp", "AssignVariableOp"
_SEED_SHAPE = [2]


class _Computing:
    """The operations that a value goes through while it is computed with: all that neither assign nor call."""

    def __contains__(self, op: object) -> bool:
        return op != _ASSIGNED


def draws_from(ran: Executed, touched: Collection[Any]) -> bool:
    """Whether random numbers that a request draws hang on one of these variables."""
    return any(
        consumer.op.startswith("StatelessRandom") and place in ran
        for variable in touched
        if variable is not None and _is_seed(variable)
        for place, consumer in _uses(ran, variable)
    )


def is_idle(ran: Executed, touched: Collection[Any]) -> bool:
    """Whether these are seeds that move on with each request, and of which nothing that is computed takes notice.

    Layers of Keras 3 that draw in training, recurrent ones with dropout and augmentation of images, move their seed on
    in inference too, where nothing is drawn.
    """
    return bool(touched) and all(
        variable is not None and _is_seed(variable) and not _is_used(ran, variable) for variable in touched
    )


def _is_seed(variable: Any) -> bool:
    """Two whole numbers, as a seed of TensorFlow's stateless random numbers has."""
    sizes = [each.size for each in attribute(variable, "shape").shape.dim]
    return (
        variable.op == "VarHandleOp"
        and sizes == _SEED_SHAPE
        and dtypes.as_dtype(attribute(variable, "dtype").type).is_integer
    )


def _uses(ran: Executed, variable: Any) -> list[tuple[Place, Any]]:
    """What is computed from the variable where it is read, directly or further on, in the function that reads it."""
    readers = [place for place, node in ran.graph.consumers(variable.name, HANDLE) if node.op == _READ and place in ran]
    return [each for place in readers for each in ran.graph.consumers(place.name, _Computing(), place.function)]


def _is_used(ran: Executed, variable: Any) -> bool:
    """Whether the value goes into anything but the variable's next value."""
    users = [node.op for place, node in ran.graph.consumers(variable.name, HANDLE) if place in ran]
    if not all(op in (_READ, _ASSIGNED) or op in ran.graph.bodies or _calls(op) for op in users):
        return True
    for place, node in _uses(ran, variable):
        if place not in ran or node.op == _ASSIGNED:
            continue
        returned = {source(each) for each in ran.graph.bodies[place.function].results}
        if place.name in returned or any(called(node, ran.graph.bodies)) or is_stateful(ran.graph, node):
            return True
    return False


def _calls(op: str) -> bool:
    return op.endswith("PartitionedCall")
