"""A run in a process of its own: its memory goes with it, and a crash of it ends nothing else."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO


def run_apart(config: str, overrides: Sequence[str], output: IO[str]) -> int:
    """Does what `lockgate run` does, and waits for its end.

    Ctrl-C and SIGTERM, which arrive here, stop it in order: it gives its lock back and records its end. A second one
    kills it.

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
        [sys.executable, "-m", "pipeline", "run", config, *sets],
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
