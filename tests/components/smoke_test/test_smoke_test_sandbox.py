"""What the child can and cannot see and do. These children do not import TensorFlow."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.smoke_test import sandbox, worker

REPOSITORY = Path(__file__).resolve().parents[3]

ENTER = """
import importlib.util, json, os, resource, sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("worker", WORKER)
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
exchange = Path(sys.argv[1])
"""
PROBE = """
worker.enter(exchange)
names = ["pipeline", "components", "preprocessing", "models", "tfx", "tensorflow_transform", "apache_beam",
         "pydantic", "pytest", "tensorflow", "numpy"]
import numpy
try:
    numpy.ones(2 * 2**30, numpy.uint8)
    allocation = "granted"
except MemoryError:
    allocation = "refused"
(exchange / "seen.json").write_text(json.dumps({
    "importable": [name for name in names if importlib.util.find_spec(name) is not None],
    "environment": dict(os.environ),
    "files": os.listdir(),
    "session": os.getsid(0) == os.getpid(),
    "allocation": allocation,
    "numpy": numpy.__file__,
}))
print("said on stdout")
"""


def start(script: str, folder: Path, *, memory_mb: int = 1024, seconds: float = 60.0) -> str:
    """Runs a script as the sandbox runs the worker; the reason why it did not finish."""
    for name in ("exchange", "library", "work"):
        (folder / name).mkdir()
    sandbox.link_library(folder / "library")
    job = {"library": str(folder / "library"), "memory_mb": memory_mb, "parent": os.getpid()}
    (folder / "exchange" / "job.json").write_text(json.dumps(job))
    path = folder / "script.py"
    path.write_text(ENTER.replace("WORKER", repr(worker.__file__)) + script)
    return sandbox.run_script(path, folder / "exchange", work=folder / "work", log=folder / "log", seconds=seconds)


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a probe sees when its parent's environment offers it everything."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("A_SECRET", "token")
    monkeypatch.chdir(REPOSITORY)
    assert start(PROBE, tmp_path) == "", (tmp_path / "log").read_text()
    answer: dict[str, Any] = json.loads((tmp_path / "exchange" / "seen.json").read_text())
    return answer


def test_the_child_sees_tensorflow_and_numpy_and_nothing_of_ours(seen: dict[str, Any], tmp_path: Path) -> None:
    assert seen["importable"] == ["tensorflow", "numpy"]
    assert seen["numpy"].startswith(str(tmp_path / "library"))


def test_the_child_is_confined(seen: dict[str, Any], tmp_path: Path) -> None:
    allowed = {"PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ", "HOME", "TMPDIR"}
    allowed |= {"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL"}
    allowed |= {"TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"}
    assert set(seen["environment"]) - {"LC_CTYPE"} <= allowed  # Python sets LC_CTYPE itself (PEP 538)
    assert seen["environment"]["HOME"] == str(tmp_path / "work")
    assert seen["files"] == []
    assert seen["session"]
    assert seen["allocation"] == "refused"
    assert "said on stdout" in (tmp_path / "log").read_text()


def test_the_library_is_what_tensorflow_requires(tmp_path: Path) -> None:
    sandbox.link_library(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"tensorflow", "numpy", "numpy.libs", "h5py", "google", "absl", "six.py"} <= names
    assert not names & {"pipeline", "components", "preprocessing", "models", "tfx", "apache_beam", "pydantic"}
    assert not [name for name in names if name.endswith(".pth")]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(3)", "exit code 3"),
        ("os.abort()", "killed by signal 6 (Aborted)"),
        ("raise ValueError('a bug in the worker')", "exit code 1"),
        ("while True: pass", "no end within 0.5 s"),
    ],
)
def test_every_other_end_has_a_reason(tmp_path: Path, script: str, reason: str) -> None:
    assert start(script, tmp_path, seconds=0.5 if "while" in script else 60) == reason


def ends_soon(pid: int) -> bool:
    """Whether a process that is not our child is gone within ten seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


def test_what_the_child_started_ends_with_it(tmp_path: Path) -> None:
    grandchild = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
(exchange / "pid").write_text(str(child.pid))
"""
    assert start(grandchild, tmp_path) == ""
    assert ends_soon(int((tmp_path / "exchange" / "pid").read_text()))


def test_the_child_ends_when_its_parent_is_killed() -> None:
    child = (
        ENTER.replace("WORKER", repr(worker.__file__))
        + """
import signal
worker.confine(1024, int(sys.argv[1]))
print(os.getpid(), flush=True)
signal.pause()
"""
    )
    starter = """
import os, signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", starter, child], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert ends_soon(pid)
