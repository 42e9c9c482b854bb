"""What a measured process took, its children included."""

import sys
import time
from pathlib import Path

import pytest
from benchmarks.whole.process import ProcessError, measure, tree

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


def test_an_ended_process_has_no_descendants():
    assert tree(2**22 + 1) == {2**22 + 1}
