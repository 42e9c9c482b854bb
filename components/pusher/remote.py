"""The push into an object store, through TensorFlow's file systems."""

import hashlib
import posixpath
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.artifacts.model import SAVED_MODEL
from components.artifacts.pushed_version import is_part_of_model
from components.artifacts.version_manifest import MANIFEST, FileEntry, is_listed
from components.pusher.manifest import Complete
from components.pusher.push import newest_version, next_version
from preprocessing.errors import UserError

_BLOCK = 2**20


def push_remote(
    model: str,
    base: str,
    extra: Mapping[str, str] | None = None,
    complete: Complete | None = None,
    *,
    again: bool = False,
) -> tuple[str, bool]:
    """Makes the model the newest version in a remote serving folder.

    An object store has no atomic rename: `saved_model.pb`, which model servers wait for, is copied last.
    When the newest version already is this model, byte by byte, nothing is copied.

    Args:
      model: the SavedModel's folder, local or remote; or that of another version, whose manifest is left behind.
      base: the serving folder, for example `gs://bucket/serving`.
      extra: what the version holds besides, by its path in the version: see `components.artifacts.pushed_version`.
      complete: writes the manifest of these files into a folder; before the first of them is copied.
      again: makes a new version of the model that the newest version already is.

    Returns:
      The version's folder, and whether it is new.

    Raises:
      tensorflow.errors.OpError: no permission, no network.
      UserError: `complete` refuses, and nothing was copied; or another push writes the same version at this moment: a
        file is never overwritten.
    """
    names = [name.rstrip("/") for name in fileio.listdir(base)] if fileio.exists(base) else []
    newest = newest_version(names)
    entries = remote_files(model)
    if newest is not None and not again and _of_model(entries) == _of_model(remote_files(posixpath.join(base, newest))):
        return posixpath.join(base, newest), False
    destination = posixpath.join(base, str(next_version(names)))
    files = {name: posixpath.join(model, name) for name in entries} | dict(extra or {})
    with tempfile.TemporaryDirectory(prefix="lockgate-push-") as temporary:
        if complete is not None:
            entries |= {name: remote_entry(path) for name, path in (extra or {}).items()}
            written = Path(temporary)
            complete(entries, written)
            files |= {path.relative_to(written).as_posix(): str(path) for path in written.rglob("*") if path.is_file()}
        # The manifest first: it names who pushes, and so tells two pushes apart that write the same version.
        *names, last = sorted(files, key=lambda name: (name == SAVED_MODEL, name != MANIFEST, name))
        for name in names:
            _copy(files[name], destination, name)
        if MANIFEST in files and io_utils.read_bytes_file(posixpath.join(destination, MANIFEST)) != (
            Path(files[MANIFEST]).read_bytes()
        ):
            raise _meanwhile(destination)
        _copy(files[last], destination, last)
    return destination, True


def _copy(source: str, destination: str, name: str) -> None:
    target = posixpath.join(destination, name)
    if fileio.exists(target):
        raise _meanwhile(destination)
    io_utils.copy_file(source, target)


def _meanwhile(destination: str) -> UserError:
    return UserError(f"{destination}: another push is writing this version at this moment", hint="run it again")


def remote_files(folder: str) -> dict[str, FileEntry]:
    """The files of a version or of a model that a manifest lists, by their paths in it.

    Args:
      folder: a path or a URL.

    Raises:
      tensorflow.errors.OpError: it can't be read.
    """
    paths = [posixpath.join(place, name) for place, _, names in fileio.walk(folder) for name in names]
    files = {posixpath.relpath(path, folder): path for path in paths}
    return {name: remote_entry(path) for name, path in files.items() if is_listed(name)}


def remote_entry(path: str) -> FileEntry:
    """Size and hash of a file.

    Raises:
      tensorflow.errors.OpError: it can't be read.
    """
    digest, size = hashlib.sha256(), 0
    with fileio.open(path, "rb") as file:
        content: Any = file.read(_BLOCK)
        while content:
            digest.update(content)
            size += len(content)
            content = file.read(_BLOCK)
    return FileEntry(size=size, sha256=digest.hexdigest())


def _of_model(files: Mapping[str, FileEntry]) -> dict[str, FileEntry]:
    return {name: each for name, each in files.items() if is_part_of_model(name)}
