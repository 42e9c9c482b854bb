"""A real `lockgate serve` in a process of its own, and a pipeline whose serving folder holds toy models."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
CONFIG = """\
name: toy
root: output
data: {path: table.csv}
features:
  label: {column: answer, task: regression}
  numeric:
    - columns: [x, count]
  categorical:
    - columns: [city]
evaluate:
  thresholds:
    - {metric: rmse, max: 1.0}
serving:
  poll_seconds: 0.02
  max_request_mb: 16
"""
TABLE = "x,count,city,answer\n,3,Oslo,1\n0.5,3,Rome,14\n"
_SECONDS = 120
_BETWEEN_SECONDS = 0.05


def write_pipeline(folder: Path) -> Path:
    """A pipeline.yaml of the columns of `support.model_server.toy`, and its table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.csv").write_text(TABLE, encoding="utf-8")
    (folder / "pipeline.yaml").write_text(CONFIG, encoding="utf-8")
    return folder / "pipeline.yaml"


@dataclass
class Server:
    """One that runs.

    Attributes:
      process: of it.
      facts: what it printed when it began to serve.
    """

    process: subprocess.Popen[str]
    facts: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.facts["url"])

    @property
    def address(self) -> str:
        return self.model.partition("/v1/")[0]

    def predict(self, body: Any) -> httpx.Response:
        return httpx.post(f"{self.model}:predict", content=json.dumps(body), timeout=_SECONDS)

    def states(self) -> dict[int, str]:
        try:
            found = httpx.get(self.model, timeout=_SECONDS).json()["model_version_status"]
        except httpx.ConnectError:  # a program that has begun, but does not listen yet
            return {}
        return {int(each["version"]): each["state"] for each in found}

    def wait_for(self, version: int, state: str) -> None:
        """Asks for the status until a version is in a state."""
        self.wait_until(lambda: self.states().get(version) == state)

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Asks again and again, with room for the server between."""
        end = time.monotonic() + _SECONDS
        while not true():
            assert time.monotonic() < end, f"it did not come true; versions: {self.states()}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"the server has ended: {self.process.wait(_BETWEEN_SECONDS)}")

    def metric(self, name: str, **labels: str) -> float:
        """A number of the metrics page; 0 where it is not there."""
        wanted = name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
        page = httpx.get(f"{self.address}/metrics", timeout=_SECONDS).text
        lines = (line.rpartition(" ") for line in page.splitlines())
        return sum(float(value) for key, _, value in lines if key == wanted)

    def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Its exit code, and what it said on stderr."""
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=_SECONDS)
        return self.process.returncode, said


@contextmanager
def serving(config: Path, *options: str, path: str | None = None) -> Iterator[Server]:
    """Starts a server on a free port, and ends it.

    Args:
      config: the pipeline.yaml.
      options: more of `lockgate serve`.
      path: the PATH; None for that of the tests.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path or os.environ["PATH"]}
    command = [sys.executable, "-c", "from pipeline.cli import main; main(prog_name='lockgate')", "serve", str(config)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--json", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=config.parent,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"no server: {process.communicate(timeout=_SECONDS)[1]}")
        yield Server(process, json.loads(line))
    finally:
        process.kill()
        process.communicate(timeout=_SECONDS)
