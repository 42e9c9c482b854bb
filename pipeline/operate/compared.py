"""One execution of a node beside an earlier one: which inputs, parameters, data and code differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.results.changes import ABSENT, Change, changes, differing
from pipeline.results.runs import CONFIG_FILE

if TYPE_CHECKING:
    from pipeline.results.executions import Execution, Executions, Value

_LOOKED_AT = 10
"""So many executions of a node at most, the newest ones."""
_IN_THE_KEY = ("beam", "beam_args")
"""Settings that are in the cache's key and not among the parameters that the metadata store keeps."""
_NOT_IN_THE_KEY = "beam.timeout_seconds"
"""The one of them that isn't: see `pipeline.config.beam_options.job_limit`."""


@dataclass(frozen=True)
class Later:
    """The later one of two executions.

    Attributes:
      pipeline: its name.
      node: its name.
      inputs: the ids of its artifacts, by name.
      properties: its parameters.
      config: its configuration, with every default.
      unknown: the names of the inputs that are still to be made.
      unfinished: whether it has failed, or was killed.
    """

    pipeline: str
    node: str
    inputs: Mapping[str, tuple[int, ...]]
    properties: Mapping[str, Value]
    config: Mapping[str, Any]
    unknown: frozenset[str] = frozenset()
    unfinished: bool = False


@dataclass(frozen=True)
class Difference:
    """An earlier execution, and what differs from it."""

    last: Execution
    changes: tuple[Change, ...]


class Compared:
    """Compares executions of one root."""

    def __init__(self, root: Path, known: Executions) -> None:
        """`known` are the executions of the root, or of a copy of its store."""
        self._root = root
        self._known = known

    def nearest(self, later: Later, before: int | None = None) -> Difference | None:
        """The earlier execution that made its outputs and from which the least differs; of equals the newest.

        Not simply the newest: after an edit that was taken back, that one would differ in the edit too.

        Args:
          later: an execution, or one that is still to come.
          before: only executions with a smaller id count.

        Returns:
          None where there is none.
        """
        found: Difference | None = None
        for last in itertools.islice(self._known.successes(later.pipeline, later.node, before), _LOOKED_AT):
            changes = tuple(self._changes(last, later))
            if found is None or len(changes) < len(found.changes):
                found = Difference(last, changes)
        return found

    def _changes(self, last: Execution, later: Later) -> list[Change]:
        before = stored_config(self._root, last.run)
        settings = differing(before, later.config) if before else {}
        properties = later.properties
        if later.unfinished:
            # What a driver found out is noted at the end only.
            properties = {name: value for name, value in last.properties.items() if name not in properties} | {
                **properties
            }
        found = [*self._inputs(last, later), *changes(last.properties, properties, settings)]
        if found:
            return found
        fields = [field for field in settings if field.partition(".")[0] in _IN_THE_KEY and field != _NOT_IN_THE_KEY]
        old, new = ({field: settings[field][which] for field in fields} for which in (0, 1))
        return changes(old, new, {})

    def _inputs(self, last: Execution, later: Later) -> Iterator[Change]:
        for name in sorted({*last.inputs, *later.inputs} - later.unknown):
            old, new = last.inputs.get(name, ()), later.inputs.get(name, ())
            if old != new:
                yield Change("input", name, self._named(old), self._named(new))

    def _named(self, artifacts: Iterable[int]) -> str:
        """The artifacts by who made them, and when."""
        makers = [self._known.origin_of_artifact(each) for each in artifacts]
        return " and ".join(f"{each.node}'s of run {each.run}" for each in makers) or ABSENT


def unusable(last: Execution) -> str:
    """Why the cache doesn't take an execution from which nothing differs."""
    for name, artifacts in last.outputs.items():
        for each in artifacts:
            if each in last.removed or not Path(last.uris[each]).exists():
                return f"its output {name} of run {last.run} is not there any more"
    return f"the cache has no key for what run {last.run} did: TFX, an executor or the record of an input has changed"


def stored_config(root: Path, run: str) -> dict[str, Any]:
    """The configuration that a run stored; empty where its folder is gone."""
    file = root / "runs" / run / CONFIG_FILE
    if not file.is_file():
        return {}
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}
