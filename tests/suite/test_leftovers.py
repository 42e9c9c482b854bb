"""What a run of the suite leaves behind: nothing, however it ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
SECONDS = 20.0

LEAVES_A_PROCESS = """
import os, signal, subprocess, tempfile
from pathlib import Path

def test_sample(tmp_path):
    (tmp_path / "large").write_text("x")
    left = subprocess.Popen(["sleep", "600"])
    Path({facts!r}).write_text(f"{{left.pid}} {{tempfile.gettempdir()}}")
    {then}
"""


def run_suite(folder: Path, then: str, *options: str) -> tuple[subprocess.CompletedProcess[str], int, Path]:
    """A run of one test that starts a process; how it ended, the process's number, the temporary folder."""
    (folder / "test_sample.py").write_text(LEAVES_A_PROCESS.format(facts=str(folder / "facts"), then=then))
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "--import-mode=importlib", *options, "test_sample.py"]
    # The product before the tests, whose folders have the names of its packages.
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    pid, temporary = (folder / "facts").read_text().split(" ")
    return done, int(pid), Path(temporary)


def gone(pid: int, folder: Path) -> bool:
    """Whether both are gone, or go soon: the cleaning begins when the run has ended."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if not folder.exists() and not Path(f"/proc/{pid}/environ").exists():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("options", [(), ("--numprocesses=1",)], ids=["alone", "in a worker"])
def test_a_process_that_a_test_leaves_is_named_and_ended(tmp_path: Path, options: tuple[str, ...]) -> None:
    done, pid, folder = run_suite(tmp_path, "pass", *options)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "left running: sleep 600" in done.stdout
    assert gone(pid, folder)


@pytest.mark.parametrize("options", [(), ("--numprocesses=1",)], ids=["alone", "in a worker"])
def test_a_failing_test_leaves_no_folder(tmp_path: Path, options: tuple[str, ...]) -> None:
    done, pid, folder = run_suite(tmp_path, "left.kill(); left.wait(); assert False", *options)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "left running" not in done.stdout
    assert gone(pid, folder)


@pytest.mark.parametrize(
    ("victim", "options"),
    [("os.getpid()", ()), ("os.getppid()", ("--numprocesses=1",))],
    ids=["alone", "with a worker"],
)
def test_a_killed_run_leaves_nothing(tmp_path: Path, victim: str, options: tuple[str, ...]) -> None:
    done, pid, folder = run_suite(tmp_path, f"os.kill({victim}, signal.SIGKILL); left.wait()", *options)
    assert done.returncode == -9
    assert gone(pid, folder)
