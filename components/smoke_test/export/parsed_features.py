"""Which features a graph parses out of serialized tf.Examples, read from the graph."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from tensorflow.python.framework import dtypes, tensor_util

from components.artifacts.golden import Dtype
from components.smoke_test.export.contract import Feature
from components.smoke_test.export.graph import Graph, Place, attribute

_PARSERS = frozenset({"ParseExample", "ParseExampleV2", "ParseSingleExample"})
_SEQUENCE_PARSERS = frozenset({"ParseSequenceExample", "ParseSequenceExampleV2", "ParseSingleSequenceExample"})
_EXAMPLE_MESSAGES = (b"tensorflow.Example", b"tensorflow.SequenceExample")
_PASSES_ON = frozenset(
    {
        *("Identity", "IdentityN", "Snapshot", "StopGradient", "PlaceholderWithDefault", "EnsureShape"),
        *("Reshape", "Squeeze", "ExpandDims", "Slice", "StridedSlice", "Gather", "GatherV2", "Pack", "Unpack"),
        *("ConcatV2", "Split", "SplitV", "Switch", "Merge", "Enter", "NextIteration", "Exit"),
        *("TensorListFromTensor", "TensorListGetItem", "TensorArrayScatterV3", "TensorArrayReadV3"),
    }
)
"""Operations after which a serialized example is still one."""
_LONGEST_DEFAULT = 10_000
_SAME_VALUES = frozenset({"Identity", "Reshape", "ExpandDims", "Squeeze", "EnsureShape"})


def parsed_features(graph: Graph, tensor: str) -> dict[str, Feature] | None:
    """What is parsed out of a string tensor.

    Args:
      graph: the graph with its functions.
      tensor: the name of a string tensor of the graph itself.

    Returns:
      The features by column: a fixed length with its shape, any length with None; required when parsing would fail
      without it. Empty when the tensor is parsed in a way that does not tell. None when it isn't parsed as tf.Example
      at all: a text, for example.
    """
    found: dict[str, Feature] = {}
    parsed = False
    for place, node in graph.consumers(tensor, _PASSES_ON):
        if node.op in _PARSERS:
            parsed = True
            for feature in _features(graph, place, node):
                if feature.name not in found or feature.required:
                    found[feature.name] = feature
        elif node.op in _SEQUENCE_PARSERS or _decodes_examples(node):
            parsed = True
    return found if parsed else None


def parsed_defaults(graph: Graph, tensor: str) -> dict[str, NDArray[Any]]:
    """What takes the place of a column that a serialized tf.Example lacks, flat, by column, as far as the graph says.

    A column that is also parsed as a list of any length is left out: there a model sees whether it has a value.

    Args:
      graph: the graph with its functions.
      tensor: the name of a string tensor of the graph itself.
    """
    found: dict[str, NDArray[Any]] = {}
    lists: set[str] = set()
    for place, node in graph.consumers(tensor, _PASSES_ON):
        if node.op not in _PARSERS:
            continue
        sparse, dense, ragged, defaults = _keys(graph, place, node)
        lists.update(sparse, ragged)
        shapes = attribute(node, "dense_shapes").list.shape
        for name, shape, default in zip(dense, shapes, defaults, strict=False):
            value = _constant(graph, place.function, default)
            sizes = [int(dim.size) for dim in shape.dim]
            if value is None or shape.unknown_rank or not 0 < float(np.prod(sizes, dtype=float)) <= _LONGEST_DEFAULT:
                continue
            # Claims of another size would be made true with as much memory.
            if [int(dim.size) for dim in value.tensor_shape.dim] == sizes:
                found.setdefault(name, tensor_util.MakeNdarray(value).reshape(-1))
    return {name: default for name, default in found.items() if name not in lists}


def _decodes_examples(node: Any) -> bool:
    return node.op == "DecodeProtoV2" and attribute(node, "message_type").s in _EXAMPLE_MESSAGES


def _features(graph: Graph, place: Place, node: Any) -> Iterator[Feature]:
    sparse, dense, ragged, defaults = _keys(graph, place, node)
    for names, types in (
        (sparse, attribute(node, "sparse_types").list.type),
        (ragged, attribute(node, "ragged_value_types").list.type),
    ):
        for name, kind in zip(names, types, strict=False):
            yield Feature(name, _dtype(kind), shape=None)
    shapes = attribute(node, "dense_shapes").list.shape
    for name, kind, shape, default in zip(dense, attribute(node, "Tdense").list.type, shapes, defaults, strict=False):
        sizes = tuple(int(dim.size) for dim in shape.dim)
        if shape.unknown_rank or any(size < 0 for size in sizes):
            # A sequence of any length: its default pads, and none at all is a sequence of length 0.
            yield Feature(name, _dtype(kind), shape=None)
        else:
            yield Feature(name, _dtype(kind), sizes, required=_is_empty(graph, place.function, default))


def _keys(graph: Graph, place: Place, node: Any) -> tuple[list[str], list[str], list[str], list[str]]:
    """The sparse, dense and ragged keys and the tensors with the dense defaults, in any of the operation's forms."""
    inputs = [tensor for tensor in node.input if not tensor.startswith("^")]

    def constants(*tensors: str) -> list[str]:
        return [text for tensor in tensors for text in _strings(graph, place.function, tensor)]

    if node.op == "ParseExampleV2":
        sparse, dense, ragged = (constants(tensor) for tensor in inputs[2:5])
        return sparse, dense, ragged, inputs[5:]
    if node.op == "ParseExample":
        first = 2 + int(attribute(node, "Nsparse").i)
        second = first + int(attribute(node, "Ndense").i)
        return constants(*inputs[2:first]), constants(*inputs[first:second]), [], inputs[second:]
    sparse, dense = (
        [text.decode("utf-8", "replace") for text in attribute(node, each).list.s]
        for each in ("sparse_keys", "dense_keys")
    )
    return sparse, dense, [], inputs[1:]


def _constant(graph: Graph, function: str, tensor: str) -> Any | None:
    """The TensorProto behind a tensor, when there is exactly one."""
    nodes = [graph.node(origin) for origin in graph.origins(function, tensor, _SAME_VALUES)]
    if len(nodes) == 1 and nodes[0] is not None and nodes[0].op == "Const":
        return attribute(nodes[0], "value").tensor
    return None


def _strings(graph: Graph, function: str, tensor: str) -> list[str]:
    value = _constant(graph, function, tensor)
    if value is None or value.dtype != dtypes.string.as_datatype_enum:
        return []
    return [text.decode("utf-8", "replace") for text in value.string_val]


def _is_empty(graph: Graph, function: str, tensor: str) -> bool:
    """Whether a dense feature's default has no value, which makes the feature required."""
    value = _constant(graph, function, tensor)
    return value is not None and any(dim.size == 0 for dim in value.tensor_shape.dim)


def _dtype(kind: int) -> Dtype:
    return cast(Dtype, dtypes.as_dtype(kind).name)
