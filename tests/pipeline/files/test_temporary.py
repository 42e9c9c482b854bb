"""The temporary folder of a process: everything goes there, and nothing stays, whether it ends or is killed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.files.temporary import abandoned_temporary, own_temporary_folder

KILLED = """
import os, signal, tempfile
from pipeline.files.temporary import own_temporary_folder
with own_temporary_folder() as folder:
    print(tempfile.mkdtemp(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The system's temporary folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_all_that_is_temporary_goes_at_the_end(place):
    with own_temporary_folder() as folder:
        assert folder.parent == place
        inner = Path(tempfile.mkdtemp())
        told = subprocess.run(
            [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp())"], stdout=subprocess.PIPE, check=True
        )
        assert {inner.parent, Path(told.stdout.decode().strip()).parent} == {folder}
    assert list(place.iterdir()) == []
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(place)


def test_what_a_killed_process_left_is_found_and_goes_the_next_time(place):
    done = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, check=False, text=True)
    assert done.returncode == -9
    left = Path(done.stdout.strip()).parent
    other = place / "lockgate-process-by-hand"
    other.mkdir()
    assert abandoned_temporary() == [left]
    with own_temporary_folder(tidy=False):
        assert abandoned_temporary() == [left]
    with own_temporary_folder() as folder:
        assert sorted(place.iterdir()) == sorted([folder, other])
        assert os.uname().nodename not in folder.name


def test_the_folder_of_a_process_that_runs_is_left(place):
    with own_temporary_folder() as folder:
        code = "from pipeline.files.temporary import own_temporary_folder as own\nwith own(): pass"
        environment = {**os.environ, "TMPDIR": str(place)}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        assert folder.is_dir()
