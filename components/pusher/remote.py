"""The push into an object store, through TensorFlow's file systems."""

import hashlib
import posixpath
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.pusher.push import newest_version, next_version

_SAVED_MODEL = "saved_model.pb"
_BLOCK = 2**20


def push_remote(model: str, base: str) -> tuple[str, bool]:
    """Makes the model the newest version in a remote serving folder.

    An object store has no atomic rename: `saved_model.pb`, which model servers wait for, is copied last.
    When the newest version already is this model, byte by byte, nothing is copied.

    Args:
      model: the SavedModel's folder, local or remote.
      base: the serving folder, for example `gs://bucket/serving`.

    Returns:
      The version's folder, and whether it is new.

    Raises:
      tensorflow.errors.OpError: no permission, no network; or AlreadyExistsError where another push writes
        the same version at this moment (a file is never overwritten).
    """
    names = [name.rstrip("/") for name in fileio.listdir(base)] if fileio.exists(base) else []
    newest = newest_version(names)
    files = _digests(model)
    if newest is not None and _digests(posixpath.join(base, newest)) == files:
        return posixpath.join(base, newest), False
    destination = posixpath.join(base, str(next_version(names)))
    for name in sorted(files, key=lambda name: (name == _SAVED_MODEL, name)):
        io_utils.copy_file(posixpath.join(model, name), posixpath.join(destination, name))
    return destination, True


def _digests(folder: str) -> dict[str, bytes]:
    """The SHA-256 of each file, by its path in the folder."""
    return {
        posixpath.relpath(posixpath.join(place, name), folder): _sha256(posixpath.join(place, name))
        for place, _, names in fileio.walk(folder)
        for name in names
    }


def _sha256(path: str) -> bytes:
    digest = hashlib.sha256()
    with fileio.open(path, "rb") as file:
        content: Any = file.read(_BLOCK)
        while content:
            digest.update(content)
            content = file.read(_BLOCK)
    return digest.digest()
