"""One temporary folder for all that a process and the libraries in it write there, so that none of it outlives a kill.

Beam leaves empty folders in the temporary folder after every run, and a process that is killed leaves all of its own.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from components.ownership import is_abandoned, owner

_PREFIX, _MARK = "lockgate-process-", ".made-by-"
"""The folder's name says nothing of the machine, as a file's path may get into a model; an empty file in it does."""


@contextlib.contextmanager
def own_temporary_folder(*, tidy: bool = True) -> Iterator[Path]:
    """Has all that is temporary of this process, and of those that it starts, in one folder, which goes at the end.

    Args:
      tidy: whether the folders of processes that were killed go first.

    Yields:
      The folder, in the system's temporary folder (`TMPDIR`).

    Raises:
      OSError: it can't be made.
    """
    for folder in abandoned_temporary() if tidy else ():
        shutil.rmtree(folder, ignore_errors=True)
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / f"{_MARK}{owner()}-0").touch()
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)


def abandoned_temporary() -> list[Path]:
    """The folders of this user's processes that were killed, in the system's temporary folder."""
    place = Path(tempfile.gettempdir())
    # This process may have one of these folders for its own.
    place = place.parent if place.name.startswith(_PREFIX) else place
    found = []
    for folder in sorted(place.glob(f"{_PREFIX}*")):
        with contextlib.suppress(FileNotFoundError):
            # Without a mark it was killed just now, or is somebody else's: left alone for a day.
            mark = next(folder.glob(f"{_MARK}*"), folder)
            if folder.lstat().st_uid == os.getuid() and is_abandoned(mark, _MARK):
                found.append(folder)
    return found
