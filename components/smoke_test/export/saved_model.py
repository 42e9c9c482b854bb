"""Reads an exported SavedModel as data: its signatures and its graph. Nothing of the model is executed."""

import contextlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.framework import dtypes, tensor_util

from components.artifacts.golden import Dtype
from components.artifacts.model import SAVED_MODEL, SAVED_MODEL_TEXT
from components.smoke_test.export.contract import Feature, Signature, TensorSpec
from components.smoke_test.export.executed import INIT_SIGNATURE, TRAIN_SIGNATURE, Executed, served
from components.smoke_test.export.graph import Graph
from components.smoke_test.export.parsed_features import parsed_features

SERVE = frozenset({"serve"})
"""The tags of the meta graph that TensorFlow Serving loads: these and no other."""
_INTERNAL_SIGNATURES = frozenset({INIT_SIGNATURE, TRAIN_SIGNATURE})
_FEATURE_DTYPES = ("float32", "int64", "string")
_COLLECTION = "saved_model_assets"
_LARGEST_PROTO = 2**31 - 1
_LARGEST_DEFAULT = 10_000


class ExportError(Exception):
    """The folder is not a SavedModel that a server can load; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Export:
    """A SavedModel on disk.

    Attributes:
      folder: the folder that holds saved_model.pb.
      proto: the whole SavedModel message.
      signatures: those of the meta graph that is served, by name, without TensorFlow's internal ones.
    """

    folder: Path
    proto: Any
    signatures: Mapping[str, Signature]

    @cached_property
    def meta_graph(self) -> Any:
        """The meta graph that a server loads."""
        return next(each for each in self.proto.meta_graphs if set(each.meta_info_def.tags) == SERVE)

    @cached_property
    def graph(self) -> Graph:
        """The served graph, indexed."""
        return Graph(self.meta_graph)

    @cached_property
    def served(self) -> Mapping[str, Executed]:
        """What a server runs of it, by signature, and for `executed.INITIALISATION`."""
        return served(self.meta_graph, self.graph)


def read_export(folder: Path) -> Export:
    """Reads saved_model.pb, or saved_model.pbtxt where there is none.

    Args:
      folder: the folder of one version: saved_model.pb, variables/, assets/.

    Raises:
      ExportError: the file is missing or can't be read, no meta graph is tagged `serve` alone, or it has no signature.
    """
    file, proto = _read_proto(folder)
    tags = [set(each.meta_info_def.tags) for each in proto.meta_graphs]
    if SERVE not in tags:
        found = ", ".join("{" + ", ".join(sorted(each)) + "}" for each in tags) or "no meta graph at all"
        raise ExportError(f"{file} has no meta graph tagged `serve`, which a server loads; it has {found}")
    graph = proto.meta_graphs[tags.index(set(SERVE))]
    definitions = {name: graph.signature_def[name] for name in sorted(graph.signature_def)}
    definitions = {name: each for name, each in definitions.items() if name not in _INTERNAL_SIGNATURES}
    if not definitions:
        raise ExportError(f"{file} has no signature, so a server could answer nothing; export it with `signatures=`")
    index = Graph(graph)
    try:
        signatures = {name: _signature(name, each, index) for name, each in definitions.items()}
    except TypeError as error:
        raise ExportError(f"{file} has a signature with a type that TensorFlow does not know: {error}") from error
    return Export(folder, proto, signatures)


def asset_files(meta_graph: Any) -> list[Any]:
    """A meta graph's AssetFileDefs, from where TensorFlow's loader takes them: those of version 1 have a collection."""
    if meta_graph.asset_file_def or _COLLECTION not in meta_graph.collection_def:
        return list(meta_graph.asset_file_def)
    assets = []
    for packed in meta_graph.collection_def[_COLLECTION].any_list.value:
        asset = meta_graph_pb2.AssetFileDef()
        # One that can't be unpacked stays an asset without a name, which is a fault of its own.
        with contextlib.suppress(DecodeError):
            packed.Unpack(asset)
        assets.append(asset)
    return assets


def _read_proto(folder: Path) -> tuple[Path, Any]:
    binary, text = folder / SAVED_MODEL, folder / SAVED_MODEL_TEXT
    file = text if text.exists() and not binary.exists() else binary
    proto = saved_model_pb2.SavedModel()
    try:
        status = file.stat()
        # Anything but a file, a pipe for example, could keep the reader waiting forever.
        if not stat.S_ISREG(status.st_mode):
            raise ExportError(f"{file} is not a file")
        if status.st_size > _LARGEST_PROTO:
            raise ExportError(f"{file} has {status.st_size:,} bytes; a server reads at most {_LARGEST_PROTO:,}")
        if file == text:
            text_format.Parse(file.read_text(encoding="utf-8"), proto)
        else:
            proto.ParseFromString(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ExportError(f"{folder} has no saved_model.pb{_instead(folder)}") from error
    except OSError as error:
        raise ExportError(f"{file} can't be read: {error.strerror}") from error
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise ExportError(
            f"{file} is not a SavedModel: {error}; it is damaged or was not completely written"
        ) from error
    return file, proto


def _instead(folder: Path) -> str:
    """What the folder has instead, when that says what to do."""
    if not folder.is_dir():
        return "; it is not a folder" if folder.exists() else "; it does not exist"
    if (folder / "saved_model.cpb").exists():
        return ", but a saved_model.cpb: a graph in pieces, which a server does not load"
    versions = sorted(
        (each.parent.name for each in folder.glob(f"*/{SAVED_MODEL}")), key=lambda name: (len(name), name)
    )
    return f"; give the folder of one version: {folder / versions[-1]}" if versions else ""


def _signature(name: str, definition: Any, graph: Graph) -> Signature:
    inputs = {argument: _spec(info) for argument, info in definition.inputs.items()}
    defaults = frozenset(definition.defaults)
    kind: Literal["examples", "features"] = "features"
    features = {
        argument: Feature(argument, cast(Dtype, spec.dtype), _row_shape(spec), required=argument not in defaults)
        for argument, spec in inputs.items()
        if spec.dtype in _FEATURE_DTYPES
    }
    if (tensor := _only_string(definition, inputs)) is not None:
        parsed = parsed_features(graph, tensor)
        if parsed is not None:
            kind, features = "examples", parsed
    return Signature(
        name=name,
        kind=kind,
        role=_role(name),
        inputs=inputs,
        outputs={output: _spec(info) for output, info in definition.outputs.items()},
        defaults=defaults,
        row_defaults=_row_defaults(definition, inputs),
        features=features,
        method=definition.method_name,
    )


def _row_defaults(definition: Any, inputs: Mapping[str, TensorSpec]) -> dict[str, NDArray[Any]]:
    """The defaults of one row, flat; not those of several rows, nor what TensorFlow can't read."""
    found: dict[str, NDArray[Any]] = {}
    for argument in sorted(set(definition.defaults) & set(inputs)):
        tensor = definition.defaults[argument]
        sizes = [dim.size for dim in tensor.tensor_shape.dim]
        # What it claims to have: one value in the file may stand for any number of them.
        is_small = all(size > 0 for size in sizes) and float(np.prod(sizes, dtype=float)) <= _LARGEST_DEFAULT
        if not is_small or (sizes and sizes[0] != 1 and inputs[argument].shape != ()):
            continue
        try:
            found[argument] = tensor_util.MakeNdarray(tensor).reshape(-1)
        except (TypeError, ValueError):
            continue  # the request that leaves the argument out says so: see the check `harm`
    return found


def _spec(info: Any) -> TensorSpec:
    shape = info.tensor_shape
    sizes = None if shape.unknown_rank else tuple(None if dim.size < 0 else int(dim.size) for dim in shape.dim)
    return TensorSpec(dtypes.as_dtype(info.dtype).name, sizes)


def _row_shape(spec: TensorSpec) -> tuple[int, ...] | None:
    """The shape without the batch dimension; None when that leaves it open."""
    sizes = None if spec.shape is None else spec.shape[1:]
    if sizes is None or None in sizes:
        return None
    return cast(tuple[int, ...], sizes)


def _only_string(definition: Any, inputs: Mapping[str, TensorSpec]) -> str | None:
    """The name of the tensor when the signature has one input, of strings, in one dimension or none."""
    if len(inputs) != 1:
        return None
    [(argument, spec)] = inputs.items()
    info = definition.inputs[argument]
    if (
        spec.dtype != "string"
        or (spec.shape is not None and len(spec.shape) > 1)
        or info.WhichOneof("encoding") != "name"
    ):
        return None
    return str(info.name)


def _role(name: str) -> Literal["predict", "transform", "transformed"]:
    if name == "predict_transformed":
        return "transformed"
    return "transform" if name == "transform_features" else "predict"
