"""What a model has learned, as data: the variables that a server restores, and the constants of a frozen graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.python.framework import dtypes

from components.smoke_test.export.executed import INITIALISATION, executed, roots
from components.smoke_test.export.graph import MAIN, Graph, Place, attribute, source, tensor_of
from components.smoke_test.export.saved_model import Export
from components.smoke_test.export.tables import HANDLE, finds, tables
from preprocessing.text import decoded

_ASSIGNS = frozenset({"AssignVariableOp", "Assign"})
_RESTORES = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
_READS = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd"})
_SAME_VALUES = frozenset(
    {
        *("Identity", "IdentityN", "Snapshot", "StopGradient", "EnsureShape", "Cast", "Reshape", "ExpandDims"),
        *("Squeeze", "Transpose", "Slice", "StridedSlice", "Gather", "GatherV2", "GatherNd", "ConcatV2", "Pack"),
        *("Unpack", "Split", "SplitV", "Tile", "BroadcastTo", "Switch", "Merge", "Enter", "NextIteration", "Exit"),
        *("ReadVariableOp", "ResourceGather", "ResourceGatherNd"),
    }
)
"""Operations after which a value is still the one that the variable has."""
_MULTIPLIES = frozenset(
    {
        *("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Mul", "Conv2D", "Conv3D"),
        *("DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3DBackpropInputV2", "SparseTensorDenseMatMul"),
        *("SparseMatMul", "Sum", "Mean", "SegmentSum", "SegmentMean", "UnsortedSegmentSum", "SparseSegmentSum"),
        *("SparseSegmentMean", "SparseSegmentSqrtN", "SparseSegmentSumWithNumSegments"),
        *("SparseSegmentMeanWithNumSegments", "SparseSegmentSqrtNWithNumSegments", "FusedBatchNorm"),
        *("FusedBatchNormV2", "FusedBatchNormV3"),
    }
)
"""Operations that make infinity or NaN of an infinite weight. What is added may be a mask, or a class ruled out; and an
infinite bias shows in every answer, so that no search is needed."""
_VARIABLES = frozenset({"VarHandleOp", "VariableV2", "Variable"})
_LEARNED = _VARIABLES | {"Const"}
_TESTS = frozenset({"IsNan", "IsFinite"})
_CHOOSES = frozenset({"Gather", "GatherV2", "GatherNd"})
"""Operations that take some of the numbers: a constant that is chosen from is a table."""
_LARGEST = 2**28
_FEWEST = 2
"""A single number that is NaN or infinite is a marker or a bound, and not something learned."""
_FEWEST_LEARNED = 8
"""A constant of fewer numbers may be anything: what a price is multiplied by, the bounds of a clip."""


@dataclass(frozen=True)
class Variable:
    """A variable that a server restores.

    Attributes:
      key: its name in the checkpoint; the parts of a partitioned variable share one.
      name: in the graph.
      read: whether a signature reads it.
      reaches: whether a signature multiplies it, adds it up, or answers with it as it is, so that what is infinite in
        it reaches the answer.
      tested: whether a signature itself asks what of it is NaN.
    """

    key: str
    name: str
    read: bool
    reaches: bool
    tested: bool


@dataclass(frozen=True)
class Numbers:
    """Numbers that stand in the graph, or fill a table of it, and reach the answer.

    Attributes:
      where: for the report.
      values: of any shape.
      keys: what each is looked up by, as long as the values; None of a constant.
      reaches, tested: as of a `Variable`.
    """

    where: str
    values: NDArray[Any]
    keys: NDArray[Any] | None = None
    reaches: bool = True
    tested: bool = False


def variables(export: Export) -> list[Variable]:
    """The variables that restoring assigns, by key and then name."""
    graph = export.graph
    restored = executed(graph, [export.meta_graph.saver_def.restore_op_name])
    answers = _answers(export)
    found: dict[tuple[str, str], Variable] = {}
    for place, node in restored:
        if node.op not in _ASSIGNS or len(node.input) < 2:
            continue
        key = _key(graph, place.function, node.input[1])
        for origin in graph.origins(place.function, node.input[0], HANDLE) if key else ():
            if origin.function == MAIN and (variable := graph.node(origin)) is not None:
                name = decoded(attribute(variable, "shared_name").s) or origin.name
                read, used = _use(export, origin)
                reaches = origin in answers or bool(used & _MULTIPLIES)
                found[key, name] = Variable(key, name, read, reaches, bool(used & _TESTS))
    return [found[each] for each in sorted(found)]


def constants(export: Export) -> Iterator[Numbers]:
    """The constants of more than one number that reach the answer, as a frozen graph has its weights."""
    answers = _answers(export)
    seen: set[Place] = set()
    for signature, ran in export.served.items():
        for place, node in ran:
            if signature == INITIALISATION or node.op != "Const" or place in seen:
                continue
            seen.add(place)
            dtype = dtypes.as_dtype(attribute(node, "dtype").type)
            sizes = [each.size for each in attribute(node, "value").tensor.tensor_shape.dim]
            if not dtype.is_floating or np.prod(sizes) < _FEWEST:
                continue
            used = _used(export, place)
            reaches = place in answers or bool(used & _MULTIPLIES)
            if (reaches or used & _CHOOSES) and (array := tensor_of(node, _LARGEST)) is not None:
                where = f" in function {place.function}" if place.function else ""
                yield Numbers(f"constant {place.name}{where}", array, None, reaches, bool(used & _TESTS))


def of_tables(export: Export) -> Iterator[Numbers]:
    """What the tables give that a signature looks something up in, where that is floats."""
    answers = _answers(export)
    filled = [table for table in tables(export) if table.values is not None and table.values.dtype.kind == "f"]
    for table, places in zip(filled, finds(export, filled), strict=True):
        used = {op for place in places for op in _used(export, place)}
        if places and table.values is not None:
            reaches = bool(answers & {*places}) or bool(used & _MULTIPLIES)
            yield Numbers(table.where, table.values, table.keys, reaches, bool(used & _TESTS))


def _key(graph: Graph, function: str, tensor: str) -> str:
    """The name in the checkpoint of what is assigned; empty when it does not come from there."""
    nodes = graph.bodies[function].nodes
    node = nodes.get(source(tensor))
    while node is not None and node.op in ("Identity", "Reshape", "Cast"):
        tensor = node.input[0]
        node = nodes.get(source(tensor))
    if node is None or node.op not in _RESTORES:
        return ""
    names = nodes.get(source(node.input[1]))
    if names is None or names.op != "Const":
        return ""
    names_of_all = tensor_of(names, _LARGEST)
    if names_of_all is None:
        return ""
    listed = names_of_all.reshape(-1)
    number = tensor.rsplit(":", 1)[-1]
    position = int(number) if ":" in tensor and number.isdigit() else 0
    return decoded(listed[position]) if position < len(listed) else ""


def _use(export: Export, variable: Place) -> tuple[bool, set[str]]:
    """Whether a signature reads a variable, and the operations that use its value."""
    read = False
    used: set[str] = set()
    is_reference = export.graph.bodies[MAIN].nodes[variable.name].op != "VarHandleOp"
    for place, node in export.graph.consumers(variable.name, HANDLE):
        if (is_reference or node.op in _READS) and _runs(export, place):
            read = True
            used |= {node.op, *_used(export, place)}
    return read, used


def _used(export: Export, value: Place) -> set[str]:
    """The operations that run on a value, wherever it is passed to unchanged."""
    consumers = export.graph.consumers(value.name, _SAME_VALUES, value.function)
    return {node.op for place, node in consumers if _runs(export, place)}


def _answers(export: Export) -> set[Place]:
    """The variables and constants that are answers themselves, or rows of them."""
    return {
        origin
        for signature, tensors in roots(export.meta_graph).items()
        for tensor in tensors
        if signature != INITIALISATION
        for origin in export.graph.origins(MAIN, tensor, _SAME_VALUES)
    }


def _runs(export: Export, place: Place) -> bool:
    return any(place in ran for signature, ran in export.served.items() if signature != INITIALISATION)


def learned_by(export: Export, signature: str) -> frozenset[str]:
    """What a server computes a signature with that was learned: float variables and float constants.

    Args:
      export: the export.
      signature: one of its own.

    Returns:
      Names of variables, and digests of constants: the same weights of two signatures are the same names.
    """
    found = set()
    for place, node in export.served.get(signature, ()):
        if node.op not in _LEARNED or not dtypes.as_dtype(attribute(node, "dtype").type).is_floating:
            continue
        if node.op in _VARIABLES:
            found.add(place.name)
        elif (array := tensor_of(node, _LARGEST)) is not None and array.size >= _FEWEST_LEARNED:
            found.add(sha256(array.tobytes()).hexdigest())
    return frozenset(found)
