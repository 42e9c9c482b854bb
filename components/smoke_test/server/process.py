"""Starts a `tensorflow_model_server` for one export, and leaves nothing of it running."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.smoke_test.server import launch
from components.smoke_test.server.client import NoAnswerError
from components.smoke_test.server.rest import RestClient

PROGRAM = "tensorflow_model_server"

_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
_POLL_SECONDS = 0.1
_STATUS_SECONDS = 2.0
_TAIL_BYTES = 32 * 1024


class StartError(Exception):
    """The server did not come up; the message says why, in one line.

    Attributes:
      log_tail: the end of what it printed.
    """

    def __init__(self, reason: str, log_tail: str = "") -> None:
        super().__init__(reason)
        self.log_tail = log_tail


class _PortTakenError(StartError):
    """The server ended, and somebody else has one of its ports."""


@dataclass(frozen=True)
class Ports:
    """Two free ports of this machine."""

    grpc: int
    rest: int

    @classmethod
    def free(cls) -> "Ports":
        """Two ports that nobody holds at this moment."""
        # TensorFlow Serving takes 0 for "off" and binds to every interface, so the ports are looked for there.
        with socket.socket() as first, socket.socket() as second:
            first.bind(("", 0))
            second.bind(("", 0))
            return cls(first.getsockname()[1], second.getsockname()[1])

    def taken(self) -> bool:
        """Whether somebody holds one of them."""
        for port in (self.grpc, self.rest):
            with socket.socket() as tried:
                # As a server binds: a connection that has just ended is no obstacle.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    tried.bind(("", port))
                except OSError:
                    return True
        return False


@dataclass(frozen=True)
class Running:
    """A server that serves the export.

    Attributes:
      rest: its REST address, `http://127.0.0.1:port`.
      grpc: its gRPC address, `127.0.0.1:port`.
      model: the name under which it has the export.
      log: what it prints.
    """

    rest: str
    grpc: str
    model: str
    log: Path

    def log_tail(self) -> str:
        """The end of what it printed so far."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")


def find_program() -> str | None:
    """The absolute path of the server on the PATH, or None."""
    found = shutil.which(PROGRAM)
    return None if found is None else str(Path(found).absolute())


@contextmanager
def running_server(program: str, export: Path, *, seconds: float, output_mb: int) -> Iterator[Running]:
    """A server for the time of a `with`.

    Args:
      program: its absolute path.
      export: the folder of saved_model.pb; the server gets a copy.
      seconds: how long it may take until it serves the model.
      output_mb: how much it may print meanwhile, in MiB.

    Raises:
      StartError: it ended, took too long, or printed too much.
      OSError: the export can't be copied.
    """
    with tempfile.TemporaryDirectory(prefix="lockgate-model-server-") as temporary:
        folder = Path(temporary)
        base = folder / "model"
        # A copy, as the model may do with it what it likes; and links stay links: nothing from outside is copied.
        shutil.copytree(export, base / "1", symlinks=True)
        # A name of its own: another server that happens to hold the port can't answer for it.
        model = f"smoke_test_{secrets.token_hex(4)}"
        command = [
            program,
            f"--model_name={model}",
            f"--model_base_path={base}",
            # A model that does not load will not a minute later: the server's own choice is five more times.
            "--max_num_load_retries=0",
        ]
        with contextlib.ExitStack() as stack:
            try:
                running = _start(stack, command, model, folder, seconds, output_mb)
            except _PortTakenError:
                stack.close()
                running = _start(stack, command, model, folder, seconds, output_mb)
            yield running


def _start(
    stack: contextlib.ExitStack, command: list[str], model: str, folder: Path, seconds: float, output_mb: int
) -> Running:
    ports = Ports.free()
    running = Running(f"http://127.0.0.1:{ports.rest}", f"127.0.0.1:{ports.grpc}", model, folder / "log")
    command = [*command, f"--port={ports.grpc}", f"--rest_api_port={ports.rest}"]
    process = stack.enter_context(_process(command, folder, running.log, output_mb * 2**20))
    deadline = time.monotonic() + seconds
    reason = "it was not asked yet"
    while reason:
        if process.poll() is not None:
            error = _PortTakenError if ports.taken() else StartError
            how = _how(process.returncode, running.log.stat().st_size, output_mb)
            raise error(f"it {how} before it served the model", running.log_tail())
        if time.monotonic() > deadline:
            raise StartError(f"it did not serve the model within {seconds:g} s: {reason}", running.log_tail())
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_POLL_SECONDS)
        reason = _unavailable(running)
    return running


@contextmanager
def _process(command: list[str], folder: Path, log: Path, output_bytes: int) -> Iterator[subprocess.Popen[bytes]]:
    """The process in a session of its own; killed with its whole group in the end."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(output_bytes), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=work,
            env=_environment(work),
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # The group may outlive its leader.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _unavailable(running: Running) -> str:
    """Why not both APIs serve the model; empty when they do."""
    # It needs TensorFlow, whose import is better spent while the server starts.
    from components.smoke_test.server.grpc_client import GrpcClient

    try:
        with RestClient(running.rest, running.model, _STATUS_SECONDS) as rest:
            if reason := rest.unavailable():
                return reason
        with GrpcClient(running.grpc, running.model, _STATUS_SECONDS) as grpc:
            return grpc.unavailable()
    except NoAnswerError as error:
        return str(error)


def _how(code: int, printed: int, output_mb: int) -> str:
    if printed >= output_mb * 2**20:
        return f"printed more than {output_mb} MiB"
    return f"ended with exit code {code}" if code >= 0 else f"ended by signal {-code} ({signal.strsignal(-code)})"


def _environment(work: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # No GPU, as in the sandbox: the answers are to be the same, and a training may be using it.
    return inherited | {"CUDA_VISIBLE_DEVICES": "-1", "HOME": str(work), "TMPDIR": str(work)}
