"""Operations of a signature's graph that could do what was seen: they are named beside the evidence, never instead."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from tensorflow.python.framework import tensor_util

from components.smoke_test.export.graph import Graph, Place, attribute
from components.smoke_test.export.saved_model import Export
from preprocessing.text import listed

Suspicion = Literal["mean", "extreme", "before", "order", "duplicates", "state", "random"]

_OVER_ROWS: Mapping[str, frozenset[str]] = {
    "mean": frozenset({"Mean", "Sum", "Prod", "EuclideanNorm"}),
    "extreme": frozenset({"Max", "Min", "ArgMax", "ArgMin", "All", "Any"}),
    "before": frozenset({"Cumsum", "Cumprod", "CumulativeLogsumexp"}),
    "order": frozenset({"ReverseV2", "Roll"}),
}
"""Operations with an axis as second input, or third: suspicious where that is the batch's."""
_ANYWHERE: Mapping[str, frozenset[str]] = {
    "extreme": frozenset({"TopK", "TopKV2"}),
    "before": frozenset({"While", "StatelessWhile", "Scan"}),
    "order": frozenset({"TopK", "TopKV2", "RandomShuffle"}),
    "duplicates": frozenset(
        {
            *("Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2"),
            *("TensorScatterUpdate", "TensorScatterMax", "TensorScatterMin", "ScatterNd", "DynamicStitch"),
            *("UnsortedSegmentMax", "UnsortedSegmentMin", "UnsortedSegmentSum", "UnsortedSegmentProd"),
        }
    ),
}
_NORMS = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
_STATE = ("Assign", "ResourceScatter", "ResourceApply", "ScatterNd", "Queue", "Stack", "Barrier", "Stage")
_STATE_ENDINGS = ("Insert", "InsertV2", "Remove", "RemoveV2", "Import", "ImportV2", "Enqueue", "Push")
_RANDOM = (
    "Random",
    "Multinomial",
    "StatelessRandom",
    "StatelessTruncated",
    "Truncated",
    "ParameterizedTruncated",
    "Rng",
)
_SHOWN = 3


def suspects(export: Export, signature: str, kind: Suspicion) -> str:
    """The operations with the names of their nodes, in words that end a sentence; empty where there are none."""
    definition = export.meta_graph.signature_def
    if signature not in definition:
        return ""
    reached = export.graph.reached(each.name for each in definition[signature].outputs.values())
    found = dict.fromkeys(
        f"{node.op} ({node.name})"
        for body in export.graph.bodies.values()
        for node in body.nodes.values()
        if Place(body.name, node.name) in reached and _does(export.graph, body.name, node, kind)
    )
    return f"; the graph has {listed(list(found), _SHOWN)}" if found else ""


def _does(graph: Graph, function: str, node: Any, kind: Suspicion) -> bool:
    if kind == "state":
        return node.op.startswith(_STATE) or node.op.endswith(_STATE_ENDINGS)
    if kind == "random":
        return node.op.startswith(_RANDOM)
    if kind == "mean" and node.op in _NORMS:
        return attribute(node, "is_training").b
    if node.op in _ANYWHERE.get(kind, ()):
        return True
    return node.op in _OVER_ROWS.get(kind, ()) and 0 in _axes(graph, function, node)


def _axes(graph: Graph, function: str, node: Any) -> Iterator[int]:
    """The axes that an operation goes along, as far as they are constants."""
    inputs = [each for each in node.input if not each.startswith("^")]
    if len(inputs) < 2:
        return
    for place in graph.origins(function, inputs[-1]):
        constant = graph.node(place)
        if constant is not None and constant.op == "Const":
            values = tensor_util.MakeNdarray(attribute(constant, "value").tensor).reshape(-1)
            yield from (int(each) for each in values.tolist() if isinstance(each, int | bool))
