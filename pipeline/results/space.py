"""How much a run writes, about, and what is free where it writes: from the file system alone."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.loader import LoadedConfig
from pipeline.failures.mistakes import full_place
from pipeline.preflight.table_files import is_remote, table_files
from pipeline.results.operations import NODES
from preprocessing.errors import UserError

_TEXT = frozenset({".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"})
_TIMES_TEXT, _TIMES_PACKED = 3, 10
"""What a first run writes, in sizes of its table: examples and transformed examples, gzipped, with a reserve. Measured
on flights, diamonds (Parquet: 10 and 7) and 300,000 rows of taxi (CSV: 2)."""
_ALWAYS = 5_000_000
"""Bytes that a run writes of the smallest table: model, reports, page, log."""


@dataclass(frozen=True)
class Need:
    """How much a run writes.

    Attributes:
      bytes: about so much.
      why: how that is known.
    """

    bytes: int
    why: str


@dataclass(frozen=True)
class FileSystem:
    """One file system.

    Attributes:
      place: where it is mounted.
      free, total: bytes.
    """

    place: Path
    free: int
    total: int


def file_system(path: Path) -> FileSystem:
    """The file system of a path; of what is not there yet, the one of the nearest folder that is."""
    there = path.absolute()
    while not there.exists():
        there = there.parent
    usage = shutil.disk_usage(there)
    place = there.resolve()
    while place != place.parent and place.stat().st_dev == place.parent.stat().st_dev:
        place = place.parent
    return FileSystem(place, usage.free, usage.total)


def needed(loaded: LoadedConfig, root: Path, components: Collection[str] | None = None) -> Need | None:
    """How much a run of a configuration writes, from the newest outputs in the root, or else from the table's files.

    Args:
      loaded: the configuration.
      root: where it writes.
      components: only those that run; None is all.

    Returns:
      None where there is neither an earlier run nor a table on this machine.
    """
    earlier = newest_outputs(root)
    wanted = set(earlier) if components is None else {name for name in components if name != "Pusher"}
    known = None
    if earlier and wanted <= set(earlier):
        written = sum(earlier.get(name, 0) for name in {*wanted, "Pusher"})
        known = Need(_ALWAYS + written, "as the newest outputs in the root take")
        if components is not None:
            return known
    # A root that was never filled says too little.
    first = _by_table(loaded)
    return max((each for each in (known, first) if each is not None), key=lambda each: each.bytes, default=None)


def _by_table(loaded: LoadedConfig) -> Need | None:
    if is_remote(loaded.config.data):
        return None
    try:
        files = {file for listed in table_files(loaded.config.data, loaded.base).values() for file in listed}
    except UserError:
        return None
    times = _TIMES_TEXT if all(file.suffix.lower() in _TEXT for file in files) else _TIMES_PACKED
    size = sum(file.stat().st_size for file in files)
    return Need(_ALWAYS + times * size, f"{times} times the {in_words(size)} of the table")


def newest_outputs(root: Path) -> dict[str, int]:
    """The bytes of the newest artifact of each output of a run, by component: TFX numbers their folders."""
    found: dict[str, int] = {}
    for output in root.glob("[A-Z]*/[a-z]*"):
        if output.parent.name in NODES.values() or not output.is_dir():
            continue
        # A run or a clean-up may be on beside a plan: what was there a moment ago need not be any more.
        with contextlib.suppress(FileNotFoundError):
            numbered = [each for each in output.iterdir() if each.name.isdigit()]
            if numbered:
                newest = max(numbered, key=lambda each: int(each.name))
                found[output.parent.name] = found.get(output.parent.name, 0) + size_of(newest)
    return found


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; links count as themselves, what is not there as 0."""
    try:
        if path.is_dir() and not path.is_symlink():
            return sum(_sizes(path))
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - hundred thousands of files
            except FileNotFoundError:
                continue


def shortage(loaded: LoadedConfig, root: Path, components: Collection[str] | None = None) -> str:
    """A warning where less is free than a run writes; "" where there is enough, or nobody knows."""
    need = needed(loaded, root, components)
    if need is None:
        return ""
    disk = file_system(root)
    if disk.free >= need.bytes:
        return ""
    what = "a run from nothing" if components is None else "this run"
    return (
        f"{in_words(disk.free)} free on the file system at {disk.place}; {what} writes about {in_words(need.bytes)} "
        f"({need.why}): free some space, or set root to a folder on another disk"
    )


def when_full(error: BaseException, loaded: LoadedConfig, root: Path) -> str:
    """What a run that ran out of space needs: which file system is full, what is free there, what a run writes."""
    place = full_place(error)
    # Where the error doesn't name it: of the places that a run writes to, the one with the least space.
    places = [root, Path(tempfile.gettempdir())] if place is None else [place]
    disk = min((file_system(each) for each in places), key=lambda each: each.free)
    need = needed(loaded, root)
    about = "" if need is None else f"; a run from nothing writes about {in_words(need.bytes)} ({need.why})"
    return f"{in_words(disk.free)} of {in_words(disk.total)} free on the file system at {disk.place}{about}"


def in_words(size: int) -> str:
    """A number of bytes for a person, in decimal units."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"
