"""Check `ops`: every operation of the graph is one that computes and does nothing else.

An allow-list, never a list of what is bad: an operation that nobody thought of is refused. Everything in the file
counts, also functions that no signature calls: a server loads them all, and something else may call them. Of what a
server runs it also counts what only some servers could run (`placement`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tensorflow.python.framework import op_def_registry

from components.smoke_test.checks.placement import DEVICE_HINT, XLA_HINT, marks
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.executed import INITIALISATION, roots
from components.smoke_test.export.graph import MAIN, Graph, Place, Reached, attribute, source
from components.smoke_test.export.saved_model import Export
from components.smoke_test.report import CheckResult
from preprocessing.text import decoded

ALLOWED_OPS = Path(__file__).with_name("allowed_ops.txt")
SAVING = frozenset({"Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints"})
RESTORING = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
"""What every export's saver needs, with the name of the checkpoint as first input."""
_STREAMS = (b"stdout", b"stderr", b"log(info)", b"log(warning)", b"log(error)")
_UNKNOWN_HINT = (
    "a server has only TensorFlow's own operations; express it with those, or leave it out of the exported function"
)
_HINT = (
    "leave it out of the exported function, or, when the server may do this, add the operation to smoke_test.ops.allow"
)

Case = Literal["not allowed", "unknown", "saver", "attribute", "xla", "device"]
_HINTS: dict[Case, str] = {"unknown": _UNKNOWN_HINT, "xla": XLA_HINT, "device": DEVICE_HINT}
_EXPECTED: dict[Case, str] = {
    "unknown": "only TensorFlow's own operations",
    "xla": "operations that need no compiler",
    "device": "operations that any server's devices can run",
}


@dataclass(frozen=True)
class OpFinding:
    """One operation that may not be where it is.

    Attributes:
      place: the node and its function.
      why: what is wrong with it, when its name doesn't say so.
    """

    case: Case
    op: str
    place: Place
    graph: Graph
    meta_graph: Any
    why: str = ""


@cache
def allowed_ops() -> frozenset[str]:
    """The operations of the list that comes with the component."""
    text = ALLOWED_OPS.read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def check_ops(export: Export, config: SmokeTestConfig) -> Iterator[CheckResult]:
    """Reads the operations of every meta graph: one result per kind of fault, or one that passes."""
    allowed = allowed_ops() | set(config.ops.allow)
    findings: dict[Case, list[OpFinding]] = {}
    kinds: Counter[str] = Counter()
    for meta_graph in export.proto.meta_graphs:
        graph = export.graph if meta_graph is export.meta_graph else Graph(meta_graph)
        for finding in _findings(meta_graph, graph, allowed, kinds):
            findings.setdefault(finding.case, []).append(finding)
    for mark in marks(export, config):
        finding = OpFinding(mark.case, mark.op, mark.place, export.graph, export.meta_graph, mark.why)
        findings.setdefault(finding.case, []).append(finding)
    for group in findings.values():
        yield _failure(group)
    if not findings:
        yield CheckResult.passes(
            "ops", "only operations that compute", f"{kinds.total():,} operations of {len(kinds)} kinds"
        )


def _findings(meta_graph: Any, graph: Graph, allowed: frozenset[str], kinds: Counter[str]) -> Iterator[OpFinding]:
    saver = _Saver(meta_graph, graph)
    # From the message, not from the index: a name that stands there twice must not hide the first one.
    bodies = [(MAIN, meta_graph.graph_def.node)]
    bodies += [(each.signature.name, each.node_def) for each in meta_graph.graph_def.library.function]
    for function, nodes in bodies:
        for node in nodes:
            kinds[node.op] += 1
            fault = None
            if node.op in SAVING or node.op in RESTORING:
                fault = None if node.op in allowed else saver.fault(Place(function, node.name), node)
            elif node.op not in allowed:
                fault = _refused(node.op, graph)
            elif why := _attribute(node):
                fault = ("attribute", why)
            if fault is not None:
                yield OpFinding(fault[0], node.op, Place(function, node.name), graph, meta_graph, fault[1])


def _refused(op: str, graph: Graph) -> tuple[Case, str] | None:
    """Why an operation that is not on the list may not be there; None for the call of a function by its name."""
    if op_def_registry.get(op) is not None:
        return "not allowed", ""
    return None if op in graph.bodies and op != MAIN else ("unknown", "")


def _attribute(node: Any) -> str | None:
    """What an allowed operation is made to touch by an attribute."""
    if node.op == "PrintV2":
        stream = attribute(node, "output_stream").s
        return None if stream in (b"", *_STREAMS) else f"prints to {decoded(stream)}"
    if node.op in ("DecodeProtoV2", "EncodeProto"):
        descriptors = attribute(node, "descriptor_source").s
        inside = descriptors in (b"", b"local://") or descriptors.startswith(b"bytes://")
        return None if inside else f"reads the file {decoded(descriptors)}"
    return None


class _Saver:
    """Where the operations that read and write checkpoints may be: a server restores the variables and never saves."""

    def __init__(self, meta_graph: Any, graph: Graph) -> None:
        definition = meta_graph.saver_def
        self._graph = graph
        self._file = Place(MAIN, source(definition.filename_tensor_name))
        self._save = graph.reached([definition.save_tensor_name])
        self._restore = graph.reached([definition.restore_op_name])
        served = [tensor for tensors in roots(meta_graph).values() for tensor in tensors]
        self._served = graph.reached(served)

    def fault(self, place: Place, node: Any) -> tuple[Case, str] | None:
        """What is wrong with a saving or restoring operation."""
        if place in self._served:
            return "saver", "is run by more than the restoring of the variables"
        if node.op in RESTORING:
            if place not in self._restore:
                return "saver", "is not part of the restoring of the variables"
            if not node.input or self._graph.origins(place.function, node.input[0]) != {self._file}:
                return "saver", "reads another file than the checkpoint that the server names"
        elif place in self._restore:
            return "saver", "writes a file when the variables are restored"
        elif place not in self._save:
            return "saver", "is not part of the saving of the variables"
        return None


def _failure(group: list[OpFinding]) -> CheckResult:
    first = group[0]
    reached: dict[str, Reached] = {
        name: first.graph.reached(tensors) for name, tensors in sorted(roots(first.meta_graph).items())
    }
    signatures = [name for name, each in reached.items() if name and first.place in each]
    others = Counter(finding.op for finding in group[1:])
    more = f", and {others.total()} more: {', '.join(op for op, _ in others.most_common(5))}" if others else ""
    where = f"in function {first.place.function}" if first.place.function else "in the graph itself"
    reach = ", ".join(signatures) or (
        "the initialisation" if first.place in reached[INITIALISATION] else "no signature"
    )
    why = f" {first.why}," if first.why else ""
    return CheckResult.fails(
        "ops",
        _EXPECTED.get(first.case, "only operations that compute"),
        f"{first.op}{why} in node {first.place.name} {where}, reached by {reach}{more}",
        case=first.case,
        signature=signatures[0] if signatures else None,
        hint=_HINTS.get(first.case, _HINT),
    )
