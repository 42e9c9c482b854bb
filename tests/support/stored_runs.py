"""Runs that never were: a metadata store as TFX's launcher would have left it, with files, made in milliseconds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from pipeline.store.opened import opened

Artifact, Execution, Event = (
    metadata_store_pb2.Artifact,
    metadata_store_pb2.Execution,
    metadata_store_pb2.Event,
)
SIZE = 100
"""The bytes of each artifact's only file."""


class StoredRuns:
    """The store of one pipeline, and what its runs wrote into a root."""

    def __init__(self, root: Path, pipeline: str = "toy") -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root, self._pipeline = root, pipeline
        self.store = opened(root, "create")

    def run(self, name: str, **result: Any) -> str:
        """The folder of a run, with its records."""
        folder = self.root / "runs" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(f"version: 1\nname: {self._pipeline}\n")
        (folder / "log.txt").write_text("x" * SIZE)
        if result:
            import json

            (folder / "result.json").write_text(json.dumps(result))
        return name

    def node(
        self,
        run: str,
        node: str,
        inputs: Sequence[int] = (),
        outputs: Mapping[str, str] | None = None,
        *,
        cached: Sequence[int] = (),
        found: Sequence[int] = (),
        state: int = Execution.COMPLETE,
        properties: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """An execution.

        Args:
          run, node: their names.
          inputs: artifacts that it reads.
          outputs: the type of each output that it writes, by its name.
          cached: artifacts that it took from the cache instead.
          found: artifacts that it found, as a resolver.
          state: how it ended.
          properties: custom properties of its outputs.

        Returns:
          The numbers of its outputs in the store.
        """
        kind = metadata_store_pb2.ExecutionType(name=f"tests.{node}")
        execution = Execution(type_id=self.store.put_execution_type(kind), last_known_state=state)
        [number] = self.store.put_executions([execution])
        made = [self._artifact(node, key, number, kind, properties or {}) for key, kind in (outputs or {}).items()]
        events = [self._event(number, each, Event.INPUT) for each in dict.fromkeys(inputs)]
        events += [self._event(number, each, Event.OUTPUT) for each in (*made, *cached)]
        events += [self._event(number, each, Event.INTERNAL_OUTPUT) for each in found]
        self.store.put_events(events)
        contexts = [("pipeline", self._pipeline), ("pipeline_run", run), ("node", f"{self._pipeline}.{node}")]
        numbers = [self._context(*each) for each in contexts]
        self.store.put_attributions_and_associations(
            [metadata_store_pb2.Attribution(context_id=each, artifact_id=out) for each in numbers for out in made],
            [metadata_store_pb2.Association(context_id=each, execution_id=number) for each in numbers],
        )
        return made

    def state(self, number: int) -> str:
        """The state of an artifact."""
        [artifact] = self.store.get_artifacts_by_id([number])
        return Artifact.State.Name(artifact.state)

    def folder(self, number: int) -> Path:
        """The folder of an artifact."""
        [artifact] = self.store.get_artifacts_by_id([number])
        return Path(artifact.uri)

    def _artifact(self, node: str, key: str, execution: int, kind: str, properties: Mapping[str, Any]) -> int:
        folder = self.root / node / key / str(execution)
        folder.mkdir(parents=True)
        (folder / "content").write_text("x" * SIZE)
        artifact = Artifact(
            type_id=self.store.put_artifact_type(
                metadata_store_pb2.ArtifactType(name=kind), can_add_fields=True, can_omit_fields=True
            ),
            uri=str(folder),
            state=Artifact.LIVE,
        )
        for name, value in properties.items():
            if isinstance(value, int):
                artifact.custom_properties[name].int_value = value
            else:
                artifact.custom_properties[name].string_value = value
        return self.store.put_artifacts([artifact])[0]

    def _event(self, execution: int, artifact: int, kind: int) -> Any:
        event = Event(execution_id=execution, artifact_id=artifact, type=kind)
        event.path.steps.add().key = "key"
        return event

    def _context(self, kind: str, name: str) -> int:
        type_id = self.store.put_context_type(metadata_store_pb2.ContextType(name=kind))
        known = self.store.get_context_by_type_and_name(kind, name)
        if known is not None:
            return int(known.id)
        return int(self.store.put_contexts([metadata_store_pb2.Context(type_id=type_id, name=name)])[0])
