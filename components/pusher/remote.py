"""The push into an object store, through TensorFlow's file systems."""

import hashlib
import posixpath
from collections.abc import Mapping
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.artifacts.model import SAVED_MODEL
from components.artifacts.pushed_version import is_part_of_model
from components.pusher.push import newest_version, next_version

_BLOCK = 2**20


def push_remote(model: str, base: str, extra: Mapping[str, str] | None = None) -> tuple[str, bool]:
    """Makes the model the newest version in a remote serving folder.

    An object store has no atomic rename: `saved_model.pb`, which model servers wait for, is copied last.
    When the newest version already is this model, byte by byte, nothing is copied.

    Args:
      model: the SavedModel's folder, local or remote.
      base: the serving folder, for example `gs://bucket/serving`.
      extra: what the version holds besides, by its path in the version: see `components.artifacts.pushed_version`.

    Returns:
      The version's folder, and whether it is new.

    Raises:
      tensorflow.errors.OpError: no permission, no network; or AlreadyExistsError where another push writes
        the same version at this moment (a file is never overwritten).
    """
    names = [name.rstrip("/") for name in fileio.listdir(base)] if fileio.exists(base) else []
    newest = newest_version(names)
    digests = _digests(model)
    if newest is not None and _digests(posixpath.join(base, newest)) == digests:
        return posixpath.join(base, newest), False
    destination = posixpath.join(base, str(next_version(names)))
    files = {name: posixpath.join(model, name) for name in digests} | dict(extra or {})
    for name in sorted(files, key=lambda name: (name == SAVED_MODEL, name)):
        io_utils.copy_file(files[name], posixpath.join(destination, name))
    return destination, True


def _digests(folder: str) -> dict[str, bytes]:
    """The SHA-256 of each file of the model, by its path in the folder."""
    paths = [posixpath.join(place, name) for place, _, names in fileio.walk(folder) for name in names]
    files = {posixpath.relpath(path, folder): path for path in paths}
    return {name: _sha256(path) for name, path in files.items() if is_part_of_model(name)}


def _sha256(path: str) -> bytes:
    digest = hashlib.sha256()
    with fileio.open(path, "rb") as file:
        content: Any = file.read(_BLOCK)
        while content:
            digest.update(content)
            content = file.read(_BLOCK)
    return digest.digest()
