"""What holds for all tests: their order, their temporary folder, and what may be left when they end."""

import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fork_server import ForkServer, fork_server
from support.janitor import left_over
from support.schedule import group, position
from xdist.scheduler import LoadScopeScheduling

from pipeline.code.heavy_imports import uncollected

# A shell gives SIGINT ignored to what it starts in the background, and so on to the processes that tests send it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
_SLOWEST = 10


class Run:
    """One run of the suite, or one of its workers: its temporary folder, and what it sees of its end."""

    def __init__(self, config: pytest.Config) -> None:
        worker = getattr(config, "workerinput", None)
        self._janitor = None
        if worker is None:
            self.folder = Path(tempfile.mkdtemp(prefix="lockgate-tests-"))
            command = [
                sys.executable,
                "-I",
                "-S",
                str(TESTS / "support/janitor.py"),
                str(os.getpid()),
                str(self.folder),
            ]
            # A session and a folder of its own: it outlives Ctrl-C and `kill -9` of this process and of its group.
            self._janitor = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, cwd="/")
        else:
            self.folder = Path(os.environ["TMPDIR"]) / worker["workerid"]
            self.folder.mkdir()
        # PostgreSQL runs as another user, who has to get through to its data.
        self.folder.chmod(0o711)
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.folder)
        self.left: list[str] = []
        self.seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds up each file's seconds; workers report to the process that prints."""
        self.seconds[_file(report.nodeid)] += report.duration

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fails a run that leaves processes behind: by now fixtures are torn down and workers have ended."""
        if self._janitor is None:
            return
        self.left = [command for pid, command in left_over(self.folder) if pid != self._janitor.pid]
        if self.left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Names what was left, and the files that took longest, so that growth is seen."""
        for command in self.left:
            terminalreporter.write_line(f"ERROR left running: {command}", red=True)
        if len(self.seconds) > 1:
            terminalreporter.section(f"the {_SLOWEST} slowest files")
            for file, seconds in self.seconds.most_common(_SLOWEST):
                terminalreporter.write_line(f"{seconds:7.1f} s  {file}")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the run's hooks."""
    config.pluginmanager.register(Run(config))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keeps Python's garbage collector from what the tests' modules import."""
    with uncollected():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts long files first."""
    items.sort(key=lambda item: position(_file(item.nodeid)))


class _Groups(LoadScopeScheduling):
    """Keeps each file's tests, and files that share something, on one worker: heavy fixtures are made once.

    Not by the marker `xdist_group`: pytest-xdist 3.8 puts it into an attribute that pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(_file(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Gives out the files of `make check` and `make test`, in their order."""
    return _Groups(config, log)


@pytest.fixture(autouse=True, scope="module")
def _no_determinism_left() -> Iterator[None]:
    """Undoes what a training of this process has set for good: other files draw random numbers without a seed."""
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import config

        config.disable_op_determinism()


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    """What runs commands without importing TFX for each of them."""
    with fork_server() as server:
        yield server


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
