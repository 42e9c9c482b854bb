"""What the metadata store knows of one pipeline: every execution and artifact, and what was made from what."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from pipeline.store.opened import opened

Artifact, Execution, Event = (
    metadata_store_pb2.Artifact,
    metadata_store_pb2.Execution,
    metadata_store_pb2.Event,
)
_AT_ONCE = 500
"""So many ids stand in one question to the store."""


@dataclass
class StoredPipeline:
    """One pipeline, whole.

    Attributes:
      name: of the pipeline.
      executions, artifacts: by their numbers in the store.
      nodes, runs: of each execution, the node's and the run's name; "" where the store has none.
      inputs, outputs, found: of each execution the artifacts that it read, those that it made or took from the cache,
        and those that a resolver found.
      makers: of each artifact the execution that made it.
    """

    name: str
    executions: dict[int, Any] = field(default_factory=dict)
    artifacts: dict[int, Any] = field(default_factory=dict)
    nodes: dict[int, str] = field(default_factory=dict)
    runs: dict[int, str] = field(default_factory=dict)
    inputs: dict[int, set[int]] = field(default_factory=dict)
    outputs: dict[int, set[int]] = field(default_factory=dict)
    found: dict[int, set[int]] = field(default_factory=dict)
    makers: dict[int, int] = field(default_factory=dict)

    def run_of(self, artifact: int) -> str:
        """The run that made an artifact; "" where the store has none."""
        return self.runs.get(self.makers.get(artifact, 0), "")

    def node_of(self, artifact: int) -> str:
        """The node that made an artifact; "" where the store has none."""
        return self.nodes.get(self.makers.get(artifact, 0), "")

    def of_run(self, run: str) -> list[int]:
        """The executions of a run."""
        return [each for each, name in self.runs.items() if name == run]

    def live(self) -> dict[int, Any]:
        """The artifacts that the cache and the resolvers may take."""
        return {key: each for key, each in self.artifacts.items() if each.state == Artifact.LIVE}


def connection(root: Path, *, writes: bool = False) -> Any:
    """A connection to the metadata store of a root.

    Args:
      root: has a store.
      writes: whether something is to be changed.
    """
    return opened(root, "write" if writes else "read")


def pipelines(store: Any) -> list[str]:
    """The names of the pipelines that ran with this store."""
    return sorted(each.name for each in _contexts(store, "pipeline"))


def stored_pipeline(store: Any, name: str) -> StoredPipeline:
    """Reads one pipeline.

    Args:
      store: see `connection`.
      name: of the pipeline; one that the store does not know has nothing.
    """
    whole = StoredPipeline(name)
    own = next((each for each in _contexts(store, "pipeline") if each.name == name), None)
    if own is None:
        return whole
    whole.executions = {each.id: each for each in store.get_executions_by_context(own.id)}
    for context in _contexts(store, "pipeline_run"):
        _name(whole, whole.runs, store.get_executions_by_context(context.id), context.name)
    for context in _contexts(store, "node"):
        if context.name.startswith(f"{name}."):
            _name(whole, whole.nodes, store.get_executions_by_context(context.id), context.name[len(name) + 1 :])
    for event in _chunked(store.get_events_by_execution_ids, whole.executions):
        side = {
            Event.OUTPUT: whole.outputs,
            Event.INTERNAL_OUTPUT: whole.found,
            Event.INPUT: whole.inputs,
        }.get(event.type)
        if side is not None:
            side.setdefault(event.execution_id, set()).add(event.artifact_id)
    for execution, made in sorted(whole.outputs.items()):
        for artifact in made:
            # Executions that took it from the cache came later.
            whole.makers.setdefault(artifact, execution)
    known = set().union(*whole.outputs.values(), *whole.inputs.values(), *whole.found.values())
    whole.artifacts = {each.id: each for each in _chunked(store.get_artifacts_by_id, known)}
    return whole


def _name(whole: StoredPipeline, names: dict[int, str], executions: Iterable[Any], name: str) -> None:
    names.update({each.id: name for each in executions if each.id in whole.executions})


def _contexts(store: Any, kind: str) -> list[Any]:
    # The type is not there before the first run.
    known = {each.name for each in store.get_context_types()}
    return list(store.get_contexts_by_type(kind)) if kind in known else []


def _chunked(ask: Callable[[list[int]], Iterable[Any]], ids: Iterable[int]) -> Iterator[Any]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        yield from ask(ordered[start : start + _AT_ONCE])
