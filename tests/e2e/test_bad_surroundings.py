"""A root that can't be written, on real file systems: one line, no stack trace, and nothing half done."""

import re
import subprocess
from pathlib import Path

import pytest

PENGUINS = Path(__file__).parent.parent.parent / "data/penguins/pipeline.yaml"
pytestmark = pytest.mark.e2e


@pytest.fixture
def mounted(tmp_path):
    """Mounts a small file system of its own; needs the right to mount."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    mounts = []

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"needs the right to mount (run as root with CAP_SYS_ADMIN): {done.stderr.strip()}")
        mounts.append(folder)
        return folder

    yield mount
    for each in mounts:
        subprocess.run(["umount", str(each)], check=True)


def _error_lines(stderr: str) -> list[str]:
    assert "Traceback" not in stderr
    lines = stderr.rstrip().splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("error: "))
    return lines[start:]


def test_a_read_only_root(mounted, lockgate_run):
    root = mounted("size=1m,ro")
    done = lockgate_run(PENGUINS, root / "root")
    assert done.code == 1
    error, hint = _error_lines(done.stderr)
    assert "read-only" in error
    assert hint.startswith("  next: set root")


def test_a_root_below_a_file(tmp_path, lockgate_run):
    (tmp_path / "file").write_text("not a folder")
    done = lockgate_run(PENGUINS, tmp_path / "file")
    assert done.code == 1
    error, hint = _error_lines(done.stderr)
    assert str(tmp_path / "file") in error
    assert "next: " in hint


@pytest.mark.slow
def test_a_full_disk_ends_the_run_and_nothing_is_pushed(mounted, lockgate_run):
    root = mounted("size=600k") / "root"
    done = lockgate_run(PENGUINS, root)
    assert done.code == 1, done.stderr
    error, hint, *_ = _error_lines(done.stderr)
    assert "disk is full: " in error
    assert f"of 614 kB free on the file system at {root.parent}; a run from nothing writes about 5." in error
    # The warning before the run: its own records are there already.
    warned = rf" kB free on the file system at {re.escape(str(root.parent))}; a run from nothing"
    assert re.search(rf" ! (5\d\d|6[01]\d){warned}", done.stderr.splitlines()[0])
    assert hint.startswith("  next: free some space")
    assert not list((root / "serving").glob("*")) if (root / "serving").exists() else True
