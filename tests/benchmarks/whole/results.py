"""The results as one JSON file, to which each measurement is added as soon as it is there."""

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
FILE = ROOT / "tests" / "benchmarks" / "whole_run.json"
PRODUCT = ("pipeline", "components", "preprocessing", "models")
MEASURING = (
    *(f"tests/benchmarks/whole/{name}.py" for name in ("measuring", "process", "sides", "tables")),
    "tests/benchmarks/serving.py",
)
"""Of the benchmark's own files those that decide what is measured; how it is shown is not among them."""
PACKAGES = ("tfx", "tensorflow", "keras", "apache-beam", "tensorflow-transform", "tensorflow-model-analysis", "pyarrow")


class ResultsError(Exception):
    """The results on disk don't go with what is to be added."""


@dataclass(frozen=True)
class Key:
    """What was measured.

    Attributes:
      table: its name, or of a data set's own pipeline; "" for what reads none.
      what: `first`, `champion`, `cached`, `command`, `example`, `training` or `serving`.
      side: `stock`, `auto` or `beam`.
      detail: the command, or the batch; "" where there is one only.
      turn: from 0.
    """

    table: str
    what: str
    side: str
    detail: str = ""
    turn: int = 0


@dataclass(frozen=True)
class Measurement:
    """One measurement.

    Attributes:
      values: numbers by name: `wall_s`, `cpu_s`, `peak_mib`; or what `detail` is about.
      components: seconds of wall clock by component, for whole runs.
      code: a hash of Lockgate's source and of the benchmark's.
      commit: git's, with `-dirty` where files differ from it.
      date: of its end, UTC.
    """

    key: Key
    values: dict[str, float]
    code: str
    commit: str
    date: str
    components: dict[str, float] = field(default_factory=dict)


@dataclass
class Results:
    """All measurements of one machine.

    Attributes:
      machine: processor, cores, memory and versions; nothing that says whose machine it is.
      tables: what each table is: rows, columns, bytes, steps, batch.
    """

    machine: dict[str, Any]
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)

    def done(self, key: Key, code: str) -> Measurement | None:
        """The measurement, where it is there and of this code."""
        return next((each for each in self.measurements if each.key == key and each.code == code), None)

    def drop_older(self, table: str, what: str, code: str) -> int:
        """Takes away the measurements of one table and kind that are of other code: sides are compared in one session.

        Returns:
          How many they were.
        """
        kept = [
            each
            for each in self.measurements
            if (each.key.table, each.key.what) != (table, what) or each.code == code
        ]  # fmt: skip
        dropped = len(self.measurements) - len(kept)
        self.measurements = kept
        return dropped

    def add(self, measurement: Measurement, file: Path) -> None:
        """Adds a measurement, and writes all of them."""
        self.measurements.append(measurement)
        self.write(file)

    def write(self, file: Path) -> None:
        """Writes them; a kill leaves the file as it was before or after."""
        temporary = file.with_name(f".{file.name}")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        temporary.replace(file)

    @classmethod
    def read(cls, file: Path) -> "Results":
        """Reads what `write` wrote.

        Raises:
          OSError: there is no such file.
        """
        content = json.loads(file.read_text(encoding="utf-8"))
        measurements = [Measurement(**{**each, "key": Key(**each["key"])}) for each in content.pop("measurements")]
        return cls(**content, measurements=measurements)


def opened(file: Path) -> Results:
    """The results so far, to go on with; empty ones where there is no file yet.

    Raises:
      ResultsError: they are of another machine or of other versions.
    """
    here = machine()
    if not file.exists():
        return Results(here)
    results = Results.read(file)
    if results.machine != here:
        differing = [name for name in here if results.machine.get(name) != here[name]]
        raise ResultsError(
            f"{file.name}: of another machine or other versions ({', '.join(differing)} differ); only what was "
            "measured together can be compared: move it away, or name another file with --results"
        )
    return results


def machine() -> dict[str, Any]:
    """Processor, cores, memory in GiB, system and versions."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / (1 << 30)),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def code_hash(root: Path = ROOT) -> str:
    """A hash of the source that is measured, and of what measures it: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    files = [path for folder in (*PRODUCT, "tests/benchmarks/stock") for path in (root / folder).rglob("*.py")]
    for path in sorted((*files, *(path for path in map(root.joinpath, MEASURING) if path.exists()))):
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def commit(root: Path = ROOT) -> str:
    """Git's name of this commit, with `-dirty` where files differ from it; `unknown` without git."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude", "*"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
