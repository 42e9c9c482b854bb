"""A run in a process of its own: its memory goes with it, and a crash of it ends nothing else.

As a program, `python -m pipeline.operate.watching.child PARENT ARGUMENTS...`, this is that process: `lockgate` with the
arguments, stopped in order when the parent dies, by SIGKILL too.
"""

import ctypes
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_apart(config: str, overrides: Sequence[str], output: IO[str]) -> int:
    """Does what `lockgate run` does, and waits for its end.

    Ctrl-C and SIGTERM, which arrive here, stop it in order: it gives its lock back and records its end. A second one
    kills it. The end of this process, however it comes, stops it in order too.

    It ends with the thread that calls this, at the latest: the kernel counts in threads.

    Args:
      config: the pipeline's YAML file.
      overrides: as `--set` takes them.
      output: where its screen goes.

    Returns:
      The exit code; negative for a signal that killed it.

    Raises:
      KeyboardInterrupt: this process is to stop; the run has ended.
    """
    sets = [word for each in overrides for word in ("--set", each)]
    # A session of its own: a terminal's Ctrl-C would reach it besides, as a second one.
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", __name__, str(os.getpid()), "run", config, *sets],
        stdin=subprocess.DEVNULL,
        stdout=output,
        start_new_session=True,
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait()
        except KeyboardInterrupt:
            process.kill()
            process.wait()
            raise
        raise


def _tie_to(parent: int) -> None:
    """Has this process get SIGTERM at the end of its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    _tie_to(int(sys.argv[1]))
    del sys.argv[1]
    runpy.run_module("pipeline", run_name="__main__")
