"""Why a component of a past run ran, or which execution it was taken from: from the metadata store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.operate.compared import Compared, Later, stored_config, unusable
from pipeline.results.changes import Change
from pipeline.results.listing import read_json
from pipeline.results.runs import ENVIRONMENT_FILE
from pipeline.selection import Selection
from pipeline.store.place import place_of
from preprocessing.errors import UserError
from preprocessing.nearest import nearest

if TYPE_CHECKING:
    from pipeline.results.executions import Execution, Executions

_GATE, _AFTER_THE_GATE = "DataGate", ("Folds", "Transform")
"""These wait for the gate, and read nothing of it."""
_RESOLVERS = ("Baseline", "Champion")


@dataclass(frozen=True)
class Why:
    """What one component did in one run.

    Attributes:
      run: the run's id.
      component: its name.
      state: `done`, `cached`, `failed`, `running` where the run was killed, or `skipped`.
      taken_from: of a cached one, the id of the run that made its outputs.
      compared_with: of one that ran, the id of the run of the nearest execution before; "" where there is none.
      reasons: why it ran, one sentence each, without the changes.
      changes: what differed from it.
    """

    run: str
    component: str
    state: str
    taken_from: str = ""
    compared_with: str = ""
    reasons: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    def line(self) -> str:
        """One line without the changes."""
        if self.state == "cached":
            what = f"cached: taken from run {self.taken_from}"
        else:
            since = f"; since run {self.compared_with}:" if self.changes else ""
            what = f"{self.state}: {'; '.join(self.reasons)}" if self.reasons else self.state
            what += since
        return f"{self.component} in run {self.run}: {what}"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def why_cached(folder: Path, component: str) -> Why:
    """Compares the execution of a component in a run with the nearest one before it.

    Args:
      folder: of the run, `<root>/runs/<id>`.
      component: its name in the graph.

    Raises:
      UserError: the run has no such component, or its root has no metadata store.
    """
    from pipeline.results.executions import Executions
    from pipeline.store.opened import opened

    root, run = folder.parent.parent, folder.name
    place = place_of(root)
    if not place.exists():
        raise UserError(f"{place.name()}: no such file", hint="give a run of a root that lockgate run has made")
    known = Executions(opened(place), place)
    executions, config = known.of_run(run), stored_config(root, run)
    execution = executions.get(component)
    if execution is None:
        return Why(run, component, "skipped", reasons=(_why_absent(folder, component, list(executions)),))
    if execution.state == "cached":
        return Why(run, component, "cached", taken_from=known.origin(execution).run)
    if component in _RESOLVERS:
        return Why(run, component, execution.state, reasons=("asks the metadata store in every run",))
    return _ran(known, execution, executions, config, folder)


def _ran(
    known: Executions,
    execution: Execution,
    executions: Mapping[str, Execution],
    config: dict[str, Any],
    folder: Path,
) -> Why:
    later = Later(
        str(config.get("name", "")),
        execution.node,
        execution.inputs,
        execution.properties,
        config,
        unfinished=execution.state != "done",
    )
    nearest = Compared(folder.parent.parent, known).nearest(later, before=execution.id)
    told = [reason] if (reason := _told(folder, execution.node, executions)) else []
    if nearest is None:
        reasons = ["nothing was in the cache", *told]
        return Why(folder.name, execution.node, execution.state, reasons=tuple(reasons))
    reasons = told or ([] if nearest.changes else [unusable(nearest.last)])
    return Why(folder.name, execution.node, execution.state, "", nearest.last.run, tuple(reasons), nearest.changes)


def _told(folder: Path, component: str, executions: Mapping[str, Execution]) -> str:
    """Why it must not come from the cache."""
    asked = Selection(**read_json(folder / ENVIRONMENT_FILE).get("selection", {}))
    if component == "Pusher":
        return "always runs"
    if not asked.use_cache:
        return "--no-cache"
    if asked.first is None or component not in _below(asked.first, executions):
        return ""
    return f"the run was asked for --from {asked.first}"


def _below(first: str, executions: Mapping[str, Execution]) -> set[str]:
    """A node and those that depend on it, by what each has read in a run."""
    found, made = {first}, set[int]()
    for name, each in sorted(executions.items(), key=lambda item: item[1].id):
        if name == first or made & _numbers(each.inputs) or (name in _AFTER_THE_GATE and _GATE in found):
            found.add(name)
            made |= _numbers(each.outputs)
    return found


def _numbers(side: Mapping[str, Sequence[int]]) -> set[int]:
    return {number for listed in side.values() for number in listed}


def _why_absent(folder: Path, component: str, executed: list[str]) -> str:
    result = read_json(folder / "result.json")
    known = [*result.get("states", {}), *executed]
    if component not in known:
        close = nearest(component, known)
        raise UserError(
            f"run {folder.name} has no component {component!r}{f'; did you mean {close}?' if close else ''}",
            hint=f"name one of {', '.join(dict.fromkeys(known)) or 'none: it ended before its first component'}",
        )
    return "it was not asked for, or a gate had refused before it"
