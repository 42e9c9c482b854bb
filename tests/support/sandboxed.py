"""Small programs that run confined as the model's process does, without importing TensorFlow."""

from pathlib import Path
from typing import Any

from components.smoke_test.config import Process
from components.smoke_test.sandbox.process import WORKER, ModelProcess

ENTER = f"""
import ctypes, json, os, resource, signal, subprocess, sys, threading
from pathlib import Path
sys.path.insert(0, {str(WORKER)!r})
import confine, seccomp

exchange = Path(sys.argv[1])
job = confine.enter(exchange)
libc = ctypes.CDLL(None, use_errno=True)

def reply(facts):
    os.write(job["replies"], json.dumps(facts).encode() + b"\\n")

"""
CLOSE = "isolation = confine.close_doors()\nassert isolation == '', isolation\n"
PAUSE = "\nsignal.pause()\n"


def write_program(folder: Path, script: str, *, closed: bool = True) -> Path:
    """A program for `ModelProcess`: `closed` says whether it closes its doors first, as the worker does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__main__.py").write_text(ENTER + (CLOSE if closed else "") + script, encoding="utf-8")
    return folder


def limits(**changed: Any) -> Process:
    """Limits small enough to be met in a test."""
    return Process(**{"memory_mb": 512, "output_mb": 1, "cpu_seconds": 60} | changed)


def said(folder: Path, script: str, *, closed: bool = True, seconds: float = 30.0, **changed: Any) -> dict[str, Any]:
    """The first reply of a program.

    Raises:
      ProcessEnded: it ended without one.
    """
    with ModelProcess(limits(**changed), write_program(folder, script, closed=closed)) as process:
        return process.receive(seconds)
