"""What stays besides runs: what is served, and what the next run would find, the champion and the baseline of drift.

The next run's own resolvers are asked, so that nothing of what they would find can be missed.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tfx.dsl.components.common.resolver import RESOLVER_CONFIG, RESOLVER_STRATEGY_CLASS, Resolver
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.types.artifact_utils import deserialize_artifact
from tfx.types.channel import Channel

from components.artifacts.model import SAVED_MODEL
from pipeline.nodes.baseline import baseline, next_baselines
from pipeline.nodes.champion import latest_blessed
from pipeline.nodes.wiring import BaselineKind
from pipeline.operate.retention import Keeper
from pipeline.operate.stored import StoredPipeline


def served(stored: StoredPipeline, bases: Iterable[str], newest: int) -> Iterator[Keeper]:
    """The newest versions of each serving folder, where this pipeline pushed them.

    Args:
      stored: the pipeline.
      bases: serving folders, paths or URLs; those that a push went to are looked at besides.
      newest: how many versions of each.

    Raises:
      OSError, tensorflow.errors.OpError: a serving folder can't be read. That is not the same as nothing served.
    """
    pushes: dict[str, list[int]] = {}
    for number, artifact in stored.artifacts.items():
        if destination := artifact.custom_properties["pushed_destination"].string_value:
            pushes.setdefault(destination.rstrip("/"), []).append(number)
    everywhere = dict.fromkeys([*(base.rstrip("/") for base in bases), *map(posixpath.dirname, pushes)])
    for base in everywhere:
        for version in _versions(base)[:newest]:
            place = posixpath.join(base, version)
            if place in pushes:
                yield Keeper(f"served version {place}", frozenset(pushes[place]))


def _versions(base: str) -> list[str]:
    """The complete versions in a serving folder, the highest number first."""
    if "://" in base:
        names = [name.rstrip("/") for name in fileio.listdir(base)] if fileio.exists(base) else []
    else:
        # Not TensorFlow's file system, which takes a folder that may not be looked at for one that is not there.
        names = [each.name for each in Path(base).iterdir()] if Path(base).exists() else []
    numbers = sorted((name for name in names if name.isascii() and name.isdecimal()), key=int, reverse=True)
    return [each for each in numbers if fileio.exists(posixpath.join(base, each, SAVED_MODEL))]


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
