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
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import filelock
import yaml

from components.data_gate.report import Verdict
from components.smoke_test.report import Report
from pipeline.code.commit import commit_of
from pipeline.config.loader import LoadedConfig
from pipeline.results.inputs import input_keys
from pipeline.results.tuned import Tuned
from pipeline.selection import Selection
from preprocessing.errors import UserError
from preprocessing.text import without_passwords

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
KEPT_FOLDER = "failed"
"""In a run's folder: what a component had written that failed, by component and output."""
_HOLDER_FILE = ".lock-holder.json"
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
      served_already: whether that version was there before, with the same model.
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
    served_already: bool = False
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

    def __init__(self, root: Path, loaded: LoadedConfig, selection: Selection | None = None) -> None:
        """Makes the folder and writes what is known before the run.

        Args:
          root: of the run.
          loaded: its configuration.
          selection: the part of the graph that was asked for; None is all of it.

        Raises:
          OSError: the root can't be written.
        """
        self.run_id, self.folder = new_folder(root / "runs")
        self.log = self.folder / "log.txt"
        self.kept = self.folder / KEPT_FOLDER
        resolved = yaml.safe_dump(loaded.config.resolved(), sort_keys=False, allow_unicode=True)
        self._write(CONFIG_FILE, resolved)
        self._write(ENVIRONMENT_FILE, json.dumps(_environment(loaded, selection or Selection()), indent=1))

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
        kept: Path | None = None,
        next_step: str = "",
    ) -> None:
        """Writes result.json for a run that didn't reach its end.

        Args:
          state: `interrupted` by a signal, or `failed`.
          error: what the screen says, or a bug's own words.
          component: the one that was running, if one was.
          seconds, states: of the components so far, as in RunResult.
          kept: the folder of what the component had written.
          next_step: what the error says to do; "" where it says nothing.
        """
        content = {
            "state": state,
            "error": error,
            "next_step": next_step,
            "component": component,
            "seconds": seconds,
            "states": states,
            "run_dir": str(self.folder),
        }
        if kept is not None:
            content["kept"] = str(kept)
        self._write(RESULT_FILE, json.dumps(content, indent=1))

    def _write(self, name: str, text: str) -> None:
        temporary = self.folder / f".{name}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.folder / name)


def new_folder(runs: Path) -> tuple[str, Path]:
    """A new folder that is named after this moment, for the records of a run or of an operation.

    Args:
      runs: the folder around it; made when it is not there.

    Returns:
      Its name, and the folder.

    Raises:
      OSError: it can't be made.
    """
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    runs.mkdir(parents=True, exist_ok=True)
    for attempt in range(1000):
        run_id = moment if not attempt else f"{moment}-{attempt}"
        with contextlib.suppress(FileExistsError):
            (runs / run_id).mkdir()
            return run_id, runs / run_id
    raise RuntimeError(f"{runs}: a thousand runs began in the second {moment}")


def _environment(loaded: LoadedConfig, selection: Selection) -> dict[str, Any]:
    commit, dirty = commit_of(loaded.base)
    return {
        "packages": {name: importlib.metadata.version(name) for name in KEY_PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git_commit": commit,
        "git_dirty": dirty,
        "seed": loaded.config.seed,
        "deterministic": loaded.config.deterministic,
        "config_file": str(loaded.path),
        "schema": _schema(loaded),
        "inputs": input_keys(loaded).to_json(),
        "command": sys.argv,
        "selection": asdict(selection),
        "overrides": [without_passwords(each) for each in loaded.overrides],
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
    holder_file = root / _HOLDER_FILE
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


def held_by(root: Path) -> str | None:
    """Which process holds the root, in words; None where none does. Nothing is taken over."""
    holder_file = root / _HOLDER_FILE
    # Who has the lock has written this file, or will in a moment. Without it the lock is not even tried: that would
    # keep it from somebody else meanwhile.
    if not holder_file.exists():
        return None
    lock = filelock.FileLock(root / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        return _describe(_read_holder(holder_file))
    lock.release()
    return None


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
