"""In which order the suite's files run, and which of them belong on one worker."""

LONGEST: tuple[str, ...] = ()


def position(file: str) -> int:
    """Where a file stands in the run: the longest first, all others after them in their own order."""
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


def group(file: str) -> str:
    """The files of a group run on one worker, one after the other."""
    return file
