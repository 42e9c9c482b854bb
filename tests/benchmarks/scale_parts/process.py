"""What a fork of this process took: seconds of CPU and wall clock, and its peak memory."""

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..whole.process import tree

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1 << 20
_SAMPLE_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ForkError(Exception):
    """A fork ended with an error or took too long."""


class Meter:
    """What this process, and children that it has waited for, take between `begin` and `end`."""

    def begin(self) -> None:
        """From here on. The peak of the memory before it is forgotten."""
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets VmHWM
        self._imported = _resident(os.getpid())
        self._cpu, self._wall = _cpu(), time.monotonic()

    def end(self) -> dict[str, float]:
        """Up to here: `cpu_s`, `wall_s`, `imported_mib`, `peak_mib` of this process alone."""
        return {
            "cpu_s": round(_cpu() - self._cpu, 2),
            "wall_s": round(time.monotonic() - self._wall, 2),
            "imported_mib": round(self._imported / _MIB),
            "peak_mib": round(_high_water() / _MIB),
        }


def forked(work: Callable[[], dict[str, Any]], log: Path, limit_s: float) -> dict[str, Any]:
    """Calls a function in a fork of this process, which must have neither threads nor used TensorFlow.

    Args:
      work: what it returns goes through JSON. A `peak_mib` in it is raised to the sum of what was resident in the fork
        and private in its descendants, looked at every quarter of a second.
      log: gets what is written, at its end.
      limit_s: seconds of wall clock after which it is killed.

    Raises:
      ForkError: it ended with an error or after the limit.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _child(work, log, write)
    os.close(write)
    with os.fdopen(read) as answers:
        peak, status = _watched(pid, limit_s)
        answer = answers.read()
    if status:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:] if log.exists() else []
        raise ForkError(f"not within {limit_s:.0f} s" if peak is None else "\n".join(tail))
    found: dict[str, Any] = json.loads(answer)
    if "peak_mib" in found and peak is not None:
        found["peak_mib"] = max(found["peak_mib"], round(peak / _MIB))
    return found


def _child(work: Callable[[], dict[str, Any]], log: Path, write: int) -> None:
    """The fork: works, answers, and ends without the exit handlers of its parent."""
    code = 70
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (1, 2):
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
        answer = json.dumps(work())
        with os.fdopen(write, "w") as answers:
            answers.write(answer)
        code = 0
    except BaseException:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _watched(pid: int, limit_s: float) -> tuple[int | None, int]:
    """The highest sum of the memory in bytes, None for a fork that was killed; and its wait status."""
    end, peak = time.monotonic() + limit_s, 0
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return peak, status
        if time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            return None, os.waitpid(pid, 0)[1]
        peak = max(peak, _resident(pid) + sum(_private(each) for each in tree(pid) - {pid}))
        time.sleep(_SAMPLE_SECONDS)


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _high_water() -> int:
    """The most bytes that were resident in this process since `clear_refs`."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [each for each in status.splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) << 10


def _resident(pid: int) -> int:
    """Bytes; 0 for a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except OSError:
        return 0


def _private(pid: int) -> int:
    """Bytes that no other process has: a process that was just forked shares all it has. 0 for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    fields = (line.split() for line in text.splitlines() if line.startswith("Private_"))
    return sum(int(words[1]) << 10 for words in fields)
