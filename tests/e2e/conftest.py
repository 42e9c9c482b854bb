import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
LOCKGATE = Path(sys.executable).with_name("lockgate")
PENGUINS = REPOSITORY / "data/penguins/pipeline.yaml"


@dataclass(frozen=True)
class Finished:
    """A finished `lockgate run --json`."""

    code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        return json.loads(self.stdout)


def _run(config: Path, root: Path, *options: str) -> Finished:
    command = [str(LOCKGATE), "run", str(config), "--json", "--set", f"root={root}", *options]
    # Another folder: nothing may depend on where the command is given.
    # Buffered, as a user's Python is: unbuffered output would hide what a failing flush does.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=root.parent, timeout=900, env=env)
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def lockgate() -> str:
    """The installed command."""
    return str(LOCKGATE)


@pytest.fixture(scope="session")
def lockgate_run() -> Callable[..., Finished]:
    """Runs a pipeline in a process of its own, as a user does."""
    return _run


@pytest.fixture(scope="session")
def penguins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    """The penguins pipeline, run once from nothing, and its root."""
    root = tmp_path_factory.mktemp("penguins") / "root"
    return _run(PENGUINS, root), root
