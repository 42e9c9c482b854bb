"""Names of temporary folders that say whose they are, so that those of a killed process can be told and removed.

A process is named by where its number has a meaning, by the number, and by when it started, which guards against a
number that is used again.
"""

import os
import re
import socket
import time
from pathlib import Path

_FOREIGN_SECONDS = 24 * 3600
"""A folder of another host, untouched for this long, is taken for abandoned: its processes can't be seen from here."""
_OWNER = re.compile(r"(?P<host>.+)-(?P<pid>\d+)-(?P<start>\d+)-\w+")


def owner() -> str:
    """This process, as a part of a name: `HOST-PID-START`."""
    pid = os.getpid()
    return f"{_host()}-{pid}-{_process_start(pid)}"


def is_abandoned(path: Path, prefix: str) -> bool:
    """Whether whoever made a file or folder is gone.

    Args:
      path: it is named PREFIX, then `owner()`, a dash, and letters or digits.
      prefix: what its name begins with.

    Raises:
      FileNotFoundError: it is gone itself.
    """
    made_by = _OWNER.fullmatch(path.name.removeprefix(prefix))
    if made_by is not None and made_by["host"] == _host():
        return _process_start(int(made_by["pid"])) != made_by["start"]
    return time.time() - path.stat().st_mtime > _FOREIGN_SECONDS


def _host() -> str:
    """Where process numbers have a meaning: containers may share a host's name but not its processes."""
    return f"{socket.gethostname()}.{Path('/proc/self/ns/pid').stat().st_ino}"


def _process_start(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5), field 22 of stat), or "gone"."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    # The second field is the program's name in parentheses, which may hold spaces and parentheses.
    return stat.rpartition(")")[2].split()[19]
