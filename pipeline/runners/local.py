"""Runs the graph on this machine: TFX's own launcher, node by node, with a listener that sees every step."""

import functools
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ml_metadata.proto.metadata_store_pb2 import Value
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration import pipeline_pb2, placeholder_pb2
from tfx.types.artifact import Artifact

from pipeline.failures.mistakes import is_out_of_space
from pipeline.runners import launching
from pipeline.runners.beside import Beside
from pipeline.runners.kept import keep_outputs
from pipeline.runners.settled import settled
from pipeline.selection import Selection
from pipeline.store.database import alone
from pipeline.store.handle import Opening
from pipeline.store.opened import opened
from pipeline.store.place import StorePlace

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
    kept: Path | None = None,
    unkeyed: Sequence[str] = (),
    store: StorePlace | None = None,
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
      kept: where the outputs of a component go that fails; None lets TFX remove them.
      unkeyed: more of Beam's options, which no cache's key has: no result depends on them.
      store: the metadata store; None is the one that the graph names.

    Returns:
      The result of each node, in order.

    Raises:
      UserError: the selection names no node of this graph.
      Exception: whatever a component raised; one that runs beside it ends first.
    """
    graph = launching.compiled(pipeline, run_id, selection, uncached)
    opening = launching.opening_of(graph.ir) if store is None else functools.partial(opened, store, "create")
    if store is not None and store.mysql is not None:
        with alone(store.mysql):
            launching.register_types(graph.nodes, opening())
    acts = {name: act for name, act in (prepare or {}).items() if name in graph.wanted}
    watch = _Watch(_Preparing(graph.nodes, acts).executed, kept, unkeyed)
    walk = _Walk(graph, opening, _one_at_a_time(listener), watch, stops or {}, {*beside} & graph.wanted)
    with Beside[NodeResult]() as lanes:
        walk.through(lanes, functools.partial(settled, seed, pipeline.beam_pipeline_args or []))
    return list(walk.results.values())


def _one_at_a_time(listener: Listener) -> Listener:
    """The listener, for several threads."""
    heard = threading.Lock()

    def listen(result: NodeResult) -> None:
        with heard:
            listener(result)

    return listen


@dataclass
class _Walk:
    """The way through the nodes of a graph, in order.

    Attributes:
      graph, listener, stops, beside: as for `run`.
      opening: opens the metadata store.
      watch: what is done when a node is executed.
      results: how each node ended, as far as the walk has come.
      refused: whether a gate has ended the run.
    """

    graph: launching.Compiled
    opening: Opening
    listener: Listener
    watch: "_Watch"
    stops: Mapping[str, str]
    beside: Collection[str]
    results: dict[str, NodeResult] = field(default_factory=dict)
    refused: bool = False

    def through(self, lanes: Beside[NodeResult], settling: Callable[[], AbstractContextManager[None]]) -> None:
        """Runs what is to run.

        Args:
          lanes: where the nodes beside the others run.
          settling: what each of the others is run within.
        """
        for i, node in enumerate(self.graph.nodes):
            name = node.node_info.id
            if self.refused or name not in self.graph.wanted:
                self.results[name] = NodeResult(name, "skipped", 0.0)
                self.listener(self.results[name])
                continue
            for other in self._ready(self.graph.nodes[i:]):
                if other.node_info.id not in lanes:
                    lanes.start(other.node_info.id, functools.partial(self._work, other))
            if name in lanes:
                self.results[name] = lanes.result(name)
            else:
                with lanes.other_work(), settling():
                    self.results[name] = self._work(node)
            self.refused = name in self.stops and not launching.is_blessed(self.results[name].outputs[self.stops[name]])

    def _ready(self, nodes: Iterable[pipeline_pb2.PipelineNode]) -> Iterator[pipeline_pb2.PipelineNode]:
        """Those that may run beside others and wait for nothing, not for a gate's verdict either."""
        for node in nodes:
            name = node.node_info.id
            if name in self.beside and all(above in self.results for above in node.upstream_nodes):
                yield node
            if name in self.stops:
                return

    def _work(self, node: pipeline_pb2.PipelineNode) -> NodeResult:
        return _work(self, node)


class _Preparing:
    """Calls what prepares for a node when it is clear that the node will be executed."""

    def __init__(self, nodes: Sequence[pipeline_pb2.PipelineNode], prepare: Mapping[str, Callable[[], None]]) -> None:
        upstream = {node.node_info.id: set(node.upstream_nodes) for node in nodes}
        self._waiting = [(launching.reachable(name, upstream) - {name}, act) for name, act in prepare.items()]

    def executed(self, name: str) -> None:
        """A node is being executed."""
        for above, act in [each for each in self._waiting if name in each[0]]:
            self._waiting.remove((above, act))
            act()


@dataclass(frozen=True)
class _Watch:
    """What is done when a node is executed, and where what it wrote is kept when that fails.

    Attributes:
      executed: is told its name.
      kept, unkeyed: as for `run`.
    """

    executed: Callable[[str], None]
    kept: Path | None
    unkeyed: Sequence[str]

    def operator(self, name: str, base: type[Any]) -> type[Any]:
        """One of the launcher's ways to execute a component, watched."""

        class Watched(base):
            def run_executor(operator, info: ExecutionInfo) -> Any:  # noqa: N805 - `self` is the watch
                self.executed(name)
                if isinstance(operator, BeamExecutorOperator):
                    operator.beam_pipeline_args += map(_constant, self.unkeyed)
                try:
                    return super(Watched, operator).run_executor(info)
                except Exception as error:
                    # What is kept on a full disk would keep it full.
                    if self.kept is not None and not is_out_of_space(error):
                        keep_outputs(info.output_dict, self.kept / name)
                    raise

        return Watched


def _constant(text: str) -> placeholder_pb2.PlaceholderExpression:
    """One of Beam's options as the launcher has those of the graph."""
    return placeholder_pb2.PlaceholderExpression(value=Value(string_value=text))


def _work(walk: _Walk, node: pipeline_pb2.PipelineNode) -> NodeResult:
    """Runs one node, and tells the listener."""
    name, listener = node.node_info.id, walk.listener
    listener(NodeResult(name, "running", 0.0))
    started = time.monotonic()
    try:
        state, outputs = _run_node(walk, node)
    except BaseException as error:
        listener(NodeResult(name, "failed", time.monotonic() - started, error=error))
        raise
    result = NodeResult(name, state, time.monotonic() - started, outputs)
    listener(result)
    return result


def _run_node(walk: _Walk, node: pipeline_pb2.PipelineNode) -> tuple[NodeState, dict[str, list[Artifact]]]:
    """Runs one node. How it ended, and its outputs by name."""
    name = node.node_info.id
    operators = {spec: walk.watch.operator(name, base) for spec, base in launcher.DEFAULT_EXECUTOR_OPERATORS.items()}
    info = launching.node_launcher(walk.graph.ir, node, walk.opening, operators).launch()
    if info is None or info.execution_id is None:
        raise RuntimeError(f"{name} did not run: its inputs are missing although everything before it is done")
    with launching.Store(walk.opening) as handle:
        return launching.execution_result(handle.store, info.execution_id)
