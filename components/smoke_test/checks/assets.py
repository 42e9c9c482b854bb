"""Check `assets`: every file that the graph reads travels inside the export."""

import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tensorflow.core.framework import types_pb2

from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.graph import MAIN, Graph, Place, attribute, source
from components.smoke_test.export.saved_model import Export, asset_files
from components.smoke_test.report import CheckResult
from preprocessing.text import counted, decoded, sentences

ASSETS = "assets"
_TABLES = {"InitializeTableFromTextFile": 1, "InitializeTableFromTextFileV2": 1}
"""The allowed operations that read a file, and which input names it."""
_READERS = {
    "ReadFile": 0,
    "TextLineDataset": 0,
    "TFRecordDataset": 0,
    "TFRecordDatasetV2": 0,
    "FixedLengthRecordDataset": 0,
    "FixedLengthRecordDatasetV2": 0,
}
"""Those that a configuration may allow."""
_PASSES_ON = frozenset({"Identity", "Reshape", "ExpandDims", "Squeeze", "Placeholder", "PlaceholderWithDefault"})
_EXPECTED = "every file that the graph reads is one of its assets"
_HINT = (
    "export the file as an asset: tf.saved_model.Asset(path), or a lookup layer or table that the exported object holds"
)


def check_assets(export: Export, config: SmokeTestConfig) -> Iterator[CheckResult]:
    """Reads the assets of every meta graph and where its tables take their files from: one result."""
    readers = _TABLES | {op: position for op, position in _READERS.items() if op in config.ops.allow}
    faults: list[str] = []
    names: set[str] = set()
    tables = 0
    for meta_graph in export.proto.meta_graphs:
        graph = export.graph if meta_graph is export.meta_graph else Graph(meta_graph)
        assets = asset_files(meta_graph)
        names.update(asset.filename for asset in assets)
        faults += _asset_faults(export.folder, assets, graph)
        faults += _object_faults(meta_graph)
        tensors = {Place(MAIN, source(asset.tensor_info.name)) for asset in assets}
        for function, node in _reading(meta_graph, readers):
            tables += 1
            faults += _file_faults(tensors, graph, function, node, readers[node.op])
    if faults:
        yield CheckResult.fails("assets", _EXPECTED, sentences(faults, 1), hint=_HINT)
    elif names or tables:
        yield CheckResult.passes(
            "assets", _EXPECTED, f"{counted(len(names), 'asset')}, read in {counted(tables, 'place')}"
        )
    else:
        yield CheckResult.passes("assets", _EXPECTED, "the graph reads no file")


def _asset_faults(folder: Path, assets: list[Any], graph: Graph) -> Iterator[str]:
    """What is wrong with the list of assets itself."""
    for asset in assets:
        if fault := _name_fault(asset.filename) or _missing(folder, asset.filename):
            yield f"asset {asset.filename!r} {fault}"
        elif source(asset.tensor_info.name) not in graph.bodies[MAIN].nodes:
            yield f"asset {asset.filename!r} goes to tensor {asset.tensor_info.name!r}, which the graph lacks"


def _object_faults(meta_graph: Any) -> Iterator[str]:
    """Objects that hold an asset which the list has not."""
    count = len(meta_graph.asset_file_def)
    for node in meta_graph.object_graph_def.nodes:
        if node.WhichOneof("kind") == "asset" and not 0 <= node.asset.asset_file_def_index < count:
            yield f"an object of the export holds asset number {node.asset.asset_file_def_index} of {count}"


def _name_fault(name: str) -> str | None:
    path = PurePosixPath(name)
    if path.is_absolute() or "://" in name or "\\" in name:
        return f"is not a path inside {ASSETS}/"
    if not name or "\0" in name or ".." in path.parts:
        return f"leaves {ASSETS}/"
    return None


def _missing(folder: Path, name: str) -> str | None:
    root = (folder / ASSETS).resolve()
    file = (root / name).resolve()
    if not file.is_relative_to(root):
        return f"leaves {ASSETS}/ through a symbolic link"
    try:
        is_file = stat.S_ISREG(file.stat().st_mode)
    except OSError as error:
        return f"can't be read: {error.strerror}"
    return None if is_file else "is not a file"


def _reading(meta_graph: Any, readers: dict[str, int]) -> Iterator[tuple[str, Any]]:
    for node in meta_graph.graph_def.node:
        if node.op in readers:
            yield MAIN, node
    for function in meta_graph.graph_def.library.function:
        for node in function.node_def:
            if node.op in readers:
                yield function.signature.name, node


def _file_faults(assets: set[Place], graph: Graph, function: str, node: Any, position: int) -> Iterator[str]:
    """Where a file name comes from, other than an asset of the export."""
    where = f"{node.op} in node {node.name}" + (f" of function {function}" if function else "")
    if position >= len(node.input):
        yield f"{where} names no file"
        return
    origins = graph.origins(function, node.input[position], _PASSES_ON, variables=True, stop=assets)
    for origin in sorted(origins - assets, key=str):
        found = graph.node(origin)
        if found is None and not graph.is_called(origin.function):
            continue  # the argument of a function that nothing calls: it has no file
        if found is not None and found.op == "Const" and _constant(found).dtype == types_pb2.DT_STRING:
            names = [repr(decoded(value)) for value in _constant(found).string_val]
            yield f"{where} reads {', '.join(names) or 'a file without a name'}, a path of the training machine"
        else:
            kind = "an argument" if found is None else found.op
            yield f"{where} takes the name of its file from {kind} {origin.name}, which is not an asset"


def _constant(node: Any) -> Any:
    return attribute(node, "value").tensor
