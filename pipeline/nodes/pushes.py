"""The pushes that a metadata store knows, by lineage: what champion and baseline follow."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.types.artifact import Artifact

ROLLED_BACK_FROM = "rolled_back_from"
"""The string custom property of a PushedModel that a rollback made: the version that was served before."""
IN = (metadata_store_pb2.Event.INPUT,)
OUT = (metadata_store_pb2.Event.OUTPUT,)


def standing_pushes(store: mlmd.MetadataStore, pushed: Iterable[Artifact]) -> Iterator[tuple[Artifact, int | None]]:
    """The pushes, the newest first, for a caller that stops at the first one whose files are there.

    Behind a rollback come the pushes that it went back to: what it went back from never does.

    Args:
      store: knows the lineage.
      pushed: PushedModels; those that pushed nothing are passed over.

    Yields:
      Each with the id of its Model; None where the store does not know it.
    """
    known = [each for each in newest_first(pushed) if each.get_int_custom_property("pushed") == 1]
    models = made_from(store, [each.id for each in known], "model") if known else {}
    back_to: int | None = None
    for each in known:
        model = next(iter(models[each.id]), None)
        if back_to not in (None, model):
            continue
        yield each, model
        back_to = None
        if each.get_string_custom_property(ROLLED_BACK_FROM):
            if model is None:
                return
            back_to = model


def newest_first(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Artifacts by their numbers, which grow."""
    return sorted(artifacts, key=lambda each: int(each.id), reverse=True)


def made_from(store: mlmd.MetadataStore, artifacts: Collection[int], key: str) -> dict[int, set[int]]:
    """The artifacts that the execution which made an artifact read under an input's name, for each artifact."""
    makers: dict[int, set[int]] = {artifact: set() for artifact in artifacts}
    for event in events(store.get_events_by_artifact_ids, artifacts, OUT):
        makers[event.artifact_id].add(event.execution_id)
    inputs: dict[int, set[int]] = {}
    for event in events(store.get_events_by_execution_ids, set().union(*makers.values()), IN):
        if event.path.steps[0].key == key:
            inputs.setdefault(event.execution_id, set()).add(event.artifact_id)
    # Executions that took the artifact from the cache had equal inputs, but perhaps not the same artifacts.
    return {
        artifact: inputs.get(min(executions), set()) if executions else set() for artifact, executions in makers.items()
    }


def events(ask: Any, ids: Collection[int], kinds: Collection[int]) -> list[metadata_store_pb2.Event]:
    """The events of some kinds that a question to the store gives."""
    return [event for event in ask(list(ids)) if event.type in kinds] if ids else []
