"""Does what a clean-up says: states, then files, then states again; and the record of it in each run's folder."""

import datetime
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from components.progress import Progress
from pipeline.files.whole_file import write_whole
from pipeline.operate.clean_up import CleanUp, Going
from pipeline.operate.inside import Inside
from pipeline.operate.leftovers import remove_outside
from pipeline.operate.stored import StoredPipeline
from pipeline.results.listing import CLEANED_FILE, read_json

Artifact = metadata_store_pb2.Artifact
_AT_ONCE = 20
"""So many artifacts are deleted before the store is told."""
_MB = 1e6


def remove(inside: Inside, store: Any, stored: StoredPipeline, found: CleanUp) -> int:
    """Removes what goes.

    Args:
      inside: the root, whose lock is held.
      store: a connection that may write.
      stored: what it knows of the pipeline.
      found: what goes.

    Returns:
      The bytes that were freed.

    Raises:
      OSError: something can't be removed; the next clean-up goes on there.
    """
    progress = Progress("gc", "MB", found.size() / _MB)
    freed = 0

    def gone(size: int, note: str) -> None:
        nonlocal freed
        freed += size
        progress.add(size / _MB, note)

    _set_states(store, stored, found.going, Artifact.MARKED_FOR_DELETION)
    _write_records(inside.root, stored)
    for part in _parts(found.going):
        for artifact in part:
            inside.remove(artifact.path)
            gone(artifact.size, artifact.component)
        _set_states(store, stored, part, Artifact.DELETED)
    for leftover in (*found.leftovers, *found.records):
        if leftover.path == inside.trash:
            inside.empty_trash()
        else:
            inside.remove(leftover.path)
        gone(leftover.size, leftover.component)
    for leftover in found.outside:
        remove_outside(leftover)
        gone(leftover.size, leftover.component)
    inside.empty_trash()
    return freed


def _set_states(store: Any, stored: StoredPipeline, going: Sequence[Going], state: int) -> None:
    """In one transaction. Nothing else of an artifact changes, so that the keys of the cache stay what they are."""
    artifacts = [stored.artifacts[each.number] for each in going]
    for artifact in artifacts:
        artifact.state = state
    if artifacts:
        store.put_artifacts(artifacts, ["state"])


def _parts(going: Sequence[Going]) -> Iterator[Sequence[Going]]:
    for start in range(0, len(going), _AT_ONCE):
        yield going[start : start + _AT_ONCE]


def _write_records(root: Path, stored: StoredPipeline) -> None:
    """Writes into the folder of each run what it has lost by now."""
    gone = {
        number
        for number, artifact in stored.artifacts.items()
        if artifact.state in (Artifact.DELETED, Artifact.MARKED_FOR_DELETION)
    }
    for run in set(stored.runs.values()):
        folder = root / "runs" / run
        outputs = {each: stored.outputs.get(each, set()) for each in stored.of_run(run)}
        had = set[int]().union(*outputs.values())
        if not had & gone or not folder.is_dir():
            continue
        record = {
            "removed": len(had & gone),
            "of": len(had),
            "components": sorted({stored.nodes.get(each, "") for each, made in outputs.items() if made & gone}),
        }
        before = read_json(folder / CLEANED_FILE)
        if {name: before.get(name) for name in record} != record:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            write_whole(folder / CLEANED_FILE, json.dumps({**record, "at": now}, indent=1))
