"""The sandbox's program in forks of one process that has imported TensorFlow: a second less for each model.

What a fork runs is `components/smoke_test/sandbox/worker` itself: its limits, its closed doors, its loop. It has the
session, the folders, the environment, the pipes and the parent that a process of its own would have; only the import
of TensorFlow is over. Nothing of TensorFlow has run in the process that is forked, and it has one thread.

Never where the fresh process is what is proven: tests/components/smoke_test/sandbox, the executor, whole runs, and the
models of the zoo that need one (`support.zoo.kinds`).
"""

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from support.sandbox_fork_server import READY

from components.smoke_test.config import Process
from components.smoke_test.sandbox.library import link_library
from components.smoke_test.sandbox.process import WORKER, ModelProcess, _environment
from components.smoke_test.sandbox.warm import kept_warm

_PROGRAM = Path(__file__).with_name("sandbox_fork_server.py")
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class ForkedSandboxes:
    """A process that has imported TensorFlow, and what forks it."""

    def __init__(self, folder: Path) -> None:
        """Starts it and waits until it has imported TensorFlow.

        Args:
          folder: an empty one, for what it needs.
        """
        self._threads = Process().threads
        library = folder / "library"
        library.mkdir()
        link_library(library)
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_PROGRAM), str(WORKER), str(library), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=folder,
                # The pool of NumPy's linear algebra would be a second thread.
                env=_environment(folder, self._threads) | {"OPENBLAS_NUM_THREADS": "1"},
                pass_fds=(theirs.fileno(),),
            )
        assert self._channel.recv(len(READY)) == READY, "no TensorFlow was imported"

    @contextlib.contextmanager
    def one_waiting(self, limits: Process) -> Iterator[None]:
        """The next session with these limits takes a fork; one that takes another process starts that anew."""
        assert limits.threads == self._threads, "TensorFlow was imported for another number of threads"
        with kept_warm(limits, self._forked) as start:
            start()
            yield

    def _forked(self, limits: Process) -> ModelProcess:
        return _ForkedProcess(limits, self._channel)

    def close(self) -> None:
        """Ends the process that is forked; its forks are their owners' to end."""
        self._channel.close()
        self._process.wait(timeout=30)


class _ForkedProcess(ModelProcess):
    def __init__(self, limits: Process, channel: socket.socket) -> None:
        self._channel = channel
        super().__init__(limits)

    def _spawn(
        self, program: Path, printed: tuple[int, int], pipes: tuple[int, int], environment: Mapping[str, str]
    ) -> Any:
        order = {
            "program": str(program),
            "exchange": str(self.exchange),
            "folder": str(self._work),
            "environment": _environment(self._work, self._limits.threads) | dict(environment),
        }
        with _adopting():
            socket.send_fds(self._channel, [json.dumps(order).encode()], [*printed, *pipes])
            return _Adopted(int(self._channel.recv(32)))


class _Adopted:
    """A child of this process, in the way in which `ModelProcess` uses a `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """What loses its parent meanwhile, of all that descends from this process, becomes its child."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
