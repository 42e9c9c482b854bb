"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from components.ownership import is_abandoned, owner

DRAFT_PREFIX = ".lockgate-"
"""What the name of an unfinished file begins with; `components.ownership` tells whether its process was killed."""


def write_whole(file: Path, content: str | bytes, *, check: Callable[[], None] = lambda: None) -> None:
    """Writes a file; whoever reads it sees the old one or all of the new one, also when two write at once.

    A link stays one: what it leads to is replaced. A device or a pipe is written to. What a process that was killed had
    begun to write in the same folder goes.

    Args:
      file: in a folder that is there.
      content: text is written as UTF-8.
      check: called when all is written and nothing is replaced yet; what it raises leaves the file as it was.

    Raises:
      OSError: it can't be written.
    """
    data = content.encode() if isinstance(content, str) else content
    target = file.resolve()
    if target.exists() and not target.is_file():
        check()
        target.write_bytes(data)
        return
    for left in target.parent.glob(f"{DRAFT_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            if is_abandoned(left, DRAFT_PREFIX):
                left.unlink()
    handle, name = tempfile.mkstemp(prefix=f"{DRAFT_PREFIX}{owner()}-", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        check()
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
