"""Tells a mistake that a person can fix from a bug, however deep a library has wrapped it."""

import errno
from collections.abc import Iterator

from preprocessing.errors import UserError

_HINTS = {
    errno.ENOSPC: ("the disk is full", "free some space, or set root to a folder on another disk; then run it again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or set root to another folder; then run it again"),
    errno.EACCES: ("no permission", "give yourself the permission, or set root to a folder that you may write to"),
    errno.EPERM: ("not permitted", "give yourself the permission, or set root to a folder that you may write to"),
    errno.EROFS: ("the file system is read-only", "set root to a folder that you may write to"),
    errno.ENOTDIR: ("a file stands where a folder is needed", "set root to a folder"),
    errno.EEXIST: ("a file stands where a folder is needed", "set root to a folder"),
}
_TEXTS = {
    # Beam, SQLite and TensorFlow's C++ turn the error number into words.
    "No space left on device": errno.ENOSPC,
    "database or disk is full": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Permission denied": errno.EACCES,
    "Read-only file system": errno.EROFS,
    "attempt to write a readonly database": errno.EROFS,
}


def explain(error: BaseException) -> str | None:
    """The message for a person, or None for what is a bug.

    The chain of causes is searched: Beam and TFX raise errors of their own around the one that matters.
    """
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, UserError):
            return str(each)
    for each in chain:
        if isinstance(each, OSError) and each.errno in _HINTS:
            return _sentence(each.errno, each.filename)
    for each in chain:
        for text, number in _TEXTS.items():
            if text in str(each):
                return _sentence(number, None)
    return None


def _sentence(number: int, filename: object) -> str:
    what, hint = _HINTS[number]
    return f"{filename}: {what}\n  next: {hint}" if filename else f"{what}\n  next: {hint}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
