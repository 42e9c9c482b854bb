"""One process with all that it starts: its seconds of wall clock and CPU, and its peak memory."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.25
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1 << 20
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ProcessError(Exception):
    """A measured process failed; the message ends with the last lines that it wrote."""


@dataclass(frozen=True)
class Cost:
    """What a process took.

    Attributes:
      wall_s: seconds from its start to its end.
      cpu_s: user and system seconds, of it and of every child that was waited for.
      peak_mib: the highest sum of the resident memory of the process and its descendants, looked at every quarter of a
        second. Pages that they share count once for each.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end.

    Args:
      command: the program and its arguments.
      log: gets what it writes.
      env: added to this process's environment.

    Raises:
      ProcessError: its exit code isn't 0.
    """
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=os.environ | dict(env or {}),
            start_new_session=True, preexec_fn=_end_with_parent,
        )  # fmt: skip
        try:
            with _Memory(process.pid) as memory:
                # Not Popen.wait: it would throw the usage away.
                _, status, usage = os.wait4(process.pid, 0)
                wall = time.monotonic() - began
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        raise ProcessError(f"exit code {process.returncode}, expected 0: {' '.join(command)}\n{tail}")
    return Cost(round(wall, 2), round(usage.ru_utime + usage.ru_stime, 2), round(memory.peak / _MIB))


def _end_with_parent() -> None:
    """A benchmark that is killed must not leave a run behind that slows the next one down."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Memory(threading.Thread):
    """Samples the resident memory of a process and its descendants."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root, self._ended, self.peak = root, threading.Event(), 0

    def run(self) -> None:
        while True:
            self.peak = max(self.peak, sum(map(_resident, tree(self._root))))
            if self._ended.wait(SAMPLE_SECONDS):
                return

    def __enter__(self) -> "_Memory":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def tree(root: int) -> set[int]:
    """A process and its descendants, by number."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and (parent := _parent(path)):
            children.setdefault(parent, []).append(int(path.name))
    found, waiting = set[int](), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting.extend(children.get(pid, ()))
    return found


def _parent(path: Path) -> int | None:
    try:
        stat = (path / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return None
    # The name of the program stands in parentheses and may hold anything.
    return int(stat.rpartition(")")[2].split()[1])


def _resident(pid: int) -> int:
    """Bytes; 0 for a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except OSError:
        return 0
