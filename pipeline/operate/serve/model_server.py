"""TensorFlow Serving in place of our server: the program, and the flags that mean the same."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from components.smoke_test.server import launch
from components.smoke_test.server.process import PROGRAM, Ports, find_program
from pipeline.config.serving import ServingConfig
from pipeline.operate.serve.guard import EVERY_INTERFACE
from preprocessing.errors import UserError

METRICS_PATH = "/metrics"
_STDERR = 2
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


def run(name: str, base: str, port: int, config: ServingConfig, started: Callable[[int], None]) -> None:
    """Runs it until it ends, or this process is told to.

    Args:
      name: of the model.
      base: the push destination.
      port: of REST; 0 takes a free one. gRPC is off.
      config: the settings.
      started: is called with the port when the program runs.

    Raises:
      UserError: the program can't be started, or has ended by itself.
    """
    port = port or Ports.free().rest
    with tempfile.TemporaryDirectory(prefix="lockgate-serve-") as folder:
        monitoring = Path(folder) / "monitoring.config"
        monitoring.write_text(f"prometheus_config {{ enable: true path: {json.dumps(METRICS_PATH)} }}\n", "utf-8")
        command = [
            str(find_program()),
            "--port=0",
            f"--rest_api_port={port}",
            f"--rest_api_num_threads={config.threads}",
            f"--model_name={name}",
            f"--model_base_path={base}",
            f"--file_system_poll_wait_seconds={max(1, round(config.poll_seconds))}",
            f"--monitoring_config_file={monitoring}",
        ]
        try:
            # A group of its own, so that Ctrl-C is ours to pass on; stdout is for what is asked of us. `launch` ends
            # the program with this process, also where that is killed outright.
            process = subprocess.Popen(  # noqa: S603 - no shell
                [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(_LARGEST_FILE), *command],
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
                process_group=0,
            )
        except OSError as error:
            raise UserError(f"{PROGRAM} can't be started: {error}", hint="--engine python needs no program") from error
        try:
            started(port)
            code = process.wait()
        except BaseException:
            _end(process, config.drain_seconds)
            raise
    raise UserError(
        f"{PROGRAM} ended by itself ({f'exit code {code}' if code >= 0 else f'signal {-code}'})",
        hint="its own messages are above; --engine python needs no program",
    )


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Asks it to end, and kills what does not."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
