"""What the metadata store knows of one run on this machine: its nodes, and the artifacts that they read and wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml_metadata.errors import NotFoundError
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline.store.opened import opened
from pipeline.store.place import place_of

_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "done",
    metadata_store_pb2.Execution.CACHED: "cached",
    metadata_store_pb2.Execution.FAILED: "failed",
    metadata_store_pb2.Execution.CANCELED: "failed",
    metadata_store_pb2.Execution.RUNNING: "running",
    metadata_store_pb2.Execution.NEW: "running",
}
_OUTPUTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT)


@dataclass(frozen=True)
class StoredArtifact:
    """One artifact of a run.

    Attributes:
      id: its number in the store.
      kind: its type, for example `Examples`.
      uri: its folder.
      properties: what its component noted on it, by name; of TFX's own properties and of custom ones.
    """

    id: int
    kind: str
    uri: str
    properties: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredNode:
    """One node of one run.

    Attributes:
      name: of the node.
      state: `done`, `cached`, `failed`, or `running` where the run was killed.
      began, ended: seconds since 1970, as the store noted them.
      inputs, outputs: artifacts by the names of the component's channels.
    """

    name: str
    state: str
    began: float
    ended: float
    inputs: Mapping[str, tuple[StoredArtifact, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[StoredArtifact, ...]] = field(default_factory=dict)

    def output(self, name: str) -> Path | None:
        """The folder of the one artifact of an output that is on this machine; None where there is none."""
        return _folder(self.outputs.get(name, ()))

    def input(self, name: str) -> Path | None:
        """The same of an input."""
        return _folder(self.inputs.get(name, ()))


def _folder(artifacts: tuple[StoredArtifact, ...]) -> Path | None:
    if len(artifacts) != 1:
        return None
    folder = Path(artifacts[0].uri)
    return folder if folder.exists() else None


def properties_of(artifact: metadata_store_pb2.Artifact) -> dict[str, str | int | float]:
    """The texts and numbers among an artifact's properties; a custom one hides TFX's own of the same name."""
    found: dict[str, str | int | float] = {}
    for name, value in (*artifact.properties.items(), *artifact.custom_properties.items()):
        kind = value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value"):
            found[name] = getattr(value, kind)
    return found


def read_only(root: Path) -> metadata_store.MetadataStore | None:
    """The metadata store of a root, to look into; None where there is none."""
    place = place_of(root)
    return opened(place) if place.exists() else None


def artifacts_of(root: Path, store: metadata_store.MetadataStore, kind: str) -> list[metadata_store_pb2.Artifact]:
    """The artifacts of a type that the pipelines of a root have made or found.

    Args:
      root: of the store.
      store: open.
      kind: the type's name.
    """
    found: list[metadata_store_pb2.Artifact] = store.get_artifacts_by_type(kind)
    place = place_of(root)
    if place.mysql is None:
        return found
    own: set[int] = set()
    for pipeline in place.pipelines:
        context = store.get_context_by_type_and_name("pipeline", pipeline)
        if context is not None:
            own.update(each.id for each in store.get_artifacts_by_context(context.id))
    return [each for each in found if each.id in own]


def stored_run(root: Path, run_id: str) -> dict[str, StoredNode]:
    """The nodes of a run by name, in the order in which they began.

    Args:
      root: the folder that holds everything that the pipeline writes.
      run_id: the name of the run's folder.

    Returns:
      Nothing where the store does not know the run: it ended before its first component began.
    """
    store = read_only(root)
    if store is None:
        return {}
    try:
        run = store.get_context_by_type_and_name("pipeline_run", run_id)
    except NotFoundError:
        return {}
    if run is None:
        return {}
    executions = sorted(store.get_executions_by_context(run.id), key=lambda each: each.id)
    events = store.get_events_by_execution_ids([each.id for each in executions])
    found = {each.id: each for each in store.get_artifacts_by_id(list({event.artifact_id for event in events}))}
    artifacts = {key: StoredArtifact(key, each.type, each.uri, properties_of(each)) for key, each in found.items()}
    nodes: dict[str, StoredNode] = {}
    place = place_of(root)
    for execution in executions:
        contexts = {each.type: each.name for each in store.get_contexts_by_execution(execution.id)}
        if not place.owns(contexts["pipeline"]):
            continue  # in a database, another root's run may have begun in the same second
        name = contexts["node"].rpartition(".")[2]
        inputs: dict[str, tuple[StoredArtifact, ...]] = {}
        outputs: dict[str, tuple[StoredArtifact, ...]] = {}
        for event in events:
            if event.execution_id == execution.id:
                key = next((step.key for step in event.path.steps if step.HasField("key")), "")
                side = outputs if event.type in _OUTPUTS else inputs
                side[key] = (*side.get(key, ()), artifacts[event.artifact_id])
        nodes[name] = StoredNode(
            name=name,
            state=_STATES.get(execution.last_known_state, "running"),
            began=execution.create_time_since_epoch / 1000,
            ended=execution.last_update_time_since_epoch / 1000,
            inputs=inputs,
            outputs=outputs,
        )
    return nodes
