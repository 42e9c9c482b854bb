"""What a run would do, found by TFX's own launcher on a copy of the metadata store, where nothing is executed.

Each node is launched as in `pipeline.runners.local`: resolvers ask the copy, the driver of ExampleGen looks at the
files, and the cache is asked by its own key; where the executor would begin, the node is noted down instead. A node
whose input comes from one of those is not launched: its input will be a new artifact, which no key holds.
"""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from tfx.orchestration import data_types_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import inputs_utils, launcher
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact

from pipeline.runners import launching
from pipeline.selection import METADATA_FILE, Selection
from pipeline.store.copying import copied
from pipeline.store.handle import Opening
from pipeline.store.opened import of_file
from pipeline.store.place import StorePlace
from preprocessing.errors import UserError

REHEARSAL = "rehearsal"
"""The id of the run that the copy of the store knows of it."""
_RESOLVER = "tfx.dsl.components.common.resolver.Resolver"

Value = str | int | float
"""The value of an execution property, as the metadata store holds it."""


@dataclass(frozen=True)
class Rehearsed:
    """What one node would do.

    Attributes:
      name: the node's id.
      state: `runs`; `cached`; or `skipped`, because it is not asked for or because a gate has refused.
      asks: whether it only asks the metadata store, as a resolver does.
      forced: whether it was told not to use the cache.
      behind: the gate whose refusal, from the cache, keeps it from running.
      waits_for: the nodes that will run, by the input that they make.
      properties: its execution properties, with what a driver found out.
      inputs: the ids of its artifacts, by name, where they are known.
      outputs: what it takes from the cache, or has found.
    """

    name: str
    state: Literal["runs", "cached", "skipped"]
    asks: bool = False
    forced: bool = False
    behind: str = ""
    waits_for: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Value] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: Mapping[str, list[Artifact]] = field(default_factory=dict)

    def refuses(self) -> bool:
        """Whether it is a gate that refuses from the cache."""
        keys = {launching.STOPS.get(self.name, "blessing"), "blessing"}
        verdicts = [listed for key, listed in self.outputs.items() if key in keys]
        return self.state == "cached" and not all(map(launching.is_blessed, verdicts))


@contextlib.contextmanager
def copied_store(place: StorePlace) -> Iterator[Path]:
    """A copy of a root's metadata store, in a folder that goes with the block; a new one where there is none.

    Args:
      place: the store; of a database, what it has of the root's pipelines is copied.

    Raises:
      UserError: the file is not a metadata store, another process is writing to it, or the database can't be read.
    """
    file = place.root / METADATA_FILE
    with tempfile.TemporaryDirectory(prefix="lockgate-plan-") as folder:
        copy = Path(folder) / METADATA_FILE
        if place.mysql is not None:
            copied(place.mysql, place.pipelines, copy)
        elif file.is_file():
            try:
                _copy(file, copy)
            except sqlite3.DatabaseError as error:
                raise UserError(
                    f"{file}: not a metadata store: {error}", hint="move it away to begin a new one, or set root"
                ) from error
        yield copy


def _copy(file: Path, copy: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise UserError(
                f"{file}: another process is writing to it: {error}", hint="try again in a moment"
            ) from error
        parts = [part for suffix in ("-journal", "-wal") if (part := file.with_name(file.name + suffix)).is_file()]
        if not parts:
            raise
        # A killed run may have left one of these, which only who may write can work in: that is done in the copy.
        for part in (file, *parts):
            shutil.copyfile(part, copy.with_name(part.name))


def rehearse(pipeline: Pipeline, store: Path, selection: Selection) -> list[Rehearsed]:
    """What each node of a run would do, in order. Nothing is written but the copy and what lies beside it.

    Args:
      pipeline: the graph.
      store: a copy of the root's metadata store, see `copied_store`.
      selection: which nodes.

    Returns:
      Exactly what `pipeline.runners.local.run` would find, but for the verdict of a gate that runs.

    Raises:
      UserError: the selection names no node of this graph, or the driver of ExampleGen doesn't find its files.
    """
    graph = launching.compiled(pipeline, REHEARSAL, selection, launching.UNCACHED)
    # What TFX makes folders for.
    graph.ir.runtime_spec.pipeline_root.field_value.string_value = str(store.parent / "root")
    opening = partial(of_file, store, "create")
    found: dict[str, Rehearsed] = {}
    behind = ""
    for node in graph.nodes:
        name = node.node_info.id
        if behind or name not in graph.wanted:
            found[name] = Rehearsed(name, "skipped", behind=behind if name in graph.wanted else "")
            continue
        waits_for = _waits_for(node, {each.name for each in found.values() if _is_new(each)})
        forced = not node.execution_options.caching_options.enable_cache
        found[name] = (
            _unlaunched(node, waits_for, opening, forced=forced)
            if waits_for
            else _launched(graph.ir, node, opening, forced=forced)
        )
        if name in launching.STOPS and found[name].refuses():
            behind = name
    return list(found.values())


def _is_new(node: Rehearsed) -> bool:
    """Whether its outputs will be other artifacts than any that the store knows."""
    return node.state == "runs" and (not node.asks or bool(node.waits_for))


def _waits_for(node: pipeline_pb2.PipelineNode, running: Collection[str]) -> dict[str, str]:
    return {
        key: channel.producer_node_query.id
        for key, given in sorted(node.inputs.inputs.items())
        for channel in given.channels
        if channel.producer_node_query.id in running
    }


def _unlaunched(
    node: pipeline_pb2.PipelineNode,
    waits_for: Mapping[str, str],
    opening: Opening,
    *,
    forced: bool,
) -> Rehearsed:
    """A node some of whose inputs are still to be made."""
    properties = data_types_utils.build_parsed_value_dict(
        inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
    )
    with launching.Store(opening) as handle:
        inputs = {
            key: tuple(sorted(each.id for each in channel_resolver.resolve_union_channels(handle, given.channels)))
            for key, given in node.inputs.inputs.items()
            if given.channels and not given.hidden and key not in waits_for
        }
    asks = node.node_info.type.name == _RESOLVER
    return Rehearsed(
        node.node_info.id,
        "runs",
        asks=asks,
        forced=forced,
        waits_for=waits_for,
        properties=_as_stored(properties),
        inputs={} if asks else inputs,
    )


class _BeginsError(Exception):
    """An executor would begin now."""

    def __init__(self, info: ExecutionInfo) -> None:
        super().__init__()
        self.info = info


def _stopping(base: type[Any]) -> type[Any]:
    """One of the launcher's ways to execute a component, which doesn't."""

    class Stopping(base):
        def run_executor(self, info: ExecutionInfo) -> Any:
            raise _BeginsError(info)

    return Stopping


def _launched(
    ir: pipeline_pb2.Pipeline,
    node: pipeline_pb2.PipelineNode,
    opening: Opening,
    *,
    forced: bool,
) -> Rehearsed:
    """A node all of whose inputs are known."""
    name = node.node_info.id
    operators = {spec: _stopping(base) for spec, base in launcher.DEFAULT_EXECUTOR_OPERATORS.items()}
    try:
        info = launching.node_launcher(ir, node, opening, operators).launch()
    except _BeginsError as begins:
        inputs = {key: tuple(sorted(each.id for each in listed)) for key, listed in begins.info.input_dict.items()}
        properties = _as_stored(begins.info.exec_properties)
        return Rehearsed(name, "runs", forced=forced, properties=properties, inputs=inputs)
    if info is None or info.execution_id is None:
        raise RuntimeError(f"{name} would not run: its inputs are missing although everything before it is done")
    with launching.Store(opening) as handle:
        state, outputs = launching.execution_result(handle.store, info.execution_id)
    if state == "cached":
        return Rehearsed(name, "cached", outputs=outputs)
    return Rehearsed(name, "runs", asks=True, outputs=outputs)


def _as_stored(properties: Mapping[str, Any]) -> dict[str, Value]:
    """The properties in the form in which the metadata store keeps them."""
    stored: dict[str, Value] = {}
    for key, value in properties.items():
        if value is not None:
            field_value = data_types_utils.set_parameter_value(pipeline_pb2.Value(), value).field_value
            stored[key] = getattr(field_value, field_value.WhichOneof("value"))
    return stored
