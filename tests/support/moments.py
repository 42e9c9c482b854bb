"""The moments at which a command changes files, by where: counted once, and then the command is killed at one of them.

Python says what it is about to do to a file (`sys.addaudithook`); what C++ does to files in between is met by the time.
"""

import json
import os
import select
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHANGES = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "subprocess.Popen",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def watch(place: str, record: str | None = None, at: tuple[str, int] | None = None) -> Callable[[], None]:
    """Watches this process for good.

    Args:
      place: the folder in which changes are counted, by the first two parts of the path below it.
      record: the file that gets the counts when the process ends.
      at: the group and the number in it of the change before which the process kills itself.

    Returns:
      What is to be called at the end of the process.
    """
    counts: Counter[str] = Counter()

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" and event not in _CHANGES:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
            return
        first = arguments[0]
        path = os.fsdecode(first) if isinstance(first, str | bytes) else str(first)
        if event == "subprocess.Popen":
            group = "processes"
        elif path.startswith(f"{place}/"):
            # A draft's name has the process's number in it.
            parts = [each.partition("-")[0] if each[0] == "." else each for each in path[len(place) + 1 :].split("/")]
            group = "/".join(parts[:2])
        else:
            return
        counts[group] += 1
        if at == (group, counts[group]):
            os.kill(os.getpid(), signal.SIGKILL)

    def ended() -> None:
        if record is not None:
            Path(record).write_text(json.dumps(counts), encoding="utf-8")

    sys.addaudithook(look)
    return ended


def kill_after(seconds: float) -> None:
    """Has this process killed after a time, by a process that ends with it."""
    victim = os.getpid()
    if os.fork() == 0:
        ready, _, _ = select.select([os.pidfd_open(victim)], [], [], seconds)
        if not ready:
            os.kill(victim, signal.SIGKILL)
        os._exit(0)
