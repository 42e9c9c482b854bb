import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.fork_server import ForkServer

REPOSITORY = Path(__file__).parent.parent.parent
LOCKGATE = Path(sys.executable).with_name("lockgate")
PENGUINS = REPOSITORY / "data/penguins/pipeline.yaml"
SHORT = "smoke_test.search.seconds=0.1"
"""What the searches find is the zoo's matter."""


@dataclass(frozen=True)
class Finished:
    """A finished `lockgate run --json`."""

    code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        return json.loads(self.stdout)


def _environment() -> dict[str, str]:
    # Buffered, as a user's Python is: unbuffered output would hide what a failing flush does.
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def _arguments(config: Path, root: Path, *options: str) -> list[str]:
    return ["run", str(config), "--json", "--set", f"root={root}", "--set", SHORT, *options]


@pytest.fixture(scope="session")
def lockgate() -> str:
    """The installed command."""
    return str(LOCKGATE)


@pytest.fixture(scope="session")
def lockgate_run(forks: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Finished]:
    """Runs a pipeline in a process of its own, as a user does; one that kills itself at a moment has code -9."""

    def run(config: Path, root: Path, *options: str, moment: Mapping[str, Any] | None = None) -> Finished:
        printed = tmp_path_factory.mktemp("printed")
        files = [printed / "stdout", printed / "stderr"]
        # Another folder: nothing may depend on where the command is given.
        code = forks.lockgate(_arguments(config, root, *options), _environment(), root.parent, *files, moment)
        return Finished(code, *(file.read_text(encoding="utf-8") for file in files))

    return run


@pytest.fixture(scope="session")
def penguins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    """The penguins pipeline, run once from nothing by the installed command, and its root."""
    root = tmp_path_factory.mktemp("penguins") / "root"
    command = [str(LOCKGATE), *_arguments(PENGUINS, root)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root.parent, timeout=900, env=_environment())
    return Finished(done.returncode, done.stdout, done.stderr), root


@pytest.fixture(scope="session")
def penguins_again(
    penguins: tuple[Finished, Path], lockgate_run: Callable[..., Finished]
) -> tuple[Finished, list[str]]:
    """The same run a second time in that root, and the versions that are served after it.

    What goes on in the root begins with it, in whatever order files run.
    """
    again = lockgate_run(PENGUINS, penguins[1])
    return again, [each.name for each in (penguins[1] / "serving").iterdir() if each.name.isdigit()]
