"""What the model's process can see and do. No TensorFlow in these children, but that it could be imported."""

import errno
import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from support.sandboxed import said

from components.smoke_test.sandbox.library import link_library
from components.smoke_test.sandbox.process import WORKER

REPOSITORY = Path(__file__).resolve().parents[4]

PROBE = """
import importlib.util
names = ["pipeline", "components", "preprocessing", "models", "tests", "support", "tfx", "tensorflow_transform",
         "apache_beam", "pydantic", "pytest", "pip", "tensorflow", "numpy"]
import numpy
reply({
    "importable": [name for name in names if importlib.util.find_spec(name) is not None],
    "environment": dict(os.environ),
    "files": os.listdir(),
    "session": os.getsid(0) == os.getpid() == os.getpgid(0),
    "numpy": numpy.__file__,
    "library": job["library"],
    "cwd": os.getcwd(),
    "path": sys.path,
    "threads": job["threads"],
})
"""


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a probe sees when its parent's environment offers it everything."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("A_SECRET", "token")
    monkeypatch.chdir(REPOSITORY)
    return said(tmp_path, PROBE)


def test_the_child_sees_tensorflow_and_numpy_and_nothing_of_ours(seen: dict[str, Any]) -> None:
    assert seen["importable"] == ["tensorflow", "numpy"]
    assert seen["numpy"].startswith(seen["library"])
    assert not [each for each in seen["path"] if Path(each) in {REPOSITORY, *list(WORKER.parents)}]


def test_the_child_has_an_environment_of_its_own(seen: dict[str, Any]) -> None:
    allowed = {"PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ", "HOME", "TMPDIR"}
    allowed |= {"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL"}
    allowed |= {"TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"}
    assert set(seen["environment"]) - {"LC_CTYPE"} <= allowed  # Python sets LC_CTYPE itself (PEP 538)
    assert "token" not in json.dumps(seen)
    assert seen["environment"]["HOME"] == seen["environment"]["TMPDIR"] == seen["cwd"]
    assert seen["files"] == []
    assert seen["session"]


def test_the_worker_imports_nothing_of_ours_through_its_folder() -> None:
    standard_or_own = {path.stem for path in WORKER.glob("*.py")}
    assert not standard_or_own & {"pipeline", "components", "preprocessing", "models"}
    for path in WORKER.glob("*.py"):
        assert not re.search(r"^\s*(import|from) (components|preprocessing|pipeline|models)", path.read_text(), re.M), (
            path
        )


def test_the_library_is_what_tensorflow_requires(tmp_path: Path) -> None:
    link_library(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"tensorflow", "numpy", "numpy.libs", "h5py", "google", "absl", "six.py"} <= names
    assert not names & {"pipeline", "components", "preprocessing", "models", "tfx", "apache_beam", "pydantic"}
    assert not [name for name in names if name.endswith(".pth")]


# Harmless where it is not denied: signal 0 is never delivered, and so on.
TRY = """
def attempt(action):
    try:
        result = action()
        return "done" if result in (0, None) else f"returned {result}" if result != -1 else ctypes.get_errno()
    except OSError as error:
        return error.errno

import socket
parent = os.getppid()
reply({
    "inet": attempt(lambda: socket.socket() and None),
    "unix": attempt(lambda: socket.socket(socket.AF_UNIX) and None),
    "netlink": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) and None),
    "pair": attempt(lambda: socket.socketpair() and None),
    "name": attempt(lambda: socket.create_connection(("127.0.0.1", 1))),
    "ring": attempt(lambda: libc.syscall(425, 1, None)),
    "kill the gate": attempt(lambda: os.kill(parent, 0)),
    "kill all": attempt(lambda: os.kill(-1, 0)),
    "kill the group": attempt(lambda: os.killpg(os.getpgid(parent), 0)),
    "signal a thread": attempt(lambda: libc.syscall(200, parent, 0)),
    "queue a signal": attempt(lambda: libc.syscall(129, parent, 0, None)),
    "trace": attempt(lambda: libc.ptrace(17, parent, None, None)),
    "read memory": attempt(lambda: libc.process_vm_readv(parent, None, 0, None, 0, 0)),
    "pidfd": attempt(lambda: os.pidfd_open(parent) and None),
    "mount": attempt(lambda: libc.mount(None, b"/no-such-folder", None, 0, None)),
    "unshare": attempt(lambda: libc.unshare(0x10000000)),
    "keyring": attempt(lambda: libc.syscall(250, 0, 0)),
    "shared memory": attempt(lambda: libc.shmget(0, 4096, 0o1600)),
    "more memory": attempt(lambda: libc.setrlimit(2, (ctypes.c_ulong * 2)(2**40, 2**40))),
    "more time": attempt(lambda: libc.syscall(160, 0, (ctypes.c_ulong * 2)(2**40, 2**40))),
    "the gate's limits": attempt(lambda: resource.prlimit(parent, resource.RLIMIT_CPU) and None),
    "outlive the gate": attempt(lambda: libc.prctl(1, 0, 0, 0, 0)),
    "another user": attempt(lambda: os.setuid(65534)),
    "limits": attempt(lambda: resource.getrlimit(resource.RLIMIT_DATA) and None),
    "own signal": attempt(lambda: os.kill(os.getpid(), 0)),
    "thread": attempt(lambda: threading.Thread(target=int).start()),
    "file": attempt(lambda: Path("mine").write_text("x") and None),
})
"""


def test_doors_are_closed_and_the_model_goes_on(tmp_path: Path) -> None:
    happened = said(tmp_path, TRY)
    open_doors = {"limits", "own signal", "thread", "file"}
    assert {name for name, result in happened.items() if result == "done"} == open_doors
    network = {"inet", "unix", "netlink", "pair", "name", "ring"}
    assert {name for name, result in happened.items() if result == errno.EACCES} == network
    assert {name for name, result in happened.items() if result == errno.EPERM} == set(happened) - network - open_doors


def test_without_the_filter_those_doors_are_open(tmp_path: Path) -> None:
    # The test above proves nothing on a machine that closes them anyway.
    safe = TRY.split('    "kill the gate"')[0] + "})"
    happened = said(tmp_path, safe, closed=False)
    assert [happened[name] for name in ("inet", "unix", "pair")] == ["done"] * 3
    assert happened["name"] == errno.ECONNREFUSED


def test_many_threads_run_and_memory_is_limited(tmp_path: Path) -> None:
    script = """
import numpy
threads = [threading.Thread(target=lambda: numpy.ones((64, 64)) @ numpy.ones((64, 64))) for _ in range(32)]
for each in threads: each.start()
for each in threads: each.join()
try:
    numpy.ones(2**30, numpy.uint8)
    reply({"allocation": "granted"})
except MemoryError:
    reply({"allocation": "refused"})
"""
    assert said(tmp_path, script) == {"allocation": "refused"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("seccomp.platform.machine = lambda: 'riscv64'", "no filter of system calls for the architecture riscv64"),
        ("seccomp._FLAGS = 1 << 30", f"seccomp(SECCOMP_SET_MODE_FILTER) failed: {os.strerror(errno.EINVAL)}"),
    ],
)
def test_a_machine_without_the_filter_says_so(tmp_path: Path, change: str, reason: str) -> None:
    script = f"{change}\nreply({{'isolation': confine.close_doors()}})"
    assert reason in said(tmp_path, script, closed=False)["isolation"]


def test_the_thread_that_started_it_may_end_after_closing_it(tmp_path: Path) -> None:
    replies = list[dict[str, Any]]()
    thread = threading.Thread(target=lambda: replies.append(said(tmp_path, "reply({'fine': 1})\nsignal.pause()")))
    thread.start()
    thread.join()
    assert replies == [{"fine": 1}]
