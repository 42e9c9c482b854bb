"""One execution of a node beside an earlier one: which inputs, parameters, data and code differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.results.changes import ABSENT, Change, changes, differing
from pipeline.results.runs import CONFIG_FILE

if TYPE_CHECKING:
    from pipeline.results.executions import Execution, Executions, Value

_IN_THE_KEY = "beam_args"
"""A setting that is in the cache's key and not among the parameters that the metadata store keeps."""


class Compared:
    """Compares executions of one root."""

    def __init__(self, root: Path, known: Executions) -> None:
        """`known` are the executions of the root, or of a copy of its store."""
        self._root = root
        self._known = known

    def changes(
        self,
        last: Execution,
        inputs: Mapping[str, tuple[int, ...]],
        properties: Mapping[str, Value],
        config: Mapping[str, Any],
    ) -> list[Change]:
        """What differs from an earlier execution.

        Args:
          last: the earlier one.
          inputs: the ids of the artifacts of the later one, by name; those that are not known yet are left out.
          properties: its parameters.
          config: its configuration, with every default.
        """
        before = stored_config(self._root, last.run)
        settings = differing(before, config) if before else {}
        found = [*self._inputs(inputs, last.inputs), *changes(last.properties, properties, settings)]
        if not found and _IN_THE_KEY in settings:
            return changes({_IN_THE_KEY: before.get(_IN_THE_KEY)}, {_IN_THE_KEY: config.get(_IN_THE_KEY)}, {})
        return found

    def _inputs(self, now: Mapping[str, tuple[int, ...]], old: Mapping[str, tuple[int, ...]]) -> Iterator[Change]:
        for name, artifacts in sorted(now.items()):
            if artifacts != old.get(name, ()):
                yield Change("input", name, self._named(old.get(name, ())), self._named(artifacts))

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
