"""The one rule of what a clean-up keeps: what something needs that stays, with all that it was made from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.operate.stored import StoredPipeline


@dataclass(frozen=True)
class Keeper:
    """Something that stays, and what it needs.

    Attributes:
      name: what a person calls it: `run 20261130T003350Z`, `served version 7`, `champion`.
      needs: the artifacts, by number, that are kept with what they were made from.
      beside: those that are kept themselves, and not what they were made from.
    """

    name: str
    needs: frozenset[int]
    beside: frozenset[int] = frozenset()


def run_keeper(stored: StoredPipeline, run: str) -> Keeper:
    """A run that keeps its artifacts: all that its nodes read, made and found."""
    executions = stored.of_run(run)
    made = _union(stored.outputs, executions)
    found = _union(stored.found, executions) - made
    needs = (made | _union(stored.inputs, executions)) - found
    return Keeper(f"run {run}", frozenset(needs), frozenset(found))


def kept(stored: StoredPipeline, keepers: Sequence[Keeper]) -> dict[int, str]:
    """What stays of a pipeline's artifacts.

    An artifact is kept with what it was made from, back to the table; but not beyond what a run found that others had
    made, its champion and its baseline: these are kept, and have a past of their own, which would have no end. What one
    execution made stays together, or the cache would have to make it again.

    Args:
      stored: the pipeline.
      keepers: what stays, the most telling first.

    Returns:
      By the number of each artifact that stays, the name of the first keeper that needs it.
    """
    names: dict[int, str] = {}
    found_in = {run: run_keeper(stored, run).beside for run in set(stored.runs.values())}
    for keeper in keepers:
        followed = set[int]()
        beside = set(keeper.beside)
        waiting = list(keeper.needs)
        while waiting:
            artifact = waiting.pop()
            if artifact in followed:
                continue
            followed.add(artifact)
            maker = stored.makers.get(artifact)
            if maker is None:
                continue
            waiting += stored.outputs[maker]
            foreign = found_in.get(stored.runs.get(maker, ""), frozenset())
            read = stored.inputs.get(maker, set())
            beside |= read & foreign
            waiting += read - foreign
        for artifact in beside:
            followed |= {artifact, *stored.outputs.get(stored.makers.get(artifact, 0), ())}
        for artifact in followed:
            names.setdefault(artifact, keeper.name)
    return names


def _union(side: Mapping[int, set[int]], executions: Iterable[int]) -> set[int]:
    return set[int]().union(*(side.get(each, ()) for each in executions))
