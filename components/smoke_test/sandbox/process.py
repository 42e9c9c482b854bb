"""The parent's side of the model's process: start it confined, talk to it line by line, and leave nothing running.

The model is somebody else's program. Its process gets a session and process group of its own, limits, a deadline for
every answer, an empty working directory, a short environment, and of the installed packages only TensorFlow's own.
"""

import contextlib
import json
import os
import select
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from components import alongside
from components.smoke_test.closing import Closing
from components.smoke_test.config import Process as Limits
from components.smoke_test.sandbox import worker
from components.smoke_test.sandbox.ending import out_of_memory, ran_out_of_memory, reason
from components.smoke_test.sandbox.library import link_library
from components.smoke_test.sandbox.output import Output

WORKER = Path(worker.__file__).parent
"""The program that the process runs: a folder with a `__main__.py`."""

_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
_LONGEST_REPLY = 64 * 2**20
_SECONDS_TO_END = 5.0


_CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGFPE, signal.SIGILL, signal.SIGBUS)


class ProcessEnded(Exception):  # noqa: N818 - what happened, not whose error it is
    """The model's process is gone: it ended by itself, was killed, or was stopped at a limit; the message says it.

    Attributes:
      crashed: whether native code failed over a request, and no limit was reached.
      hint: what leaves out the requests that it ended over; a check that knows sets it.
    """

    def __init__(self, message: str, *, crashed: bool = False) -> None:
        super().__init__(message)
        self.crashed = crashed
        self.hint = ""


class ModelProcess(Closing):
    """One confined process. Use as a context manager: afterwards nothing of it is left.

    It ends with the thread that made it, at the latest (the kernel's parent death signal counts in threads): make it
    and use it in one thread.
    """

    def __init__(
        self, limits: Limits, program: Path = WORKER, environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Starts it; it imports TensorFlow while the caller does something else.

        Args:
          limits: what it must keep to.
          program: the folder that it runs.
          environment: variables that it gets besides.

        Raises:
          UserError: TensorFlow is installed in a way that does not say which packages belong to it.
          OSError: the temporary folder can't be written, or no process started.
        """
        self._limits = limits
        self._unsent = b""
        self._unread = bytearray()
        self._lines = 0
        self._over: str | None = None
        self._closed_replies = False
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lockgate-smoke-test-")))
            self.exchange, self._work, self._library = folder / "exchange", folder / "work", folder / "library"
            for new in (self.exchange, self._work, self._library):
                new.mkdir()
            link_library(self._library)
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._start(program, stack, environment)
            self._resources = stack.pop_all()

    def _start(self, program: Path, stack: contextlib.ExitStack, environment: Mapping[str, str]) -> None:
        """Starts the process; the stack ends it and closes what it was connected with."""
        with contextlib.ExitStack() as theirs:
            commands, self._commands = _pipe(theirs, stack)
            self._replies, replies = _pipe(stack, theirs)
            out, err = _pipe(stack, theirs), _pipe(stack, theirs)
            job = {
                "library": str(self._library),
                "memory_mb": self._limits.memory_mb,
                "cpu_seconds": self._limits.cpu_seconds,
                "threads": self._limits.threads,
                "parent": os.getpid(),
                "commands": commands,
                "replies": replies,
            }
            (self.exchange / "job.json").write_text(json.dumps(job), encoding="utf-8")
            self._process = self._spawn(program, (out[1], err[1]), (commands, replies), environment)
        stack.callback(self._kill)
        self.stdout, self.stderr = (Output(pipe[0], self._limits.output_mb) for pipe in (out, err))
        # Says that the process has ended while its number still belongs to it, also when others hold its pipes.
        self._ending = os.pidfd_open(self._process.pid)
        stack.callback(os.close, self._ending)
        for descriptor in (self._commands, self._replies):
            os.set_blocking(descriptor, False)
        for descriptor in (self._replies, out[0], err[0], self._ending):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def _spawn(
        self, program: Path, printed: tuple[int, int], pipes: tuple[int, int], environment: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        """A new process, which leads a session of its own; it inherits what it prints to, and both pipes."""
        return subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            # -I: no variables, no user packages, no folder of the script; -S: no site-packages at all.
            [sys.executable, "-I", "-S", str(program), str(self.exchange)],
            stdin=subprocess.DEVNULL,
            stdout=printed[0],
            stderr=printed[1],
            cwd=self._work,
            env=_environment(self._work, self._limits.threads) | dict(environment),
            start_new_session=True,
            pass_fds=pipes,
        )

    def call(self, command: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Sends one command and waits for its reply.

        Raises:
          ProcessEnded: there was none within the time, or the process ended, now or before, or printed too much.
        """
        if self._over is None:
            if not self._closed_replies:
                self._listen()
            if self._unread or self._unsent:
                raise self.stop("it answered before it was asked")
            self._unsent = json.dumps(command).encode() + b"\n"
            self._selector.register(self._commands, selectors.EVENT_WRITE)
        return self.receive(seconds)

    def receive(self, seconds: float) -> dict[str, Any]:
        """The next reply; see `call`."""
        if self._over is not None:
            raise ProcessEnded(self._over)
        try:
            line = self._line(seconds)
        except KeyboardInterrupt:
            self.stop("the gate was interrupted")
            raise
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise self.stop("its reply can't be read")
        if reply.get("out_of_memory"):
            raise self.stop(out_of_memory(self._limits))
        if "gives_up" in reply:
            raise self.stop(str(reply["gives_up"]))
        return reply

    def _line(self, seconds: float) -> bytes:
        """Talks and listens until there is a whole line."""
        deadline = time.monotonic() + seconds
        self._logged = self.stderr.count
        while self._lines == 0:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self.stop(
                    "it closed the pipe to the gate" if self._closed_replies else f"no answer within {seconds:g} s"
                )
            alongside.check_interrupt()
            ready = {key.fd for key, _ in self._selector.select(min(left, alongside.SECONDS_BETWEEN_CHECKS))}
            if self._commands in ready:
                self._send()
            for output in (self.stdout, self.stderr):
                if output.descriptor in ready and not output.read():
                    self._selector.unregister(output.descriptor)
            if self._replies in ready and not self._listen():
                deadline = min(deadline, time.monotonic() + _SECONDS_TO_END)
            self._check_output()
            # What it said before it ended counts, even if it said so in the very same moment.
            if self._ending in ready and (self._closed_replies or not self._listen()) and self._lines == 0:
                raise self._ended()
        for output in (self.stdout, self.stderr):
            output.read_all()
        self._check_output()
        line, _, self._unread = self._unread.partition(b"\n")
        self._lines -= 1
        return bytes(line)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._commands, self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = b""  # it has ended, or will not listen: the reading end tells
        if not self._unsent:
            self._selector.unregister(self._commands)

    def _listen(self) -> bool:
        """Reads a piece of the reply; False when there is none."""
        try:
            chunk = os.read(self._replies, 2**20)
        except BlockingIOError:
            return False
        self._unread += chunk
        self._lines += chunk.count(b"\n")
        if not chunk:
            self._closed_replies = True
            self._selector.unregister(self._replies)
        if len(self._unread) > _LONGEST_REPLY:
            raise self.stop("its reply has no end")
        return bool(chunk)

    def _check_output(self) -> None:
        if self.stdout.flooded or self.stderr.flooded:
            raise self.stop(f"it printed more than {self._limits.output_mb} MiB")

    def has_ended(self) -> bool:
        """Whether it is gone, before anything was asked of it."""
        return bool(select.select([self._ending], [], [], 0)[0])

    def log_tail(self) -> str:
        """The end of what it printed, stdout first."""
        return "\n".join(part for part in (self.stdout.tail(), self.stderr.tail()) if part)

    def stop(self, why: str) -> ProcessEnded:
        """Ends the process; the exception is the caller's to raise."""
        self._over = why
        self._kill()
        return ProcessEnded(why)

    def _ended(self) -> ProcessEnded:
        self._kill()
        code, log = self._process.returncode, self.stderr.tail(self._logged)
        self._over = reason(code, log, self._limits)
        return ProcessEnded(self._over, crashed=-code in _CRASHES and not ran_out_of_memory(log))

    def _kill(self) -> None:
        """Ends the process with its whole group, and reads the rest of what it printed."""
        if self._process.returncode is None:
            # The group may outlive its leader; while the leader isn't reaped its number belongs to nobody else.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for output in (self.stdout, self.stderr):
                output.read_all()

    def close(self) -> None:
        """Ends it and removes its folders."""
        if self._over is None:
            self._over = "it was stopped at the end of the test"
        self._resources.close()


def _pipe(reading: contextlib.ExitStack, writing: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe, both ends to be closed with the stacks given."""
    pipe = os.pipe()
    for stack, end in zip((reading, writing), pipe, strict=True):
        stack.callback(os.close, end)
    return pipe


def _environment(work: Path, threads: int) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # A fixed number of threads: each one's stack counts towards the memory limit, whatever the machine.
    return inherited | {
        "CUDA_VISIBLE_DEVICES": "-1",
        "OMP_NUM_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "1",
        "TF_NUM_INTEROP_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "HOME": str(work),
        "TMPDIR": str(work),
    }
