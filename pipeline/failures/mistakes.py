"""Tells a mistake that a person can fix from a bug, however deep a library has wrapped it."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.failures.engines import engine_failure
from preprocessing.errors import UserError

_FOLDER = "set root to a folder that you may write to"
_WORDS: dict[int, tuple[str, str, str]] = {
    # what is wrong, the next step where the root is concerned, and the one elsewhere ("": a bug of ours)
    errno.ENOSPC: (
        "the disk is full",
        "free some space, or set root to a folder on another disk; then run it again",
        "free some space there; then run it again",
    ),
    errno.EDQUOT: (
        "the disk quota is used up",
        "free some space, or set root to another folder; then run it again",
        "free some space there; then run it again",
    ),
    errno.EACCES: ("no permission", f"give yourself the permission, or {_FOLDER}", "give yourself the permission"),
    errno.EPERM: ("not permitted", f"give yourself the permission, or {_FOLDER}", "give yourself the permission"),
    errno.EROFS: ("the file system is read-only", _FOLDER, "make it writable, or choose another folder"),
    errno.ENOTDIR: ("there is a file where a folder is needed", "set root to a folder", ""),
    errno.EEXIST: ("there is a file where a folder is needed", "set root to a folder", ""),
}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SQLITE_TEXTS = {
    "database or disk is full": errno.ENOSPC,
    # What the store says when the disk was full in the middle: SQLite has then rolled back by itself.
    "cannot commit - no transaction is active": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
}
_SYSTEM_TEXTS = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Permission denied": errno.EACCES,
    "Read-only file system": errno.EROFS,
}
_LIBRARIES = frozenset({"apache_beam", "ml_metadata", "sqlite3", "tensorflow"})
_SLIPS = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)
"""Raised while another error was handled, one of these is not that error in a wrapping: it is a bug of its own."""
_HEAD, _TAIL = 1200, 400
"""Characters of a line that are shown: a cell of the user's table that stands in a message may have millions."""


class RunError(Exception):
    """The end of a run by an error, which is this one's `__cause__`.

    Attributes:
      message: for the person who can fix it; None for a bug.
      component: the component that was running, if one was.
      log: the run's log file.
      kept: the folder of what the component had written; None where it had written nothing.
    """

    def __init__(self, message: str | None, component: str | None, log: Path, kept: Path | None = None) -> None:
        super().__init__(message or "a bug")
        self.message = message
        self.component = component
        self.log = log
        self.kept = kept


def explain(error: BaseException, root: Path | None = None) -> str | None:
    """The message for a person, or None for what is a bug.

    The chain of causes is searched: Beam and TFX raise errors of their own around the one that matters.

    Args:
      error: what was raised.
      root: the folder that a run writes to, absolute; None outside of a run.
    """
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, UserError):
            return "\n".join(map(_shortened, str(each).splitlines()))
    for each in chain:
        if isinstance(each, OSError) and each.errno in _WORDS:
            return _sentence(each.errno, each.filename, root)
    for each in chain:
        if (number := _number_in_words(each)) is not None:
            return _sentence(number, None, root)
    return next(filter(None, map(engine_failure, chain)), None)


def hint_of(error: BaseException) -> str:
    """The next step that a person's mistake names; "" where none of the chain of causes does."""
    return next((each.hint for each in _chain(error) if isinstance(each, UserError)), "")


def is_out_of_space(error: BaseException) -> bool:
    """Whether a full disk, or a quota that is used up, is behind it."""
    numbers = {(each.errno if isinstance(each, OSError) else None) or _number_in_words(each) for each in _chain(error)}
    return not numbers.isdisjoint(_FULL)


def full_place(error: BaseException) -> Path | None:
    """What could not be written because the disk is full; None where no error says."""
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in _FULL and isinstance(each.filename, str | bytes):
            return Path(os.fsdecode(each.filename))
    return None


def _shortened(line: str) -> str:
    left = len(line) - _HEAD - _TAIL
    return line if left <= 0 else f"{line[:_HEAD]}... ({left:,} more characters) ...{line[-_TAIL:]}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        hidden = current.__suppress_context__ or isinstance(current, _SLIPS)
        current = current.__cause__ or (None if hidden else current.__context__)


def _number_in_words(error: BaseException) -> int | None:
    """The error number that SQLite, HDF5 or TensorFlow's C++, or a worker process of Beam, turned into words."""
    text = str(error)
    library = type(error).__module__.partition(".")[0] in _LIBRARIES
    from_worker = isinstance(error, RuntimeError) and "[while running '" in text
    numberless = isinstance(error, OSError) and error.errno is None
    texts = _SQLITE_TEXTS | (_SYSTEM_TEXTS if library or from_worker or numberless else {})
    return next((number for words, number in texts.items() if words in text), None)


def _sentence(number: int, filename: object, root: Path | None) -> str | None:
    what, in_root, elsewhere = _WORDS[number]
    if not isinstance(filename, str | bytes):  # None, or a descriptor's number
        return None if not elsewhere else f"{what}\n  next: {in_root if root else elsewhere}"
    path = Path(os.fsdecode(filename)).absolute()
    # A folder above the root counts too: it may be what keeps the root from being made.
    concerned = root is not None and (path.is_relative_to(root) or root.is_relative_to(path))
    hint = in_root if concerned else elsewhere
    return f"{os.fsdecode(filename)}: {what}\n  next: {hint}" if hint else None
