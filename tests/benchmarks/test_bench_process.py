"""What a measured process took, its children included."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.whole.process import ProcessError, measure, tree

TESTS = Path(__file__).parents[1]

CHILD = "x = bytearray(150 << 20); import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}], check=True)"


def test_a_childs_time_and_memory_count(tmp_path: Path):
    began = time.monotonic()
    cost = measure([sys.executable, "-c", PARENT], tmp_path / "log.txt")
    assert 0.5 <= cost.wall_s <= time.monotonic() - began + 0.01
    assert 0.5 <= cost.cpu_s < 5
    assert 150 < cost.peak_mib < 250


def test_a_failure_shows_the_end_of_what_was_written(tmp_path: Path):
    with pytest.raises(ProcessError, match=r"(?s)exit code 3, expected 0: .*the last line"):
        measure([sys.executable, "-c", "print('the last line'); raise SystemExit(3)"], tmp_path / "log.txt")


def test_the_environment_is_added_to(tmp_path: Path):
    code = "import os; print(os.environ['BENCH_SAMPLE'], 'PATH' in os.environ)"
    measure([sys.executable, "-c", code], tmp_path / "log.txt", {"BENCH_SAMPLE": "here"})
    assert (tmp_path / "log.txt").read_text() == "here True\n"


def test_nothing_runs_on_when_the_benchmark_is_killed(tmp_path: Path):
    log = tmp_path / "log.txt"
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    call = f"measure([sys.executable, '-c', {child!r}], pathlib.Path({str(log)!r}))"
    code = f"import pathlib, sys; from benchmarks.whole.process import measure; {call}"
    bench = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(TESTS)})
    assert eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    pid = int(log.read_text())
    bench.send_signal(signal.SIGKILL)
    bench.wait()
    assert eventually(lambda: not running(pid))


def running(pid: int) -> bool:
    """Whether a process is there and not only waiting for somebody to take note of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold within half a minute."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_an_ended_process_has_no_descendants():
    assert tree(2**22 + 1) == {2**22 + 1}
