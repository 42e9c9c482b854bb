"""What killed and failed executions left in a root, and nothing of it belongs to an artifact.

A root's lock says that none of them still runs.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from components.ownership import is_abandoned
from components.pusher.push import abandoned
from pipeline.files.temporary import abandoned_temporary
from pipeline.files.whole_file import DRAFT_PREFIX
from pipeline.operate.inside import Inside
from pipeline.operate.stored import StoredPipeline
from pipeline.results.runs import CONFIG_FILE
from pipeline.results.space import size_of

_SYSTEM = ".system"
"""TFX's own files of executions, in a node's folder; nothing reads them when no run is on."""
_UNFINISHED = (".checkpoints", ".tuning")
"""What trainings and searches go on from after a kill, in a node's folder, by training."""
_INGEST = ".ingest-*"
_ENDED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)


@dataclass(frozen=True)
class Leftover:
    """A file or folder that belongs to nothing any more.

    Attributes:
      component: whose it was, or `runs`, `serving`, `temporary`.
      path: where it is.
      size: in bytes.
    """

    component: str
    path: Path
    size: int


def leftovers(inside: Inside, stored: StoredPipeline, keeps: set[str], oldest: float) -> Iterator[Leftover]:
    """Everything that was left in the root by executions of one pipeline that are over.

    Args:
      inside: the root.
      stored: the pipeline.
      keeps: the runs that keep their artifacts: what a component of theirs wrote that failed stays.
      oldest: when the first of them began, in seconds since 1970: what an unfinished training wrote since then stays.
    """
    uris = {artifact.uri.rstrip("/") for artifact in stored.artifacts.values()}
    for node in sorted(set(stored.nodes.values())):
        folder = inside.root / node
        if folder.is_dir() and inside.holds(folder):
            of_node = {each for each, name in stored.nodes.items() if name == node}
            found = [
                *_system(folder / _SYSTEM, of_node),
                *_partial(folder, stored, of_node, uris, keeps),
                *_given_up(folder, oldest),
                *(folder / "examples").glob(f"*/{_INGEST}"),
            ]
            yield from (Leftover(node, path, size_of(path)) for path in found if inside.holds(path))
    for path in _records(inside.root / "runs"):
        if inside.holds(path):
            yield Leftover("runs", path, size_of(path))


def outside_leftovers(base: str) -> Iterator[Leftover]:
    """What killed processes left beside the root: pushes that were not finished, and their temporary folders.

    Args:
      base: the serving folder; a URL has no such folders.
    """
    if "://" not in base and Path(base).is_dir():
        yield from (Leftover("serving", path, size_of(path)) for path in abandoned(Path(base)))
    yield from (Leftover("temporary", path, size_of(path)) for path in abandoned_temporary())


def remove_outside(leftover: Leftover) -> None:
    """Removes one of `outside_leftovers`. A link is left: `rmtree` follows none."""
    shutil.rmtree(leftover.path, ignore_errors=True)


def _system(system: Path, of_node: set[int]) -> Iterator[Path]:
    """TFX's files of executions, by the execution's number; those of drivers and working folders have other names."""
    yield from (path for path in system.glob("executor_execution/*") if _number(path) in of_node)
    # TFX never looks at them again, whichever pipeline's they are.
    yield from system.glob("driver_execution/*")
    yield from system.glob("stateful_working_dir/*")


def _partial(
    folder: Path, stored: StoredPipeline, of_node: set[int], uris: set[str], keeps: set[str]
) -> Iterator[Path]:
    """Outputs of executions that did not come to their end."""
    for path in folder.glob("[!.]*/*"):
        number = _number(path)
        if number not in of_node or str(path) in uris or any(uri.startswith(f"{path}/") for uri in uris):
            continue
        execution = stored.executions[number]
        failed = execution.last_known_state == metadata_store_pb2.Execution.FAILED
        if execution.last_known_state not in _ENDED and not (failed and stored.runs.get(number) in keeps):
            yield path


def _given_up(folder: Path, oldest: float) -> Iterator[Path]:
    """Trainings and searches that no kept run was at."""
    for name in _UNFINISHED:
        for path in folder.glob(f"{name}*/*"):
            with contextlib.suppress(FileNotFoundError):
                if max(each.lstat().st_mtime for each in (path, *path.rglob("*"))) < oldest:
                    yield path


def _records(runs: Path) -> Iterator[Path]:
    """Run folders without a configuration, and files that were not finished."""
    drafts = [*runs.glob(f"{DRAFT_PREFIX}*"), *runs.glob(f"*/{DRAFT_PREFIX}*"), *runs.glob(f"*/*/{DRAFT_PREFIX}*")]
    for path in drafts:
        with contextlib.suppress(FileNotFoundError):
            if is_abandoned(path, DRAFT_PREFIX):
                yield path
    for folder in runs.glob("[!.]*"):
        if folder.is_dir() and not folder.is_symlink():
            if not (folder / CONFIG_FILE).exists():
                yield folder
            else:
                yield from (path for path in folder.glob(".*") if not path.name.startswith(DRAFT_PREFIX))


def _number(path: Path) -> int:
    return int(path.name) if path.name.isascii() and path.name.isdecimal() else 0
