"""TensorFlow Serving in place of our server: the program, and the flags that mean the same."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from components.artifacts.model import SAVED_MODEL
from components.smoke_test.server import launch
from components.smoke_test.server.client import NoAnswerError
from components.smoke_test.server.process import PROGRAM, Ports, find_program
from components.smoke_test.server.rest import RestClient
from pipeline.config.serving import ServingConfig
from pipeline.operate.serve.guard import EVERY_INTERFACE
from preprocessing.errors import UserError

METRICS_PATH = "/metrics"
_STDERR = 2
_STATUS_SECONDS = 2.0
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 5.0
"""Before it is said that it does not serve yet."""
_LARGEST_FILE = 2**62
"""No limit: what the program prints is for the screen."""


def why_not(host: str, config: ServingConfig) -> str:
    """Why it can't stand in for our server here; empty where it can."""
    if find_program() is None:
        return f"there is no {PROGRAM} on the PATH"
    if host not in EVERY_INTERFACE:
        return f"{PROGRAM} listens on every interface, and --host is {host}: give --host 0.0.0.0"
    if config.request_log.folder is not None:
        return f"{PROGRAM} keeps no request log: leave out --request-log and serving.request_log.folder"
    return ""


def run(
    name: str,
    base: str,
    port: int,
    config: ServingConfig,
    started: Callable[[int], None],
    waiting: Callable[[str], None],
) -> None:
    """Runs it until it ends, or this process is told to.

    Args:
      name: of the model.
      base: the push destination.
      port: of REST; 0 takes a free one. gRPC is off.
      config: the settings.
      started: is called with the port when the program serves a version.
      waiting: is told why it does not yet, where that takes a while.

    Raises:
      UserError: nothing was pushed; the program can't be started, or has ended by itself.
    """
    # Of a URL the program itself says what it finds.
    if "://" not in base and not any(file.parent.name.isdecimal() for file in Path(base).glob(f"*/{SAVED_MODEL}")):
        raise UserError(f"no version of {name} was pushed", hint="lockgate run CONFIG pushes one")
    port = port or Ports.free().rest
    with tempfile.TemporaryDirectory(prefix="lockgate-serve-") as folder:
        process = _started(_command(name, base, port, config, Path(folder)))
        try:
            if _serves(process, port, name, waiting):
                started(port)
            code = process.wait()
        except BaseException:
            _end(process, config.drain_seconds)
            raise
    raise UserError(
        f"{PROGRAM} ended by itself ({f'exit code {code}' if code >= 0 else f'signal {-code}'})",
        hint="its own messages are above; --engine python needs no program",
    )


def _command(name: str, base: str, port: int, config: ServingConfig, folder: Path) -> list[str]:
    """The program and its options; what it reads from a file is written into the folder."""
    monitoring = folder / "monitoring.config"
    monitoring.write_text(f"prometheus_config {{ enable: true path: {json.dumps(METRICS_PATH)} }}\n", "utf-8")
    return [
        str(find_program()),
        "--port=0",
        f"--rest_api_port={port}",
        f"--rest_api_num_threads={config.threads}",
        f"--model_name={name}",
        f"--model_base_path={base}",
        f"--file_system_poll_wait_seconds={max(1, round(config.poll_seconds))}",
        f"--monitoring_config_file={monitoring}",
    ]


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    try:
        # A group of its own, so that Ctrl-C is ours to pass on; stdout is for what is asked of us. `launch` ends the
        # program with this process, also where that is killed outright.
        return subprocess.Popen(  # noqa: S603 - no shell
            [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(_LARGEST_FILE), *command],
            stdin=subprocess.DEVNULL,
            stdout=_STDERR,
            process_group=0,
        )
    except OSError as error:
        raise UserError(f"{PROGRAM} can't be started: {error}", hint="--engine python needs no program") from error


def _serves(process: subprocess.Popen[bytes], port: int, name: str, waiting: Callable[[str], None]) -> bool:
    """Waits until it serves a version; False where it has ended instead."""
    begun, told = time.monotonic(), ""
    while process.poll() is None:
        try:
            with RestClient(f"http://127.0.0.1:{port}", name, _STATUS_SECONDS) as client:
                reason = client.unavailable()
        except NoAnswerError as error:
            reason = str(error)
        if not reason:
            return True
        if reason != told and time.monotonic() - begun > _PATIENCE_SECONDS:
            waiting(f"{PROGRAM} does not serve {name} yet: {reason}")
            told = reason
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
    return False


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Asks it to end, and kills what does not."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
