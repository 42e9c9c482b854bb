"""The executions of the nodes of a root, from its metadata store: what each took, and where that came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ml_metadata.errors import NotFoundError
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline.store.place import StorePlace

_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "done",
    metadata_store_pb2.Execution.CACHED: "cached",
    metadata_store_pb2.Execution.FAILED: "failed",
    metadata_store_pb2.Execution.CANCELED: "failed",
}
_INPUTS = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.DECLARED_INPUT)
_OUTPUTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT)
_INTERNAL = "__"
"""What the names of TFX's own properties begin with."""

Value = str | int | float


@dataclass(frozen=True)
class Execution:
    """One execution of a node.

    Attributes:
      id: in the store.
      node: its name.
      run: the id of its run.
      state: `done`, `cached`, `failed`, or `running` where the run was killed.
      seconds: between its first and its last note in the store.
      properties: its parameters, with what a driver found out; of a cached one without that.
      inputs, outputs: the ids of the artifacts, by name.
      uris: the places of all these artifacts, by id.
      removed: the ids of those that the store calls removed.
    """

    id: int
    node: str
    run: str
    state: str
    seconds: float
    properties: Mapping[str, Value] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    uris: Mapping[int, str] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()


class Executions:
    """All executions that a metadata store knows of one root."""

    def __init__(self, store: metadata_store.MetadataStore, place: StorePlace | None = None) -> None:
        """Takes an open store.

        Args:
          store: is read.
          place: says which of the store's pipelines are the root's; None for a store that has no others.
        """
        self._store = store
        self._place = place

    def newest_first(self, pipeline: str, node: str) -> list[metadata_store_pb2.Execution]:
        """The executions of one node of a pipeline, as the store has them."""
        try:
            context = self._store.get_context_by_type_and_name("node", f"{pipeline}.{node}")
        except NotFoundError:
            return []
        found = [] if context is None else self._store.get_executions_by_context(context.id)
        return sorted(found, key=lambda each: int(each.id), reverse=True)

    def of_run(self, run: str) -> dict[str, Execution]:
        """The executions of a run by node; empty where the store doesn't know the run."""
        try:
            context = self._store.get_context_by_type_and_name("pipeline_run", run)
        except NotFoundError:
            return {}
        listed = [] if context is None else self._store.get_executions_by_context(context.id)
        # Another root's run may have begun in the same second.
        listed = [each for each in listed if self._place is None or self._place.owns(self._pipeline(each.id))]
        return {each.node: each for each in map(self.whole, sorted(listed, key=lambda each: int(each.id)))}

    def pipelines(self) -> list[str]:
        """The names of the pipelines that have run in the root."""
        try:
            names = [each.name for each in self._store.get_contexts_by_type("pipeline")]
        except NotFoundError:
            return []
        return [each for each in names if self._place is None or self._place.owns(each)]

    def successes(self, pipeline: str, node: str, before: int | None = None) -> Iterator[Execution]:
        """The executions of a node that made their outputs, newest first; those that took them from the cache did not.

        Args:
          pipeline: its name.
          node: its name.
          before: only executions with a smaller id count.
        """
        for each in self.newest_first(pipeline, node):
            if (before is None or each.id < before) and _STATES.get(each.last_known_state) == "done":
                yield self.whole(each)

    def origin(self, execution: Execution) -> Execution:
        """The execution that made what a cached one took; itself for any other."""
        if execution.state != "cached":
            return execution
        makers = {self.maker(artifact) for listed in execution.outputs.values() for artifact in listed} - {None}
        return self.by_id(min(each for each in makers if each is not None)) if makers else execution

    def origin_of_artifact(self, artifact: int) -> Execution:
        """The execution that made an artifact."""
        maker = self.maker(artifact)
        if maker is None:
            raise LookupError(f"no execution has made artifact {artifact}")
        return self.by_id(maker)

    def maker(self, artifact: int) -> int | None:
        """The id of the execution that made an artifact: the first one that has it as an output."""
        events = self._store.get_events_by_artifact_ids([artifact])
        return min(
            (event.execution_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT), default=None
        )

    def uri(self, artifact: int) -> str:
        """The place of an artifact."""
        [found] = self._store.get_artifacts_by_id([artifact])
        return str(found.uri)

    def by_id(self, execution: int) -> Execution:
        """The execution of an id."""
        [found] = self._store.get_executions_by_id([execution])
        return self.whole(found)

    def _pipeline(self, execution: int) -> str:
        found = self._store.get_contexts_by_execution(execution)
        return next((str(each.name) for each in found if each.type == "pipeline"), "")

    def whole(self, execution: metadata_store_pb2.Execution) -> Execution:
        """An execution with its run and its artifacts."""
        contexts = {each.type: each.name for each in self._store.get_contexts_by_execution(execution.id)}
        inputs: dict[str, tuple[int, ...]] = {}
        outputs: dict[str, tuple[int, ...]] = {}
        for event in self._store.get_events_by_execution_ids([execution.id]):
            side = inputs if event.type in _INPUTS else outputs if event.type in _OUTPUTS else {}
            # The same artifact may stand under two names.
            for step in event.path.steps:
                if step.HasField("key"):
                    side[step.key] = tuple(sorted((*side.get(step.key, ()), event.artifact_id)))
        ids = {each for side in (inputs, outputs) for listed in side.values() for each in listed}
        artifacts = self._store.get_artifacts_by_id(sorted(ids)) if ids else []
        dead = (metadata_store_pb2.Artifact.DELETED, metadata_store_pb2.Artifact.MARKED_FOR_DELETION)
        return Execution(
            id=int(execution.id),
            node=contexts.get("node", "").rpartition(".")[2],
            run=contexts.get("pipeline_run", ""),
            state=_STATES.get(execution.last_known_state, "running"),
            seconds=(execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1000,
            properties=_properties(execution),
            inputs=inputs,
            outputs=outputs,
            uris={int(each.id): each.uri for each in artifacts},
            removed=frozenset(int(each.id) for each in artifacts if each.state in dead),
        )


def _properties(execution: metadata_store_pb2.Execution) -> dict[str, Value]:
    found: dict[str, Value] = {}
    # What the executor left among the custom ones is what the driver made of the others.
    for properties in (execution.properties, execution.custom_properties):
        for name, value in properties.items():
            kind = value.WhichOneof("value")
            if not name.startswith(_INTERNAL) and kind is not None:
                found[name] = getattr(value, kind)
    return found
