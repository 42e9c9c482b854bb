"""Limits on this process, set by itself before it touches the model."""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from seccomp import install  # type: ignore[import-not-found]

LARGEST_FILE = 2**30
_CPU_GRACE = 5  # seconds from the signal that can be told apart (SIGXCPU) to the one that can't be ignored
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def enter(exchange: Path) -> dict[str, Any]:
    """Confines this process and opens the way to TensorFlow.

    Returns:
      The job: the limits and the numbers of the two pipes.
    """
    job: dict[str, Any] = json.loads((exchange / "job.json").read_text(encoding="utf-8"))
    set_limits(job["memory_mb"], job["cpu_seconds"], job["parent"])
    # Appended as a plain folder: `site`, which this process runs without, would also execute .pth files.
    sys.path.append(job["library"])
    return job


def set_limits(memory_mb: int, cpu_seconds: int, parent: int) -> None:
    """Limits this process and ties its life to the parent's."""
    # RLIMIT_DATA counts private writable memory. RLIMIT_AS would count the gigabytes of libraries and
    # reserved addresses that TensorFlow maps and never touches.
    _limit(resource.RLIMIT_DATA, memory_mb * 2**20)
    _limit(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + _CPU_GRACE)
    _limit(resource.RLIMIT_FSIZE, LARGEST_FILE)
    _limit(resource.RLIMIT_CORE, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)


def _limit(which: int, soft: int, hard: int | None = None) -> None:
    _, allowed = resource.getrlimit(which)
    wanted = soft, soft if hard is None else hard
    if allowed != resource.RLIM_INFINITY:
        wanted = min(wanted[0], allowed), min(wanted[1], allowed)
    resource.setrlimit(which, wanted)


def close_doors() -> str:
    """No network, no new processes from here on, for all threads.

    Returns:
      Why that is not possible on this machine; empty when it is done.
    """
    return install()
