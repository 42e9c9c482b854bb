"""The parent's side: runs the worker in a confined process and reads what it leaves.

The model is somebody else's program. It gets a session and process group of its own, a deadline, a memory
limit, an empty working directory, a short environment, and of the installed packages only those that
TensorFlow itself requires. Whatever it does, the outcome is data, and nothing is left running.
"""

import contextlib
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.smoke_test import worker
from components.smoke_test.requests import Requests
from preprocessing.errors import UserError

WORKER = Path(worker.__file__)

_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
# A fixed number of threads: each one's stack counts towards the memory limit, whatever the machine.
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "4",
    "TF_CPP_MIN_LOG_LEVEL": "1",
    "TF_NUM_INTEROP_THREADS": "4",
    "TF_NUM_INTRAOP_THREADS": "4",
}
_POLL_SECONDS = 0.02
_TAIL_BYTES = 32 * 1024
_TAIL_LINES = 60


@dataclass(frozen=True)
class Limits:
    """What the child may use: wall-clock seconds, and MiB of private writable memory."""

    seconds: float
    memory_mb: int


@dataclass(frozen=True)
class Job:
    """What the child has to do.

    Attributes:
      model: the SavedModel, an absolute local path.
      requests: what can be sent.
      golden_keys: the row keys that the trainer has predicted, int64 [n].
      row_key: the output of `transform_features` that holds the row key.
      rows: how many rows to send.
    """

    model: Path
    requests: Requests
    golden_keys: NDArray[np.int64]
    row_key: str
    rows: int


class Tensor(NamedTuple):
    """An output: TensorFlow's name of its type, and its values (strings as bytes)."""

    dtype: str
    values: NDArray[Any]


@dataclass(frozen=True)
class Observation:
    """What the child saw.

    Attributes:
      signatures: the declared inputs and outputs of each signature, as `worker.describe` gives them.
      rows: which examples were sent, by position.
      row_keys: their row keys; empty when no golden row was found.
      answers: signature -> request ("all", or the position of a single row) -> output -> tensor.
      errors: phase -> the error with which the model answered.
      seconds: phase -> wall-clock time.
    """

    signatures: Mapping[str, Mapping[str, Mapping[str, Any]]]
    rows: tuple[int, ...]
    row_keys: tuple[int, ...]
    answers: Mapping[str, Mapping[str, Mapping[str, Tensor]]]
    errors: Mapping[str, str]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """How the child ended.

    Attributes:
      observation: what it saw, or None when it did not finish.
      failure: why it did not finish; empty when it did.
      phase: what it was doing last.
      log_tail: the end of its stdout and stderr.
    """

    observation: Observation | None
    failure: str
    phase: str
    log_tail: str


def run(job: Job, limits: Limits) -> Outcome:
    """Runs one child to its end.

    Raises:
      UserError: TensorFlow is installed in a way that does not say which packages belong to it.
      OSError: the temporary folder cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="lockgate-smoke-test-") as temporary:
        folder = Path(temporary)
        exchange, library, work = folder / "exchange", folder / "library", folder / "work"
        for new in (exchange, library, work):
            new.mkdir()
        link_library(library)
        _write_job(exchange, job, library, limits)
        failure = run_script(WORKER, exchange, work=work, log=folder / "log", seconds=limits.seconds)
        observation = None
        if not failure:
            try:
                observation = _read_observation(exchange)
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                failure = f"its answers cannot be read ({type(error).__name__}: {error})"
        phase = exchange / "phase"
        return Outcome(
            observation,
            failure,
            phase=phase.read_text(encoding="utf-8") if phase.exists() else "start",
            log_tail=_tail(folder / "log"),
        )


def link_library(folder: Path) -> None:
    """Fills a folder with links to TensorFlow and the packages that it requires, and to nothing else.

    A child whose path is this folder and the standard library sees what `pip install tensorflow` brings,
    however the project itself is installed.

    Raises:
      UserError: an installed distribution has no list of its files.
    """
    waiting, seen = ["tensorflow"], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        # A requirement for other platforms is not installed; one that is really needed shows in the log.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            distribution = importlib.metadata.distribution(name)
            _link_distribution(distribution, folder)
            for requirement in distribution.requires or ():
                required = re.match(r"[\w.-]+", requirement)
                if required is not None and "extra ==" not in requirement:
                    waiting.append(re.sub(r"[-_.]+", "-", required[0]).lower())


def _link_distribution(distribution: importlib.metadata.Distribution, folder: Path) -> None:
    record = distribution.read_text("RECORD")
    if record is None:
        raise UserError(
            f"the installed package {distribution.name} has no list of its files (RECORD)",
            hint="install TensorFlow with pip or uv, into a virtual environment",
        )
    tops = {re.split(r"[/,]", line, maxsplit=1)[0] for line in record.splitlines()}
    for top in tops - {"..", "__pycache__", ""}:
        link = folder / top
        if not top.endswith(".pth") and not link.exists():  # `google` is shared by several
            link.symlink_to(Path(str(distribution.locate_file(top))).absolute())


def _write_job(exchange: Path, job: Job, library: Path, limits: Limits) -> None:
    arrays: dict[str, Any] = {"golden_keys": job.golden_keys}
    arrays |= worker.pack("labelled", job.requests.labelled) | worker.pack("examples", job.requests.examples)
    for argument, values in job.requests.features.items():
        arrays |= worker.pack(f"feature/{argument}", values)
    np.savez(exchange / "requests.npz", **arrays)
    description = {
        "library": str(library),
        "memory_mb": limits.memory_mb,
        "model": str(job.model),
        "parent": os.getpid(),
        "row_key": job.row_key,
        "rows": job.rows,
    }
    (exchange / "job.json").write_text(json.dumps(description), encoding="utf-8")


def run_script(script: Path, exchange: Path, *, work: Path, log: Path, seconds: float) -> str:
    """Runs a script in an isolated process group, which is gone afterwards.

    Args:
      script: the worker; it limits its own memory.
      exchange: its only argument.
      work: its working directory.
      log: the file for its stdout and stderr.
      seconds: its wall-clock limit.

    Returns:
      The reason why it did not finish; empty when it did.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            # -I: no variables, no user packages, no folder of the script; -S: no site-packages at all.
            [sys.executable, "-I", "-S", str(script), str(exchange)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=work,
            env=inherited | _ENVIRONMENT | {"HOME": str(work), "TMPDIR": str(work)},
            start_new_session=True,
        )
    in_time = False
    try:
        in_time = _wait(process.pid, seconds)
    finally:
        # Before the child is reaped, so that its group's number cannot belong to anybody else yet.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not in_time:
        return f"no end within {seconds:g} s"
    if process.returncode < 0:
        return f"killed by signal {-process.returncode} ({signal.strsignal(-process.returncode)})"
    return f"exit code {process.returncode}" if process.returncode else ""


def _wait(pid: int, seconds: float) -> bool:
    """Whether the child ended in time. It is not reaped."""
    deadline = time.monotonic() + seconds
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _read_observation(exchange: Path) -> Observation:
    facts = json.loads((exchange / "facts.json").read_text(encoding="utf-8"))
    with np.load(exchange / "answers.npz", allow_pickle=False) as arrays:
        unpacked = worker.unpack(arrays)
    answers: dict[str, dict[str, dict[str, Tensor]]] = {}
    for name, values in unpacked.items():
        signature, request, output = name.split("/", maxsplit=2)
        tensor = Tensor(facts["dtypes"][name], values)
        answers.setdefault(signature, {}).setdefault(request, {})[output] = tensor
    return Observation(
        signatures=facts["signatures"],
        rows=tuple(facts["rows"]),
        row_keys=tuple(facts["row_keys"]),
        answers=answers,
        errors=facts["errors"],
        seconds=facts["seconds"],
    )


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])
