"""Runs the graph on this machine: TFX's own launcher, node by node, with a listener that sees every step."""

import functools
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact

from pipeline.failures import is_out_of_space
from pipeline.runners import launching
from pipeline.runners.beside import Beside
from pipeline.runners.kept import keep_outputs
from pipeline.runners.settled import settled
from pipeline.selection import Selection

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

    Returns:
      The result of each node, in order.

    Raises:
      UserError: the selection names no node of this graph.
      Exception: whatever a component raised; one that runs beside it ends first.
    """
    graph = launching.compiled(pipeline, run_id, selection, uncached)
    ir, nodes, wanted = graph.ir, graph.nodes, graph.wanted
    heard = threading.Lock()

    def listen(result: NodeResult) -> None:
        with heard:
            listener(result)

    preparing = _Preparing(nodes, {name: act for name, act in (prepare or {}).items() if name in wanted})
    watch = _Watch(preparing.executed, kept)
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
                    lanes.start(other.node_info.id, functools.partial(_work, ir, other, listen, watch))
            if name in lanes:
                results[name] = lanes.result(name)
            else:
                with lanes.other_work(), settled(seed, pipeline.beam_pipeline_args or []):
                    results[name] = _work(ir, node, listen, watch)
            refused = (
                stops is not None and name in stops and not launching.is_blessed(results[name].outputs[stops[name]])
            )
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
        self._waiting = [(launching.reachable(name, upstream) - {name}, act) for name, act in prepare.items()]

    def executed(self, name: str) -> None:
        """A node is being executed."""
        for above, act in [each for each in self._waiting if name in each[0]]:
            self._waiting.remove((above, act))
            act()


@dataclass(frozen=True)
class _Watch:
    """What is done when a node is executed, and where what it wrote is kept when that fails."""

    executed: Callable[[str], None]
    kept: Path | None

    def operator(self, name: str, base: type[Any]) -> type[Any]:
        """One of the launcher's ways to execute a component, watched."""

        class Watched(base):
            def run_executor(_, info: ExecutionInfo) -> Any:  # noqa: N805 - `self` is the watch
                self.executed(name)
                try:
                    return super(Watched, _).run_executor(info)
                except Exception as error:
                    # What is kept on a full disk would keep it full.
                    if self.kept is not None and not is_out_of_space(error):
                        keep_outputs(info.output_dict, self.kept / name)
                    raise

        return Watched


def _work(ir: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, listener: Listener, watch: _Watch) -> NodeResult:
    """Runs one node, and tells the listener."""
    name = node.node_info.id
    listener(NodeResult(name, "running", 0.0))
    started = time.monotonic()
    try:
        state, outputs = _run_node(ir, node, watch)
    except BaseException as error:
        listener(NodeResult(name, "failed", time.monotonic() - started, error=error))
        raise
    result = NodeResult(name, state, time.monotonic() - started, outputs)
    listener(result)
    return result


def _run_node(
    ir: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, watch: _Watch
) -> tuple[NodeState, dict[str, list[Artifact]]]:
    """Runs one node. How it ended, and its outputs by name."""
    name = node.node_info.id
    connection = launching.connection_of(ir)
    operators = {spec: watch.operator(name, base) for spec, base in launcher.DEFAULT_EXECUTOR_OPERATORS.items()}
    info = launching.node_launcher(ir, node, connection, operators).launch()
    if info is None or info.execution_id is None:
        raise RuntimeError(f"{name} did not run: its inputs are missing although everything before it is done")
    with launching.Store(connection) as handle:
        return launching.execution_result(handle.store, info.execution_id)
