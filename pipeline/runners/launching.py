"""One node of the compiled graph through TFX's own launcher: what a run and its rehearsal share."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, Self

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration.local import runner_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd.context_lib import CONTEXT_TYPE_EXECUTION_CACHE as _CACHE_TYPE
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact
from tfx.types.artifact_utils import deserialize_artifact

from pipeline.selection import Selection
from pipeline.store.handle import Handle, Opening
from preprocessing.errors import UserError

UNCACHED = ("Pusher",)
"""Never from the cache. The push is cheap, and pushing the same model twice changes nothing; but a cached push would
claim a version that somebody has deleted meanwhile."""
STOPS: Mapping[str, str] = {"DataGate": "verdict"}
"""The gates whose refusal ends a run, each with the output that holds its verdict."""


@dataclass(frozen=True)
class Compiled:
    """A graph as TFX's launcher takes it.

    Attributes:
      ir: the whole of it.
      nodes: its nodes, in topological order.
      wanted: the names of those that are to run.
      forced: the names of those that must not come from the cache.
    """

    ir: pipeline_pb2.Pipeline
    nodes: list[pipeline_pb2.PipelineNode]
    wanted: set[str]
    forced: set[str]


def compiled(pipeline: Pipeline, run_id: str, selection: Selection, uncached: Collection[str]) -> Compiled:
    """Compiles a graph, with the cache on for what may come from it.

    Args:
      pipeline: the graph.
      run_id: the run's name in the metadata store.
      selection: which nodes.
      uncached: nodes that never come from the cache.

    Raises:
      UserError: the selection names no node of this graph.
    """
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    nodes = [node.pipeline_node for node in ir.nodes]
    wanted, forced = select(nodes, selection)
    for node in nodes:
        caching = node.execution_options.caching_options
        caching.enable_cache = selection.use_cache and node.node_info.id not in {*forced, *uncached}
    return Compiled(ir, nodes, wanted, forced)


def select(nodes: list[pipeline_pb2.PipelineNode], selection: Selection) -> tuple[set[str], set[str]]:
    """The names of the nodes to run, and of those that must not come from the cache."""
    names = [node.node_info.id for node in nodes]
    for option, name in (("--from", selection.first), ("--to", selection.last)):
        if name is not None and name not in names:
            raise UserError(f"{option}: no component {name!r}; the components are {', '.join(names)}")
    upstream = {node.node_info.id: set(node.upstream_nodes) for node in nodes}
    downstream = {node.node_info.id: set(node.downstream_nodes) for node in nodes}
    wanted = set(names) if selection.last is None else reachable(selection.last, upstream)
    if not selection.push:
        wanted -= {"Pusher"}
    forced = set() if selection.first is None else reachable(selection.first, downstream)
    if selection.first is not None and selection.first not in wanted:
        raise UserError(f"--from {selection.first} --to {selection.last}: the second does not depend on the first")
    return wanted, forced


def reachable(start: str, neighbours: dict[str, set[str]]) -> set[str]:
    """A node and all that are reached from it."""
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(neighbours[name])
    return found


class Store(Handle):
    """A handle that waits until no other node is using one: SQLite has one writer, and refuses a second."""

    _turn: ClassVar = threading.RLock()

    def __enter__(self) -> Self:
        self._turn.acquire()
        try:
            super().__enter__()
        except BaseException:
            self._turn.release()
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._turn.release()


def node_launcher(
    ir: pipeline_pb2.Pipeline,
    node: pipeline_pb2.PipelineNode,
    store: Opening,
    operators: Mapping[Any, Any],
) -> launcher.Launcher:
    """TFX's launcher for one node.

    Args:
      ir: the compiled graph.
      node: one of its nodes.
      store: opens the metadata store.
      operators: by kind of executor the class that runs it.
    """
    deployment = runner_utils.extract_local_deployment_config(ir)
    return launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=Store(store),
        pipeline_info=ir.pipeline_info,
        pipeline_runtime_spec=ir.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node.node_info.id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node.node_info.id),
        custom_executor_operators=dict(operators),
    )


def opening_of(ir: pipeline_pb2.Pipeline) -> Opening:
    """Opens the metadata store that a compiled graph names."""
    config = runner_utils.extract_local_deployment_config(ir).metadata_connection_config
    connection: metadata_store_pb2.ConnectionConfig = getattr(config, config.WhichOneof("connection_config"))
    return partial(metadata_store.MetadataStore, connection)


def register_types(nodes: Collection[pipeline_pb2.PipelineNode], store: metadata_store.MetadataStore) -> None:
    """Registers every type that the nodes of a graph use, as TFX's launcher would one by one.

    Args:
      nodes: of the graph.
      store: is given the types; those that it has are left as they are.
    """
    executions = {node.node_info.type.name: node.node_info.type for node in nodes}
    contexts = {context.type.name: context.type for node in nodes for context in node.contexts.contexts}
    contexts.setdefault(_CACHE_TYPE, metadata_store_pb2.ContextType(name=_CACHE_TYPE))
    outputs = [output.artifact_spec.type for node in nodes for output in node.outputs.outputs.values()]
    artifacts = {each.name: each for each in outputs}
    for put, types in (
        (store.put_execution_type, executions),
        (store.put_context_type, contexts),
        (store.put_artifact_type, artifacts),
    ):
        for _, each in sorted(types.items()):
            put(each, can_add_fields=True, can_omit_fields=True)


def is_blessed(verdict: list[Artifact]) -> bool:
    """Whether a gate's output says that it passed."""
    return all(artifact.get_int_custom_property("blessed") == 1 for artifact in verdict)


def execution_result(store: Any, execution_id: int) -> tuple[Literal["done", "cached"], dict[str, list[Artifact]]]:
    """How an execution ended, and its outputs by name."""
    [execution] = store.get_executions_by_id([execution_id])
    states = metadata_store_pb2.Execution.State
    if execution.last_known_state not in (states.COMPLETE, states.CACHED):
        # The launcher publishes a failure to resolve inputs, but does not raise it.
        message = execution.custom_properties["__execution_result__"].string_value
        raise RuntimeError(f"execution {execution_id} is {states.Name(execution.last_known_state)}: {message}")
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type in (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT)
    ]
    by_id = {artifact.id: artifact for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])}
    types = {each.id: each for each in store.get_artifact_types_by_id({a.type_id for a in by_id.values()})}
    outputs: dict[str, list[Artifact]] = {}
    for event in events:
        artifact = by_id[event.artifact_id]
        key = next(step.key for step in event.path.steps if step.HasField("key"))
        outputs.setdefault(key, []).append(deserialize_artifact(types[artifact.type_id], artifact))
    return ("cached" if execution.last_known_state == states.CACHED else "done"), outputs
