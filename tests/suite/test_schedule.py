"""The order of the suite's files, and who runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.schedule import LONGEST, SHARED, TOGETHER, group, position

ROOT = Path(__file__).parents[2]
NAMES_ITS_WORKER = """
import os, pytest

@pytest.mark.parametrize("number", range(12))
def test_sample(number):
    with open({facts!r}, "a") as facts:
        facts.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_every_file_that_is_named_exists() -> None:
    assert [file for file in (*LONGEST, *TOGETHER, *TOGETHER.values()) if not (ROOT / file).is_file()] == []
    assert [folder for folder in SHARED if not (ROOT / folder).is_dir()] == []


def test_long_files_come_before_all_others() -> None:
    assert position(LONGEST[0]) < position(LONGEST[-1]) < position("tests/suite/test_schedule.py")


def test_a_file_is_a_group_unless_it_shares_what_others_made() -> None:
    assert group("tests/suite/test_schedule.py") == "tests/suite/test_schedule.py"
    assert group("tests/e2e/test_data_sources.py") == group("tests/e2e/test_penguins.py")
    assert len({group(f"tests/components/trainer/{name}.py") for name in ("test_trainer_fit", "tuning/test_x")}) == 1


@pytest.mark.slow
def test_a_file_runs_on_one_worker_and_two_files_on_two(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text(NAMES_ITS_WORKER.format(facts=str(tmp_path / name)))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (line,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("PYTEST = "))
    options = line.partition(" -m pytest ")[2].replace("$(WORKERS)", "2").split()
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "--import-mode=importlib", *options, "."]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    workers = [(tmp_path / name).read_text().split() for name in ("one", "two")]
    assert [len(each) for each in workers] == [12, 12]
    assert [len(set(each)) for each in workers] == [1, 1]
    assert workers[0][0] != workers[1][0]
