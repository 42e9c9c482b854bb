"""Which runs of a root can be gone on with, and one of them made ready: its own configuration, what is left of it.

A run can be gone on with when it failed, when a gate refused it, or when it was interrupted or killed. Without a run's
name those newer than the last run that ended as it should (`pushed`, or `stopped` where `--to` said) are the
candidates; of several with the same configuration and selection the newest stands for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.loader import LoadedConfig, load, load_stored
from pipeline.config.problems import ConfigError, brief
from pipeline.results.changes import differing
from pipeline.results.listing import RunLine, listed_runs, read_json
from pipeline.results.runs import CONFIG_FILE, ENVIRONMENT_FILE, RESULT_FILE
from pipeline.results.store import stored_run
from pipeline.selection import Selection, components
from preprocessing.errors import UserError

_UNFINISHED = {each: each for each in ("failed", "interrupted", "refused", "killed")} | {"running": "killed"}
"""By the state in the list of runs; one that is running holds the root, and so the next step is refused."""
_DIFFERENCES_SHOWN = 5


@dataclass(frozen=True)
class Unfinished:
    """A run that can be gone on with.

    Attributes:
      folder: of the run.
      state: `failed`, `interrupted`, `refused` or `killed`.
      why: the error's first line or the gates that refused; "" where nobody knows.
      component: where it ended, as far as it is known.
      given: the options that it was given: what tells two runs of one file apart.
    """

    folder: Path
    state: str
    why: str
    component: str
    given: str = ""

    def line(self) -> str:
        """One line about it."""
        at = f" in {self.component}" if self.component else ""
        given = f" ({self.given})" if self.given else ""
        return f"{self.folder.name}{given}: {self.state}{at}{f': {self.why}' if self.why else ''}"


def unfinished(folder: Path) -> Unfinished:
    """A run that somebody named.

    Raises:
      UserError: it has ended as it should, or the folder is a copy somewhere else.
    """
    root = folder.parent.parent
    line = next((each for each in listed_runs(root) if root / "runs" / each.id == folder), None)
    if line is None:
        raise UserError(
            f"{folder}: a copy of a run's records, without the root that the run was made in",
            hint=f"name the run there: ROOT/runs/{folder.name}",
        )
    if line.state not in _UNFINISHED:
        raise UserError(
            f"run {line.id} is {line.state}: nothing is left to go on with",
            hint="lockgate run CONFIG begins a new run, and takes what it can from the cache",
        )
    return _unfinished(folder, line)


def candidates(root: Path) -> list[Unfinished]:
    """The runs that may be meant where none is named, newest first.

    Raises:
      UserError: there is none.
    """
    found: dict[str, Unfinished] = {}
    last = ""
    for line in listed_runs(root):
        if line.state not in _UNFINISHED:
            last = f"; the last one, {line.id}, is {line.state}"
            break
        folder = root / "runs" / line.id
        found.setdefault(_same(folder), _unfinished(folder, line))
    if not found:
        raise UserError(
            f"{root}: no run is unfinished{last}", hint="name an older run: lockgate runs ROOT lists them all"
        )
    return list(found.values())


def _same(folder: Path) -> str:
    """What two runs have in common that are the same attempt again."""
    content = (folder / CONFIG_FILE).read_bytes()
    asked = read_json(folder / ENVIRONMENT_FILE).get("selection", {})
    return f"{hashlib.sha256(content).hexdigest()} {asked.get('last')}"


def _unfinished(folder: Path, line: RunLine) -> Unfinished:
    state = _UNFINISHED[line.state]
    component = read_json(folder / RESULT_FILE).get("component") or ""
    if state == "killed":
        component = " and ".join(name for name, node in _nodes(folder).items() if node == "running")
    return Unfinished(folder, state, line.why, component, _given(read_json(folder / ENVIRONMENT_FILE)))


def _given(environment: dict[str, Any]) -> str:
    """The options of the command that made a run, as far as they are its configuration and selection."""
    asked = Selection(**environment.get("selection", {}))
    options = [f"--set {each}" for each in environment.get("overrides", ())]
    options += [f"{option} {name}" for option, name in (("--from", asked.first), ("--to", asked.last)) if name]
    flags = (("--no-cache", asked.use_cache), ("--no-push", asked.push))
    return " ".join([*options, *(flag for flag, off in flags if not off)])


def _nodes(folder: Path) -> dict[str, str]:
    return {name: node.state for name, node in stored_run(folder.parent.parent, folder.name).items()}


@dataclass(frozen=True)
class Ready:
    """A run made ready to go on.

    Attributes:
      loaded: the configuration that it stored.
      selection: what is left of what it was asked for.
      notes: what is to be known before it goes on.
    """

    loaded: LoadedConfig
    selection: Selection
    notes: tuple[str, ...]


def make_ready(run: Unfinished) -> Ready:
    """Reads what a run has stored.

    Raises:
      UserError: its pipeline.yaml, from whose folder its paths start, is gone, or it stored what is not valid any more.
    """
    environment = read_json(run.folder / ENVIRONMENT_FILE)
    path = Path(environment.get("config_file", ""))
    if not path.is_file():
        raise UserError(
            f"run {run.folder.name} was made from {path}, which is not there any more",
            hint="put it back; or run another configuration with --set root=ROOT: the cache is the root's",
        )
    overrides = environment.get("overrides", [])
    loaded = load_stored(run.folder / CONFIG_FILE, path, overrides)
    if loaded.root() != run.folder.parent.parent.resolve():
        raise UserError(
            f"run {run.folder.name} belongs to the root {loaded.root()}, and lies in {run.folder.parent.parent} now",
            hint="lockgate run CONFIG --set root=ROOT goes on in the folder that it lies in",
        )
    return Ready(loaded, _left(run, loaded, environment), tuple(_notes(path, overrides, loaded)))


def _left(run: Unfinished, loaded: LoadedConfig, environment: dict[str, Any]) -> Selection:
    """What was asked for; what was to run again, and did, comes from the cache now."""
    asked = Selection(**environment.get("selection", {}))
    if asked.first is None and asked.use_cache:
        return asked
    states = read_json(run.folder / RESULT_FILE).get("states") or _nodes(run.folder)
    names = components(loaded.config)
    left = [name for name in names if states.get(name) not in ("done", "cached", "skipped")]
    start = names.index(asked.first) if asked.first is not None else 0
    first = next((name for name in left if names.index(name) >= start), None)
    if asked.first is not None and any(names.index(name) < start for name in left):
        first = asked.first
    return Selection(first, asked.last, push=asked.push)


def _notes(path: Path, overrides: list[str], loaded: LoadedConfig) -> Iterator[str]:
    """How the file that the run was made from differs from what the run has stored."""
    try:
        now = load(path, overrides).config.resolved()
    except ConfigError:
        yield f"{path} is not valid now; this goes on with what the run has stored"
        return
    found = differing(loaded.config.resolved(), now)
    if found:
        shown = [f"{field}: {brief(old)} -> {brief(new)}" for field, (old, new) in found.items()]
        more = f" and {len(shown) - _DIFFERENCES_SHOWN} more" if len(shown) > _DIFFERENCES_SHOWN else ""
        yield (
            f"{path.name} has changed since ({'; '.join(shown[:_DIFFERENCES_SHOWN])}{more}); this goes on with what "
            f"the run has stored, lockgate run {path} takes the new one"
        )
