"""Ends what a test run leaves behind, however the run ends: also when it is killed.

A process of its own, started beside pytest: `python janitor.py PID FOLDER` waits for the end of that process, then
kills every process that works in FOLDER, and removes it. Standard library only: it starts at once.
"""

import os
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_SECONDS = 30.0
"""How long it tries: a process in the kernel's hands (a full disk, a frozen file system) can't be killed sooner."""
_QUIET = 10
"""So many looks in a row have to find nothing."""


def left_over(folder: Path) -> Iterator[tuple[int, str]]:
    """The processes that belong to a run: by `TMPDIR`, by their working folder, or by a path in their command line.

    Args:
      folder: the run's temporary folder.

    Yields:
      A process's number and its command line.
    """
    inside = re.compile(re.escape(os.fsencode(folder)) + rb"(?![^/\0 :=,'\"])")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            facts = [command, os.fsencode((entry / "cwd").readlink()) if command else b""]
            facts += [each for each in (entry / "environ").read_bytes().split(b"\0") if each.startswith(b"TMPDIR=")]
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
        if command and any(inside.search(fact) for fact in facts):
            yield int(entry.name), command.replace(b"\0", b" ").decode(errors="replace").strip()


def clean(folder: Path) -> None:
    """Kills what still runs in the folder, and removes the folder; ends when nothing was there for a while."""
    end = time.monotonic() + _SECONDS
    quiet = 0
    while quiet < _QUIET and time.monotonic() < end:
        running = [pid for pid, _ in left_over(folder)]
        for pid in running:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        shutil.rmtree(folder, ignore_errors=True)
        # A process that is just being started has neither command line nor environment yet.
        quiet = 0 if running or folder.exists() else quiet + 1
        select.select([], [], [], 0.05)


def _wait_for_the_end(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([process], [], [])


if __name__ == "__main__":
    _wait_for_the_end(int(sys.argv[1]))
    clean(Path(sys.argv[2]))
