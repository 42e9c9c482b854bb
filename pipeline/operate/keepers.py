"""What stays besides runs: what is served, and what the next run would find, the champion and the baseline of drift.

The next run's own resolvers are asked, so that nothing of what they would find can be missed.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from tfx.dsl.components.common.resolver import RESOLVER_CONFIG, RESOLVER_STRATEGY_CLASS, Resolver
from tfx.types import standard_artifacts
from tfx.types.artifact_utils import deserialize_artifact
from tfx.types.channel import Channel

from components.pusher.versions import standing, versions
from pipeline.nodes.baseline import baseline, next_baselines, statistics_behind
from pipeline.nodes.champion import latest_blessed
from pipeline.nodes.pushes import made_from
from pipeline.nodes.wiring import BaselineKind
from pipeline.operate.retention import Keeper
from pipeline.operate.stored import StoredPipeline


def served(stored: StoredPipeline, bases: Iterable[str], newest: int) -> Iterator[Keeper]:
    """The newest models of each serving folder that rollbacks go to, where this pipeline pushed them.

    Args:
      stored: the pipeline.
      bases: serving folders, paths or URLs; those that a push went to are looked at besides.
      newest: how many of each, the served one included.

    Raises:
      UserError, OSError, tensorflow.errors.OpError: a serving folder can't be read. That is not the same as
        nothing served.
    """
    pushes = _pushes(stored)
    for base in _everywhere(bases, pushes):
        # A model is counted once, and one that was rolled back from never: a rollback goes to none of these.
        for version in islice(standing(versions(base)), newest):
            if version.path in pushes:
                yield Keeper(f"served version {version.path}", frozenset(pushes[version.path]))


def gone_back_to(store: Any, stored: StoredPipeline, bases: Iterable[str]) -> Iterator[Keeper]:
    """What a rollback to any version that is still there needs: its champion and its baseline of drift.

    These are the Model and the statistics of its data alone, which are small, without what they were made from.

    Args:
      store: the connection.
      stored, bases: see `served`.

    Raises:
      UserError, OSError, tensorflow.errors.OpError: as above.
    """
    pushes = _pushes(stored)
    types = {each.name: each for each in store.get_artifact_types()}
    known = _candidates(stored, types, standard_artifacts.ExampleStatistics.TYPE_NAME)
    for base in _everywhere(bases, pushes):
        for path in (each.path for each in versions(base) if each.complete and each.path in pushes):
            models = set[int]().union(*made_from(store, pushes[path], "model").values())
            measures = (statistics_behind(store, model, known) for model in models)
            statistics = {int(each.id) for each in measures if each is not None}
            yield Keeper(f"version {path}", frozenset(), frozenset(models | statistics))


def _pushes(stored: StoredPipeline) -> dict[str, list[int]]:
    """The PushedModels by the version that each pushed."""
    pushes: dict[str, list[int]] = {}
    for number, artifact in stored.artifacts.items():
        if destination := artifact.custom_properties["pushed_destination"].string_value:
            pushes.setdefault(destination.rstrip("/"), []).append(number)
    return pushes


def _everywhere(bases: Iterable[str], pushes: Mapping[str, list[int]]) -> list[str]:
    return list(dict.fromkeys([*(base.rstrip("/") for base in bases), *map(posixpath.dirname, pushes)]))


def found_next(store: Any, stored: StoredPipeline, kind: BaselineKind) -> Iterator[Keeper]:
    """What the next run's resolvers would find.

    Args:
      store: the connection.
      stored: the pipeline.
      kind: which baseline its configuration names.
    """
    types = {each.name: each for each in store.get_artifact_types()}
    if champion := _found(store, stored, types, latest_blessed()):
        yield Keeper("champion", champion)
    if kind == "previous_span":
        known = _candidates(stored, types, standard_artifacts.ExampleStatistics.TYPE_NAME)
        found = frozenset(int(each.id) for each in next_baselines(store, known))
    elif (node := baseline(kind, Channel(type=standard_artifacts.ExampleStatistics))) is not None:
        found = _found(store, stored, types, node)
    else:
        return
    if found:
        yield Keeper("baseline of drift", found)


def _found(store: Any, stored: StoredPipeline, types: Mapping[str, Any], node: Resolver) -> frozenset[int]:
    """The artifacts that a resolver would give to the next run."""
    choices = {name: _candidates(stored, types, channel.type_name) for name, channel in node.raw_inputs.items()}
    properties = node.exec_properties
    strategy = properties[RESOLVER_STRATEGY_CLASS](**properties[RESOLVER_CONFIG])
    resolved = strategy.resolve_artifacts(store, choices) or {}
    return frozenset(int(each.id) for artifacts in resolved.values() for each in artifacts)


def _candidates(stored: StoredPipeline, types: Mapping[str, Any], kind: str) -> list[Any]:
    """The artifacts of a type that TFX hands to a resolver: those that a node made, and that are live."""
    made = stored.makers
    return [
        deserialize_artifact(types[kind], artifact)
        for number, artifact in stored.live().items()
        if artifact.type == kind and number in made
    ]
