"""What one run leaves behind: its configuration, surroundings, log and result, and the lock that it holds."""

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import filelock
import yaml

from components.data_gate.report import Verdict
from components.smoke_test.report import Report
from pipeline.config.loader import LoadedConfig
from pipeline.results.tuned import Tuned
from preprocessing.errors import UserError

KEY_PACKAGES = (
    "lockgate",
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-transform",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "apache-beam",
    "ml-metadata",
    "pyarrow",
    "numpy",
)
"""The packages whose versions are recorded with a run."""

RunState = Literal["pushed", "refused", "stopped"]

DATA_GATE_FOLDER = "data_gate"
"""In a run's folder: the data gate's report, and the schema that it proposes."""
SMOKE_TEST_FOLDER = "smoke_test"
"""In a run's folder: the smoke test's report, as JSON and as a page."""
CONFIG_FILE, RESULT_FILE, ENVIRONMENT_FILE = "config.yaml", "result.json", "environment.json"


@dataclass(frozen=True)
class Gate:
    """One gate's verdict: passed or not, or None for a finding that stops nothing; and why."""

    name: str
    passed: bool | None
    reason: str


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
      state: `pushed`, `refused` by a gate, or `stopped` where `--to` said.
      gates: every verdict, in the order of the graph.
      metrics: the candidate's, on the test split.
      champion: the champion's, on the same rows; empty in a first run.
      intervals: the ends of the confidence intervals of the candidate's metrics.
      cross_validation: `mean` and `deviation` of each metric over folds of train and eval; empty without folds.
      seconds: wall-clock time of each component.
      states: `done`, `cached` or `skipped`, by component.
      pushed: the pushed version's folder.
      data_gate: everything that the data gate found; None where it did not run.
      smoke_test: everything that the smoke test found; None where it did not run.
      tuning: what tuning gained and cost; None where there was none.
      run_dir: the folder of this run's records.
    """

    state: RunState
    gates: tuple[Gate, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    champion: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    cross_validation: dict[str, dict[str, float | None]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    pushed: str | None = None
    data_gate: Verdict | None = None
    smoke_test: Report | None = None
    tuning: Tuned | None = None
    run_dir: str = ""

    def to_json(self) -> str:
        """One JSON object. A metric that is not finite becomes null: JSON has no NaN."""
        content = asdict(self)
        content["data_gate"] = self.data_gate.model_dump(mode="json") if self.data_gate else None
        content["smoke_test"] = self.smoke_test.model_dump(mode="json") if self.smoke_test else None
        for models_metrics in (content["metrics"], content["champion"]):
            for name, value in models_metrics.items():
                models_metrics[name] = value if math.isfinite(value) else None
        return json.dumps(content, indent=1, allow_nan=False)

    def line(self) -> str:
        """The last line on the screen: `pushed: PATH`, or `refused: GATE: reason`."""
        if self.state == "pushed":
            return f"pushed: {self.pushed}"
        if self.state == "refused":
            refusals = [f"{gate.name}: {gate.reason}" for gate in self.gates if gate.passed is False]
            return f"refused: {'; '.join(refusals)}"
        last = [name for name, state in self.states.items() if state != "skipped"]
        return f"stopped: after {last[-1]}, as asked; nothing was pushed"


class RunRecord:
    """The folder `<root>/runs/<run id>`: config.yaml, environment.json, log.txt and, at the end, result.json."""

    def __init__(self, root: Path, loaded: LoadedConfig) -> None:
        """Makes the folder and writes what is known before the run.

        Raises:
          OSError: the root can't be written.
        """
        self.run_id, self.folder = _new_folder(root / "runs")
        self.log = self.folder / "log.txt"
        resolved = yaml.safe_dump(loaded.config.resolved(), sort_keys=False, allow_unicode=True)
        self._write(CONFIG_FILE, resolved)
        self._write(ENVIRONMENT_FILE, json.dumps(_environment(loaded), indent=1))

    def finish(self, result: RunResult) -> None:
        """Writes the result to result.json."""
        self._write(RESULT_FILE, result.to_json())

    def fail(
        self,
        state: Literal["failed", "interrupted"],
        error: str,
        component: str | None,
        seconds: dict[str, float],
        states: dict[str, str],
    ) -> None:
        """Writes result.json for a run that didn't reach its end.

        Args:
          state: `interrupted` by a signal, or `failed`.
          error: what the screen says, or a bug's own words.
          component: the one that was running, if one was.
          seconds, states: of the components so far, as in RunResult.
        """
        content = {
            "state": state,
            "error": error,
            "component": component,
            "seconds": seconds,
            "states": states,
            "run_dir": str(self.folder),
        }
        self._write(RESULT_FILE, json.dumps(content, indent=1))

    def _write(self, name: str, text: str) -> None:
        temporary = self.folder / f".{name}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.folder / name)


def _new_folder(runs: Path) -> tuple[str, Path]:
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    runs.mkdir(parents=True, exist_ok=True)
    for attempt in range(1000):
        run_id = moment if not attempt else f"{moment}-{attempt}"
        with contextlib.suppress(FileExistsError):
            (runs / run_id).mkdir()
            return run_id, runs / run_id
    raise RuntimeError(f"{runs}: a thousand runs began in the second {moment}")


def _environment(loaded: LoadedConfig) -> dict[str, Any]:
    changes = _git(loaded.base, "status", "--porcelain", "--untracked-files=no")
    return {
        "packages": {name: importlib.metadata.version(name) for name in KEY_PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git_commit": _git(loaded.base, "rev-parse", "HEAD"),
        "git_dirty": None if changes is None else bool(changes),
        "seed": loaded.config.seed,
        "deterministic": loaded.config.deterministic,
        "config_file": str(loaded.path),
        "schema": _schema(loaded),
        "command": sys.argv,
    }


def _schema(loaded: LoadedConfig) -> dict[str, str] | None:
    """The curated schema and a hash of what it says now, by which a later edit is noticed; None infers one."""
    if loaded.config.data.schema_file is None:
        return None
    path = loaded.resolve(loaded.config.data.schema_file)
    return {"path": str(path), "sha256": sha256(path)}


def sha256(path: Path) -> str:
    """The hash of a file's content, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    """Git's answer about the folder of the configuration; None outside a repository or without git."""
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@contextlib.contextmanager
def only_run(root: Path) -> Iterator[str | None]:
    """Holds the root for one run.

    The lock is the kernel's: it vanishes with the process that holds it, so a stale one can be taken at once.

    Yields:
      A sentence about a run that was killed and whose lock this one took over, or None.

    Raises:
      UserError: another process holds the root; it is named.
    """
    root.mkdir(parents=True, exist_ok=True)
    holder_file = root / ".lock-holder.json"
    lock = filelock.FileLock(root / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"{root}: another run is using this root: {_describe(_read_holder(holder_file))}",
            hint="wait for it, stop it, or give this run a root of its own (--set root=other)",
        ) from error
    try:
        left = _read_holder(holder_file)
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "command": " ".join(sys.argv),
        }
        holder_file.write_text(json.dumps(holder), encoding="utf-8")
        yield f"took over the lock of a run that ended without releasing it: {_describe(left)}" if left else None
    finally:
        holder_file.unlink(missing_ok=True)
        lock.release()


def running(root: Path) -> str | None:
    """Who holds the root just now, in words; None where nobody does. Nothing is locked for the look."""
    holder = _read_holder(root / ".lock-holder.json")
    here = holder.get("host") == socket.gethostname() and isinstance(holder.get("pid"), int)
    gone = here and not Path(f"/proc/{holder['pid']}").exists()
    return _describe(holder) if holder and not gone else None


def _read_holder(path: Path) -> dict[str, Any]:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # It is written after the lock is taken, so it may be missing or half there for a moment.
        return {}
    return holder if isinstance(holder, dict) else {}


def _describe(holder: dict[str, Any]) -> str:
    if not holder:
        return "a process that has only just started"
    return f"process {holder.get('pid')} on {holder.get('host')}, since {holder.get('since')} ({holder.get('command')})"
