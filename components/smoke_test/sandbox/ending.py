"""Why a process ended, in words."""

import re
import signal

from components.smoke_test.config import Process as Limits

_OUT_OF_MEMORY = re.compile(
    r"\bstd::bad_alloc\b|\bMemoryError\b|Cannot allocate memory|[Ff]ailed to allocate memory|OOM when allocating"
)


def reason(code: int, log: str, limits: Limits) -> str:
    """Why a process ended by itself.

    Args:
      code: the exit code, or the signal's number below zero, as `subprocess` gives it.
      log: the end of what it printed meanwhile to stderr.
      limits: what it had to keep to.
    """
    end = f"exit code {code}" if code >= 0 else f"killed by signal {-code} ({signal.strsignal(-code)})"
    if code == -signal.SIGSYS:
        return f"it tried to start another process: {end}"
    if code == -signal.SIGXCPU:
        return f"it used more than {limits.cpu_seconds} s of processor time: {end}"
    if code == -signal.SIGKILL:
        # Not our own: those say why at once.
        return f"{end}, perhaps because the machine ran out of memory"
    if code != 0 and ran_out_of_memory(log):
        return f"{out_of_memory(limits)}: {end}"
    return end


def ran_out_of_memory(log: str) -> bool:
    """Whether the end of what a process printed says so."""
    return _OUT_OF_MEMORY.search(log) is not None


def out_of_memory(limits: Limits) -> str:
    """The words for memory beyond the limit."""
    return f"it ran out of memory (limit {limits.memory_mb} MiB)"
