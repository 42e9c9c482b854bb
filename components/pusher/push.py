"""The push into a local folder: a new numbered sub-folder that readers see complete or not at all.

TensorFlow Serving takes every sub-folder whose name is a number for a version; a staging folder's is not one.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from components.artifacts.pushed_version import is_part_of_model
from components.artifacts.version_manifest import FileEntry, is_listed
from components.ownership import is_abandoned, owner
from components.pusher.manifest import Complete, entry

_STAGING_PREFIX = ".pushing-"
_COPY_BLOCK = 2**20


def push(
    model: Path,
    base: Path,
    extra: Mapping[str, Path] | None = None,
    complete: Complete | None = None,
    *,
    again: bool = False,
) -> tuple[Path, bool]:
    """Makes the model the newest version in the serving folder.

    The model is copied into a staging folder beside the versions, then renamed. Nothing is ever overwritten;
    when the newest version already is this model, byte by byte, nothing is copied.

    Args:
      model: the SavedModel's folder, or that of another version; its manifest is left behind.
      base: the serving folder; made when it is not there.
      extra: what the version holds besides, by its path in the version: see `components.artifacts.pushed_version`.
      complete: writes the manifest of what is in the staging folder into that.
      again: makes a new version of the model that the newest version already is.

    Returns:
      The version's folder, and whether it is new.

    Raises:
      OSError: for example a full disk or a missing permission. The staging folder is gone by then.
      UserError: `complete` refuses; the same goes for that.
    """
    base.mkdir(parents=True, exist_ok=True)
    remove_abandoned(base)
    newest = newest_version([each.name for each in base.iterdir()])
    if newest is not None and not again and same_files(model, base / newest):
        return base / newest, False
    with staging(base) as folder:
        copy_durably(model, folder, extra or {})
        if complete is not None:
            complete(listed_files(folder), folder)
        for each in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
            _sync_folder(each)
        return _rename_to_next_version(folder, base), True


def listed_files(folder: Path) -> dict[str, FileEntry]:
    """The files of a version that its manifest lists, by their paths in it."""
    names = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: entry(path) for name, path in names.items() if is_listed(name)}


def newest_version(names: list[str]) -> str | None:
    """The name with the highest number among those that are numbers."""
    return max((name for name in names if name.isascii() and name.isdecimal()), key=int, default=None)


def next_version(names: list[str]) -> int:
    """Seconds since 1970, as the stock Pusher counts, or one more than the newest where that is later."""
    newest = newest_version(names)
    return max(int(time.time()), 0 if newest is None else int(newest) + 1)


def same_files(left: Path, right: Path) -> bool:
    """Whether two folders hold the same files with the same bytes, but for what a champion's folder holds."""
    sizes = _sizes(left)
    return sizes == _sizes(right) and all(_sha256(left / name) == _sha256(right / name) for name in sizes)


@contextlib.contextmanager
def staging(base: Path) -> Iterator[Path]:
    """A new hidden folder in the serving folder, for this process; removed unless it was renamed."""
    folder = base / f"{_STAGING_PREFIX}{owner()}-{time.monotonic_ns()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what it could not remove, the next push will


def copy_durably(model: Path, folder: Path, extra: Mapping[str, Path]) -> None:
    """Copies a folder's files, and more of them, and makes sure that their content is on the disk.

    Args:
      model: the folder; a manifest in it is left out, for it is another version's.
      folder: where they go; empty.
      extra: the other files, by their path in it.

    Raises:
      OSError: as the file system says it, with its number and file name.
    """
    for source in sorted(model.rglob("*")):
        target = folder / source.relative_to(model)
        if source.is_dir():
            target.mkdir()
        elif is_listed(source.relative_to(model).as_posix()):
            _copy_file(source, target)
    for name, source in extra.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        _copy_file(source, folder / name)


def remove_abandoned(base: Path) -> None:
    """Removes the staging folders of killed runs, and no one else's. Another host's are left alone for a day."""
    for folder in abandoned(base):
        shutil.rmtree(folder, ignore_errors=True)


def abandoned(base: Path) -> list[Path]:
    """The staging folders in a serving folder whose process is gone."""
    found = []
    for folder in sorted(base.glob(f"{_STAGING_PREFIX}*")):
        with contextlib.suppress(FileNotFoundError):  # another push may be removing it too
            if is_abandoned(folder, _STAGING_PREFIX):
                found.append(folder)
    return found


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing, _COPY_BLOCK)
        writing.flush()
        os.fsync(writing.fileno())


def _rename_to_next_version(folder: Path, base: Path) -> Path:
    while True:
        target = base / str(next_version([each.name for each in base.iterdir()]))
        try:
            folder.rename(target)
        except OSError as error:
            # Another push took this number between the look and the rename: take the next one.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        else:
            _sync_folder(base)
            return target


def _sizes(folder: Path) -> dict[str, int]:
    sizes = {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
    }
    return {name: size for name, size in sizes.items() if is_part_of_model(name)}


def _sha256(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
