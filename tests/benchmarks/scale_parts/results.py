"""The results as one JSON file, to which each measurement is added as soon as it is there."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..whole.results import ROOT, machine

FILE = ROOT / "tests" / "benchmarks" / "scale.json"


class OtherMachineError(Exception):
    """The results on disk are of another machine or of other versions."""


@dataclass(frozen=True)
class Step:
    """One component on one table, in a process of its own.

    Attributes:
      rows, columns: of the table, the label counted.
      engine: `auto` or `beam`.
      component: its id in the graph, or `Table check`.
      cpu_s: user and system seconds, those of its own processes included.
      wall_s: seconds of wall clock.
      imported_mib: resident memory when it began: what it had imported.
      peak_mib: the most that it had, those of its own processes included.
      failed: why it has no numbers; "" where it has.
      quiet: whether nothing else worked on the machine; where not, `wall_s` is the longer for it.
      commit: git's, with `-dirty` where files differ from it.
      date: of its end, UTC.
    """

    rows: int
    columns: int
    engine: str
    component: str
    cpu_s: float
    wall_s: float
    imported_mib: float
    peak_mib: float
    failed: str
    quiet: bool
    commit: str
    date: str


@dataclass(frozen=True)
class Stream:
    """ExampleGen or StatisticsGen on generated rows, which were in no file.

    Attributes:
      component: `ExampleGen` or `StatisticsGen`.
      shards_mb: what ExampleGen wrote, in megabytes.

    The others are those of `Step`.
    """

    rows: int
    component: str
    cpu_s: float
    wall_s: float
    imported_mib: float
    peak_mib: float
    shards_mb: float
    quiet: bool
    commit: str
    date: str


@dataclass
class Results:
    """All measurements of one machine.

    Attributes:
      machine: processor, cores, memory and versions; nothing that says whose machine it is.
    """

    machine: dict[str, Any]
    steps: list[Step] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)

    def add(self, measured: Step | Stream, file: Path) -> None:
        """Adds a measurement in place of an older one of the same, and writes all of them."""
        if isinstance(measured, Step):
            self.steps = [each for each in self.steps if _key(each) != _key(measured)] + [measured]
        else:
            self.streams = [each for each in self.streams if _key(each) != _key(measured)] + [measured]
        temporary = file.with_name(f".{file.name}")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        temporary.replace(file)

    def has(self, rows: int, columns: int, engine: str, component: str) -> bool:
        """Whether a component was measured, and did not fail."""
        return any(_key(each) == (rows, columns, engine, component) and not each.failed for each in self.steps)

    @classmethod
    def read(cls, file: Path) -> "Results":
        """Reads what `add` wrote.

        Raises:
          OSError: there is no such file.
        """
        content = json.loads(file.read_text(encoding="utf-8"))
        steps = [Step(**each) for each in content["steps"]]
        return cls(content["machine"], steps, [Stream(**each) for each in content["streams"]])


def _key(each: Step | Stream) -> tuple[int | str, ...]:
    if isinstance(each, Step):
        return each.rows, each.columns, each.engine, each.component
    return each.rows, each.component


def opened(file: Path) -> Results:
    """The results so far, to go on with; empty ones where there is no file yet.

    Raises:
      OtherMachineError: they are of another machine or of other versions.
    """
    here = machine()
    if not file.exists():
        return Results(here)
    results = Results.read(file)
    if results.machine != here:
        differing = [name for name in here if results.machine.get(name) != here[name]]
        raise OtherMachineError(
            f"{file.name}: of another machine or other versions ({', '.join(differing)} differ): growth is that of one "
            "machine; move the file away, or name another one with --results"
        )
    return results
