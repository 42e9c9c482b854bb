"""What is measured of a fork."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.scale_parts.steps import CHECK, COMPONENTS, components

TESTS = Path(__file__).parents[1]
SETUP = """
import json, pathlib, subprocess, sys, time
from benchmarks.scale_parts.process import ForkError, Meter, forked

def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def measured(work):
    def inner():
        meter = Meter()
        meter.begin()
        work()
        return meter.end()
    return forked(inner, pathlib.Path(sys.argv[1]), 60)
"""


def run(code: str, log: Path) -> object:
    """What the code prints as JSON: a process of its own, as that of pytest has threads."""
    command = [sys.executable, "-c", SETUP + code, str(log)]
    environment = os.environ | {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_memory_before_the_beginning_is_not_a_peak(tmp_path: Path):
    code = """
large = bytearray(200 << 20)
del large
found = measured(lambda: bytearray(80 << 20))
print(json.dumps([found["peak_mib"] - found["imported_mib"], found["peak_mib"]]))
"""
    more, peak = run(code, tmp_path / "log.txt")
    assert 79 <= more < 100
    assert peak < 200


def test_seconds_and_memory_of_its_own_processes_count(tmp_path: Path):
    child = (
        "import time; x = bytearray(120 << 20); end = time.process_time() + 1\nwhile time.process_time() < end: pass"
    )
    code = f"""
found = measured(lambda: (spin(0.3), subprocess.run([sys.executable, "-c", {child!r}], check=True)))
print(json.dumps([found["cpu_s"], found["peak_mib"] - found["imported_mib"]]))
"""
    cpu, more = run(code, tmp_path / "log.txt")
    assert 1.3 <= cpu < 4
    assert 120 < more < 160


def test_a_process_that_shares_all_it_has_costs_no_memory(tmp_path: Path):
    code = """
import os
held = bytearray(200 << 20)
def work():
    if (pid := os.fork()) == 0:
        spin(1)
        os._exit(0)
    os.waitpid(pid, 0)
found = measured(work)
print(json.dumps(found["peak_mib"] - found["imported_mib"]))
"""
    assert run(code, tmp_path / "log.txt") < 30


@pytest.mark.parametrize(
    ("work", "limit", "said"),
    [
        ("[][0]", 60, "IndexError: list index out of range"),
        ("time.sleep(600)", 0.3, "not within 0 s"),
    ],
)
def test_what_ends_badly_is_said(tmp_path: Path, work: str, limit: float, said: str):
    code = f"""
try:
    forked(lambda: {work}, pathlib.Path(sys.argv[1]), {limit})
except ForkError as error:
    print(json.dumps(str(error).splitlines()[-1]))
"""
    assert run(code, tmp_path / "log.txt") == said


def test_the_other_engine_is_measured_as_far_as_it_changes_something():
    assert components("auto") == (CHECK, *COMPONENTS)
    assert components("beam")[-1] == "Evaluator"
