"""A run on one table, component by component, each in a fork of a process that has imported TFX."""

import importlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..whole.results import commit
from .process import ForkError, Meter, forked
from .results import Results, Step
from .table import Shape, write_config, write_table

CHECK = "Table check"
"""The look at the whole table before a run; no component, but it reads every row."""
COMPONENTS = (
    "ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "DataGate", "Transform", "Trainer", "Evaluator",
    "SmokeTest", "Pusher",
)  # fmt: skip
ON_BEAM = ("ExampleGen", "StatisticsGen", "Transform", "Evaluator")
"""What an engine divides among workers. ExampleGen is a Beam job with either engine."""
_IMPORTED = (
    "pipeline.graph", "pipeline.operate.prepared", "pipeline.preflight.table_check", "pipeline.runners.local",
    "components.evaluator.executor", "components.example_gen.executor", "components.trainer.export",
    "components.trainer.fit", "components.transform.executor", "tensorflow_data_validation",
)  # fmt: skip
"""What is imported once, before the forks: what is left in them is what a component does."""


def import_all() -> None:
    """Imports what all forks need."""
    from pipeline.code.fingerprint import fingerprint
    from pipeline.code.heavy_imports import uncollected

    with uncollected():
        for name in _IMPORTED:
            importlib.import_module(name)
    # Which modules each of ours imports, found once: a second for each graph that is built.
    fingerprint(_IMPORTED)


def components(engine: str) -> Sequence[str]:
    """What is measured with an engine: with `beam` as far as the last component whose work it changes."""
    return (CHECK, *COMPONENTS) if engine == "auto" else (CHECK, *COMPONENTS[: COMPONENTS.index("Evaluator") + 1])


class Session:
    """The measurements on one table with one engine.

    Args:
      work: a folder for tables, roots and logs. What it holds is used again, so that a session that was killed goes
        on where it stopped.
      results: gets each measurement.
      file: where they are written.
      quiet: whether nothing else works on the machine.
      limit_s: seconds that a component may take.
    """

    def __init__(self, work: Path, results: Results, file: Path, *, quiet: bool, limit_s: float) -> None:
        # Absolute: a configuration's paths start from its own folder.
        self._work, self._results, self._file = work.resolve(), results, file
        self._quiet, self._limit = quiet, limit_s

    def measure(self, shape: Shape, engine: str, say: Callable[[str], None]) -> None:
        """Measures every component that has not been yet, and leaves nothing of the run behind."""
        wanted = components(engine)
        if all(self._has(shape, engine, name) for name in wanted):
            return
        root = self._work / "roots" / f"{shape.name}-{engine}"
        root.mkdir(parents=True, exist_ok=True)
        table = forked(lambda: {"path": str(write_table(shape, self._work / "tables"))}, self._log(root), self._limit)
        config = write_config(shape, Path(table["path"]), root, engine)
        facts = root.with_suffix(".facts.json")
        for name in wanted:
            step = self._step(shape, engine, name, config, facts)
            if step is None:
                continue
            self._results.add(step, self._file)
            say(f"{shape.name:>14} {engine:5} {name:17} {step.cpu_s:8.1f} s {step.peak_mib:6.0f} MiB {step.failed}")
            if step.failed:
                return
        shutil.rmtree(root)

    def _step(self, shape: Shape, engine: str, name: str, config: Path, facts: Path) -> Step | None:
        """The measurement; None where it is there and the root has what the component made."""
        there = facts if name == CHECK else config.with_suffix("") / name
        if self._has(shape, engine, name) and there.exists():
            return None
        found: dict[str, Any] = dict.fromkeys(("cpu_s", "wall_s", "imported_mib", "peak_mib"), 0.0)
        failed = ""
        try:
            work = (lambda: _checked(config, facts)) if name == CHECK else (lambda: _launched(config, facts, name))
            found = forked(work, self._log(config.with_suffix("")), self._limit)
        except ForkError as error:
            failed = str(error)
        date = datetime.now(UTC).isoformat(timespec="seconds")
        where = (shape.rows, shape.columns, engine, name)
        return Step(*where, **found, failed=failed, quiet=self._quiet, commit=commit(), date=date)

    def _has(self, shape: Shape, engine: str, name: str) -> bool:
        return self._results.has(shape.rows, shape.columns, engine, name)

    def _log(self, root: Path) -> Path:
        return root.with_suffix(".log")


def _checked(config: Path, facts: Path) -> dict[str, float]:
    """Looks at the table, and keeps what a run needs to know of it."""
    from pipeline.config.loader import load
    from pipeline.preflight.table_check import check_table

    loaded, meter = load(config), Meter()
    meter.begin()
    found = check_table(loaded.config, loaded.base)
    took = meter.end()
    assert found is not None, "the table is a file"
    facts.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return took


def _launched(config: Path, facts: Path, name: str) -> dict[str, float]:
    """Runs one component, whether or not the cache has it; what comes before it is taken from there."""
    from pipeline.config.loader import load
    from pipeline.graph import build_pipeline
    from pipeline.operate.prepared import places
    from pipeline.preflight.table_check import TableFacts
    from pipeline.runners import launching, local
    from pipeline.selection import Selection

    loaded = load(config)
    known = TableFacts(**json.loads(facts.read_text(encoding="utf-8")))
    graph = build_pipeline(loaded.config, places(loaded, known))
    meter, took = Meter(), dict[str, float]()

    def listen(node: local.NodeResult) -> None:
        if node.name == name and node.state == "running":
            meter.begin()
        elif node.name == name and node.state == "done":
            took.update(meter.end())

    local.run(
        graph,
        f"{name}-{datetime.now(UTC).strftime('%H%M%S%f')}",
        Selection(first=name, last=name),
        listen,
        seed=loaded.config.seed,
        uncached=launching.UNCACHED,
        stops=launching.STOPS,
    )
    assert took, f"{name} was not executed: a gate before it refused"
    return took
