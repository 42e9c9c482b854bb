"""Runs the graph on this machine: TFX's own launcher, node by node, with a listener that sees every step."""

import functools
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact
from tfx.types.artifact_utils import deserialize_artifact

from pipeline.runners.beside import Beside
from pipeline.runners.settled import settled
from pipeline.selection import Selection
from preprocessing.errors import UserError

NodeState = Literal["running", "done", "cached", "failed", "skipped"]


@dataclass(frozen=True)
class NodeResult:
    """One node of one run.

    Attributes:
      name: the node's id.
      state: how it ended.
      seconds: wall-clock time.
      outputs: its output artifacts by name.
      error: with which it failed.
    """

    name: str
    state: NodeState
    seconds: float
    outputs: dict[str, list[Artifact]] = field(default_factory=dict)
    error: BaseException | None = None


Listener = Callable[[NodeResult], None]


def run(
    pipeline: Pipeline,
    run_id: str,
    selection: Selection,
    listener: Listener,
    *,
    seed: int,
    uncached: Collection[str] = (),
    stops: Mapping[str, str] | None = None,
    beside: Collection[str] = (),
    prepare: Mapping[str, Callable[[], None]] | None = None,
) -> list[NodeResult]:
    """Runs the pipeline in this process, in topological order.

    A gate that refuses, now or in the run whose result it is cached from, ends the run in order: what comes after
    it in the graph is skipped, whether or not it depends on the gate.

    Args:
      pipeline: the graph.
      run_id: the run's name in the metadata store.
      selection: which nodes.
      listener: called when a node begins (`running`) and when it ends, from one thread at a time.
      seed: settles the order in which Beam leaves the examples.
      uncached: nodes that never come from the cache.
      stops: the output of each such gate that holds its verdict, an artifact with the int custom property `blessed`.
      beside: nodes that begin as soon as what they depend on is done, beside the next ones in order; what they may be
        is said in `pipeline.runners.beside`.
      prepare: what is called, for a node that will run, when the first of those that it depends on doesn't come from
        the cache.

    Returns:
      The result of each node, in order.

    Raises:
      UserError: the selection names no node of this graph.
      Exception: whatever a component raised; one that runs beside it ends first.
    """
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    nodes = [node.pipeline_node for node in ir.nodes]
    wanted, forced = _select(nodes, selection)
    for node in nodes:
        caching = node.execution_options.caching_options
        caching.enable_cache = selection.use_cache and node.node_info.id not in {*forced, *uncached}
    heard = threading.Lock()

    def listen(result: NodeResult) -> None:
        with heard:
            listener(result)

    preparing = _Preparing(nodes, {name: act for name, act in (prepare or {}).items() if name in wanted})
    results: dict[str, NodeResult] = {}
    refused = False
    with Beside[NodeResult]() as lanes:
        for i, node in enumerate(nodes):
            name = node.node_info.id
            if refused or name not in wanted:
                results[name] = NodeResult(name, "skipped", 0.0)
                listen(results[name])
                continue
            for other in _ready(nodes[i:], results, {*beside} & wanted, stops or {}):
                if other.node_info.id not in lanes:
                    lanes.start(other.node_info.id, functools.partial(_work, ir, other, listen, preparing.executed))
            if name in lanes:
                results[name] = lanes.result(name)
            else:
                with lanes.other_work(), settled(seed, pipeline.beam_pipeline_args or []):
                    results[name] = _work(ir, node, listen, preparing.executed)
            refused = stops is not None and name in stops and not _blessed(results[name].outputs[stops[name]])
    return list(results.values())


def _ready(
    nodes: Iterable[pipeline_pb2.PipelineNode],
    done: Collection[str],
    wanted: Collection[str],
    gates: Collection[str],
) -> Iterator[pipeline_pb2.PipelineNode]:
    """Those of the wanted nodes that depend on nothing that isn't done; none behind a gate that is still to decide."""
    for node in nodes:
        if node.node_info.id in wanted and all(above in done for above in node.upstream_nodes):
            yield node
        if node.node_info.id in gates:
            return


class _Preparing:
    """Calls what prepares for a node when it is clear that the node will be executed."""

    def __init__(self, nodes: Sequence[pipeline_pb2.PipelineNode], prepare: Mapping[str, Callable[[], None]]) -> None:
        upstream = {node.node_info.id: set(node.upstream_nodes) for node in nodes}
        self._waiting = [(_reachable(name, upstream) - {name}, act) for name, act in prepare.items()]

    def executed(self, name: str) -> None:
        """A node is being executed."""
        for above, act in [each for each in self._waiting if name in each[0]]:
            self._waiting.remove((above, act))
            act()


def _work(
    ir: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, listener: Listener, executed: Callable[[str], None]
) -> NodeResult:
    """Runs one node, and tells the listener."""
    name = node.node_info.id
    listener(NodeResult(name, "running", 0.0))
    started = time.monotonic()
    try:
        state, outputs = _run_node(ir, node, executed)
    except BaseException as error:
        listener(NodeResult(name, "failed", time.monotonic() - started, error=error))
        raise
    result = NodeResult(name, state, time.monotonic() - started, outputs)
    listener(result)
    return result


def _blessed(verdict: list[Artifact]) -> bool:
    return all(artifact.get_int_custom_property("blessed") == 1 for artifact in verdict)


def _select(nodes: list[pipeline_pb2.PipelineNode], selection: Selection) -> tuple[set[str], set[str]]:
    """The names of the nodes to run, and of those that must not come from the cache."""
    names = [node.node_info.id for node in nodes]
    for option, name in (("--from", selection.first), ("--to", selection.last)):
        if name is not None and name not in names:
            raise UserError(f"{option}: no component {name!r}; the components are {', '.join(names)}")
    upstream = {node.node_info.id: set(node.upstream_nodes) for node in nodes}
    downstream = {node.node_info.id: set(node.downstream_nodes) for node in nodes}
    wanted = set(names) if selection.last is None else _reachable(selection.last, upstream)
    forced = set() if selection.first is None else _reachable(selection.first, downstream)
    if selection.first is not None and selection.first not in wanted:
        raise UserError(f"--from {selection.first} --to {selection.last}: the second does not depend on the first")
    return wanted, forced


def _reachable(start: str, neighbours: dict[str, set[str]]) -> set[str]:
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(neighbours[name])
    return found


class _Store(metadata.Metadata):
    """A connection that waits until no other node is using one: SQLite has one writer, and refuses a second."""

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


def _announcing(operator: type[Any], executed: Callable[[], None]) -> type[Any]:
    """One of the launcher's ways to execute a component, which says first that it does."""

    class Announcing(operator):
        def run_executor(self, *args: Any, **kwargs: Any) -> Any:
            executed()
            return super().run_executor(*args, **kwargs)

    return Announcing


def _run_node(
    ir: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, executed: Callable[[str], None]
) -> tuple[NodeState, dict[str, list[Artifact]]]:
    """Runs one node. How it ended, and its outputs by name."""
    name = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(ir)
    connection = getattr(
        deployment.metadata_connection_config, deployment.metadata_connection_config.WhichOneof("connection_config")
    )
    announce = functools.partial(executed, name)
    node_launcher = launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=_Store(connection),
        pipeline_info=ir.pipeline_info,
        pipeline_runtime_spec=ir.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, name),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
        custom_executor_operators={
            spec: _announcing(operator, announce) for spec, operator in launcher.DEFAULT_EXECUTOR_OPERATORS.items()
        },
    )
    info = node_launcher.launch()
    if info is None or info.execution_id is None:
        raise RuntimeError(f"{name} did not run: its inputs are missing although everything before it is done")
    with _Store(connection) as handle:
        return _execution(handle.store, info.execution_id)


def _execution(store: Any, execution_id: int) -> tuple[NodeState, dict[str, list[Artifact]]]:
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
