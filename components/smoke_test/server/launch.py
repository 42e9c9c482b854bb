"""Becomes the model server, after tying its life to the gate's: `launch.py PARENT OUTPUT_BYTES PROGRAM ARGUMENTS...`.

Standard library only, run as a script of its own: what a fork does before its exec must not meet the locks of the
gate's other threads.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, output_bytes: int, command: list[str]) -> None:
    """Replaces this process by the command; it can write no file, its log included, beyond the given size.

    Raises:
      OSError: there is no such program, or it may not be run.
    """
    # Python ignores these two, and what is ignored stays so for the next program.
    for ignored in (signal.SIGXFSZ, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (output_bytes, output_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell, a program found on the PATH


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
