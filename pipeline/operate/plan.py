"""What a run would do, before anything starts: which components come from the cache, which run, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import ConfigError
from pipeline.files.temporary import own_temporary_folder
from pipeline.operate.compared import Compared, Later, unusable
from pipeline.operate.foreseen import Push, foreseen
from pipeline.operate.prepared import places, table_seen
from pipeline.operate.pushing import to_record, unsettled
from pipeline.preflight.validate import problems
from pipeline.results.changes import Change
from pipeline.results.space import shortage
from pipeline.screen.console import Screen
from pipeline.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.results.executions import Executions
    from pipeline.runners.rehearsal import Rehearsed

StepState = Literal["cached", "runs", "skipped"]


@dataclass(frozen=True)
class Step:
    """One component of a plan.

    Attributes:
      name: of the component.
      state: `cached`, `runs` or `skipped`.
      reasons: why, one sentence each, without the changes.
      changes: what differs from the nearest of its last executions.
      run: the id of the run that this execution belongs to; "" where there is none.
      asks: whether it only asks the metadata store.
      refused: whether it is a gate that refused in that run and does so again, from the cache.
      withdrawn: the rollback for which the Pusher will refuse a model that is made already; "" for none.
      seconds: how long it took then; None where nobody knows, or where it doesn't run.
    """

    name: str
    state: StepState
    reasons: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    run: str = ""
    asks: bool = False
    refused: bool = False
    withdrawn: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Plan:
    """A run that has not begun.

    Attributes:
      config: the file.
      root: where it would write.
      steps: in the order of the graph.
      warning: what is to be known before it is begun, such as too little space; "" for nothing.
    """

    config: str
    root: str
    steps: tuple[Step, ...]
    warning: str = ""

    def working(self) -> list[Step]:
        """What runs and is more than a question to the metadata store."""
        return [step for step in self.steps if step.state == "runs" and not step.asks]

    def reused(self) -> list[Step]:
        """What comes from the cache."""
        return [step for step in self.steps if step.state == "cached"]

    def verdict(self) -> str:
        """What gates that refused, or a rollback, will do to the run; "" where none will."""
        refused = [step for step in self.steps if step.refused]
        if not refused:
            withdrawn = next((step.withdrawn for step in self.steps if step.withdrawn), "")
            return f"Pusher would refuse: {withdrawn}; nothing would be pushed" if withdrawn else ""
        if any(step.state == "skipped" and step.reasons for step in self.steps):
            return f"{refused[0].name} refused in run {refused[0].run}; the run would stop there again"
        names = " and ".join(step.name for step in refused)
        return f"{names} refused the same model in run {refused[0].run}; nothing would be pushed"

    def seconds(self) -> float | None:
        """About how long the run takes, by the last time of each component that runs; None where one never ran."""
        known = [step.seconds for step in self.working()]
        return None if None in known else round(sum(each for each in known if each is not None), 1)

    def line(self) -> str:
        """The plan in a sentence."""
        working, reused = self.working(), self.reused()
        takes = self.seconds()
        time = "" if takes is None or not working else f", about {takes:.0f} s"
        first = f", from {working[0].name} on" if working else ""
        return f"{len(working)} to run{first}{time}; {len(reused)} from the cache"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        first = next((step.name for step in self.working()), None)
        return asdict(self) | {
            "line": self.line(),
            "first": first,
            "verdict": self.verdict(),
            "seconds": self.seconds(),
        }


def make_plan(loaded: LoadedConfig, screen: Screen, selection: Selection) -> Plan:
    """Finds out what `pipeline.run.run_pipeline` would do. Writes nothing into the root and doesn't hold it.

    Args:
      loaded: the configuration.
      screen: where the preparations are shown.
      selection: which part of the graph is meant.

    Raises:
      UserError: a run would not begin either.
    """
    if found := problems(loaded):
        raise ConfigError(found)
    root = loaded.root()
    with own_temporary_folder() as folder, screen.captured(folder / "log.txt"):
        facts = table_seen(loaded, screen)
        with screen.during("plan"):
            from pipeline.graph import build_pipeline
            from pipeline.results.executions import Executions
            from pipeline.runners.rehearsal import copied_store, rehearse
            from pipeline.store.opened import of_file
            from pipeline.store.place import place_for

            graph = build_pipeline(loaded.config, places(loaded, facts))
            with copied_store(place_for(loaded)) as store:
                pipelines = Executions(of_file(store)).pipelines() if store.is_file() else []
                if store.is_file():
                    _record_killed(root, loaded.config.push.destination(root), store.parent)
                rehearsed = rehearse(graph, store, selection)
                reasons = _Reasons(loaded, Executions(of_file(store)), selection, pipelines)
                steps = tuple(reasons.step(node) for node in rehearsed)
    working = [step.name for step in steps if step.state == "runs" and not step.asks]
    warnings = (shortage(loaded, root, working), unsettled(root, loaded.config.push.destination(root)))
    return Plan(str(loaded.path), str(root), steps, "; ".join(filter(None, warnings)))


def _record_killed(root: Path, base: str, copy: Path) -> None:
    """Tells the copy of the store what the run will tell the store first, for the champion follows from it."""
    killed = to_record(root, base)
    if killed:
        from pipeline.operate.recorded import record

        for operation, node in killed:
            record(copy, operation, node)


class _Reasons:
    """Why each node does what it does, by comparison with its last executions."""

    def __init__(self, loaded: LoadedConfig, known: Executions, selection: Selection, pipelines: Sequence[str]) -> None:
        self._name = loaded.config.name
        self._config = loaded.config.resolved()
        self._base = loaded.config.push.destination(loaded.root())
        self._compared = Compared(loaded.root(), known)
        self._known = known
        self._selection = selection
        self._pipelines = pipelines

    def step(self, node: Rehearsed) -> Step:
        """One node's line of the plan."""
        if node.state == "skipped":
            return Step(node.name, "skipped", (f"{node.behind} refuses",) if node.behind else ())
        if node.asks:
            return Step(node.name, "runs", (self._asked(node),), asks=True)
        if node.state == "cached":
            origin = self._known.origin_of_artifact(next(iter(node.outputs.values()))[0].id)
            return Step(node.name, "cached", run=origin.run, refused=node.refuses())
        unknown = frozenset(node.waits_for)
        later = Later(self._name, node.name, node.inputs, node.properties, self._config, unknown)
        nearest = self._compared.nearest(later)
        reasons = list(self._told(node)) or list(_waits(node))
        push = self._push(node)
        if push.served:
            reasons.append(f"version {push.served} is this model already")
        if nearest is None:
            return Step(node.name, "runs", (self._never(node), *reasons), withdrawn=push.withdrawn)
        if not reasons and not nearest.changes:
            reasons.append(unusable(nearest.last))
        run, seconds = nearest.last.run, round(nearest.last.seconds, 1)
        return Step(
            node.name, "runs", tuple(reasons), nearest.changes, run=run, withdrawn=push.withdrawn, seconds=seconds
        )

    def _push(self, node: Rehearsed) -> Push:
        """What the Pusher will find; nothing for another node, or where its model is still to be made."""
        models = node.inputs.get("model", ()) if node.name == "Pusher" else ()
        if len(models) != 1:
            return Push()
        from tfx.utils import path_utils

        return foreseen(path_utils.serving_model_path(self._known.uri(models[0])), self._base)

    def _told(self, node: Rehearsed) -> Iterator[str]:
        """Why it must not come from the cache."""
        if not node.forced:
            return
        if not self._selection.use_cache:
            yield "--no-cache"
        elif self._selection.first is not None and node.name != "Pusher":
            yield f"--from {self._selection.first}"
        else:
            yield "always runs; it pushes what the gates accept and is not pushed yet"

    def _asked(self, node: Rehearsed) -> str:
        if node.waits_for:
            return f"asks the metadata store, after {' and '.join(sorted(set(node.waits_for.values())))}"
        found = {each.id: each for listed in node.outputs.values() for each in listed}
        if not found:
            return "asks the metadata store: found nothing"
        origin = self._known.origin_of_artifact(min(found))
        return f"asks the metadata store: found what run {origin.run} left"

    def _never(self, node: Rehearsed) -> str:
        """Why there is nothing to compare with."""
        from pipeline.runners.rehearsal import REHEARSAL

        for each in self._known.newest_first(self._name, node.name):
            if (run := self._known.whole(each).run) != REHEARSAL:
                return f"nothing in the cache: it did not finish in run {run}"
        if self._pipelines and self._name not in self._pipelines:
            return f"nothing in the cache for a pipeline named {self._name}; this root has runs of {self._pipelines[0]}"
        return "nothing in the cache"


def _waits(node: Rehearsed) -> Iterator[str]:
    """Which of the nodes before it run, and so make new inputs for it."""
    makers = sorted(set(node.waits_for.values()))
    if makers:
        yield f"{', '.join(makers)} run{'s' if len(makers) == 1 else ''} before it"
