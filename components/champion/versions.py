"""Which version in a serving folder is the champion."""

import logging
import posixpath
from pathlib import Path

from tfx.dsl.io import fileio

from components.artifacts.model import SAVED_MODEL
from preprocessing.errors import UserError

_log = logging.getLogger("lockgate")


def newest_version(serving: str) -> str | None:
    """The newest complete version in a serving folder.

    Versions are the sub-folders whose name is a number, as a model server sees them. One without a model is passed
    over: another push is writing it, or was killed in the middle.

    Args:
      serving: a folder or a URL.

    Returns:
      The version's folder, or None where there is no version, or no serving folder yet.

    Raises:
      UserError: it is a file.
      OSError, tensorflow.errors.OpError: the store can't be read. That is not the same as no champion.
    """
    if not _exists(serving):
        return None
    try:
        names = [name.rstrip("/") for name in fileio.listdir(serving)]
    except fileio.NotFoundError as error:
        # It is there, see above.
        raise UserError(
            f"champion: expected a serving folder, received {serving}, which can't be listed as one",
            hint="name the folder that holds the numbered versions",
        ) from error
    for name in sorted((name for name in names if name.isascii() and name.isdecimal()), key=int, reverse=True):
        version = posixpath.join(serving, name)
        if fileio.exists(posixpath.join(version, SAVED_MODEL)):
            return version
        _log.warning("champion: %s has no %s and is skipped: its push has not finished", version, SAVED_MODEL)
    return None


def _exists(folder: str) -> bool:
    if "://" in folder:
        return bool(fileio.exists(folder))
    # TensorFlow's file system takes a local folder that may not be looked at for one that is not there.
    try:
        Path(folder).stat()
    except FileNotFoundError:
        return False
    return True
