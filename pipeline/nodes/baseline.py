"""What drift is measured against: the statistics of the last push, or of the span before this one.

Found by lineage, not by run: an artifact that comes from the cache belongs to several runs.
"""

import logging
from collections.abc import Collection

import ml_metadata as mlmd
from tfx.dsl.components.common.resolver import Resolver, ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel

from pipeline.nodes.pushes import IN, OUT, events, made_from, newest_first, standing_pushes
from pipeline.nodes.wiring import BASELINE_KEY, BaselineKind

logger = logging.getLogger("lockgate")

_VERDICT_TYPE = "components.DataVerdict"

Artifacts = dict[str, list[Artifact]]


def baseline(kind: BaselineKind, statistics: BaseChannel) -> Resolver | None:
    """The node that finds the baseline.

    Args:
      kind: as the configuration has it.
      statistics: of this run's examples.

    Returns:
      A resolver with the output `baseline_statistics`, which holds one ExampleStatistics or none; None for `none`.
    """
    known = Channel(type=standard_artifacts.ExampleStatistics)
    match kind:
        case "last_push":
            pushed = Channel(type=standard_artifacts.PushedModel)
            node = Resolver(LastPushStrategy, pushed_model=pushed, **{BASELINE_KEY: known})
        case "previous_span":
            node = Resolver(PreviousSpanStrategy, statistics=statistics, **{BASELINE_KEY: known})
        case "none":
            return None
    return node.with_id("Baseline")


class LastPushStrategy(ResolverStrategy):
    """The statistics of the examples that the last pushed model was trained on."""

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: Artifacts) -> Artifacts:
        """Follows the pushed models back to their examples, the newest first; a rollback is a push of the old model.

        Args:
          store: knows the lineage.
          input_dict: every `pushed_model`, and every known ExampleStatistics as `baseline_statistics`.

        Returns:
          The push and the statistics; empty lists without one whose files are there.
        """
        known = input_dict[BASELINE_KEY]
        for pushed, model in standing_pushes(store, input_dict["pushed_model"]):
            if (found := statistics_behind(store, model, known)) is not None:
                return {"pushed_model": [pushed], BASELINE_KEY: [found]}
        return {name: [] for name in input_dict}


class PreviousSpanStrategy(ResolverStrategy):
    """The statistics of the newest span before this one that the data gate did not refuse."""

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: Artifacts) -> Artifacts:
        """Compares the spans of the examples.

        Of several statistics of one span (another version of the files) the newest count. A refused span is not
        a measure: the next good one would differ from it.

        Args:
          store: knows the lineage.
          input_dict: this run's `statistics`, and every known ExampleStatistics as `baseline_statistics`.

        Returns:
          The two keys of `input_dict`; empty lists where there is no earlier span whose files are there.
        """
        [current] = input_dict["statistics"]
        known = input_dict[BASELINE_KEY]
        spans = _spans(store, [current, *known])
        refused = _refused(store, [each.id for each in known])
        earlier = [each for each in known if spans[each.id] < spans[current.id] and each.id not in refused]
        for found in sorted(earlier, key=lambda each: (spans[each.id], int(each.id)), reverse=True):
            if _is_there(found):
                return {"statistics": [current], BASELINE_KEY: [found]}
        return {name: [] for name in input_dict}


def statistics_behind(store: mlmd.MetadataStore, model: int | None, known: list[Artifact]) -> Artifact | None:
    """The newest statistics on disk of the examples that a model was trained on; None where there are none.

    Args:
      store: knows the lineage.
      model: the Model's number; None where nobody knows it.
      known: every ExampleStatistics that is live.
    """
    examples_of = made_from(store, [each.id for each in known], "examples")
    examples = _raw_examples(store, model)
    statistics = newest_first(each for each in known if examples & examples_of[each.id])
    return next((each for each in statistics if _is_there(each)), None)


def next_baselines(store: mlmd.MetadataStore, known: list[Artifact]) -> list[Artifact]:
    """What `PreviousSpanStrategy` would find for a run of a new span, and for one of the newest span once more.

    Args:
      store: knows the lineage.
      known: every ExampleStatistics that is live.
    """
    spans = _spans(store, known)
    refused = _refused(store, [each.id for each in known])
    best: dict[int, Artifact] = {}
    for each in newest_first(known):
        if each.id not in refused and _is_there(each):
            best.setdefault(spans[each.id], each)
    return [best[span] for span in sorted(best, reverse=True)[:2]]


def _is_there(statistics: Artifact) -> bool:
    if fileio.exists(statistics.uri):
        return True
    logger.warning("baseline: the folder %s of statistics %d is gone", statistics.uri, statistics.id)
    return False


def _raw_examples(store: mlmd.MetadataStore, model: int | None) -> set[int]:
    """The examples at the beginning of the way to a model: those that were not made of other examples.

    Only its examples are followed: the champion and the schema have pasts of their own.
    """
    found = made_from(store, [model], "examples")[model] if model is not None else set[int]()
    while earlier := set[int]().union(*made_from(store, found, "examples").values()):
        found = earlier
    return found


def _spans(store: mlmd.MetadataStore, statistics: list[Artifact]) -> dict[int, int]:
    """The span of the examples behind each statistics; 0, as in TFX, where none was given."""
    examples_of = made_from(store, [each.id for each in statistics], "examples")
    ids = set[int]().union(*examples_of.values())
    # ExampleGen's driver leaves it as a custom property, which StatisticsGen does not pass on.
    spans = {
        each.id: max(each.custom_properties["span"].int_value, each.properties["span"].int_value)
        for each in store.get_artifacts_by_id(list(ids))
    }
    return {each: max((spans[example] for example in examples), default=0) for each, examples in examples_of.items()}


def _refused(store: mlmd.MetadataStore, statistics: Collection[int]) -> set[int]:
    """The statistics that the data gate's last verdict refused."""
    readers: dict[int, set[int]] = {}
    for event in events(store.get_events_by_artifact_ids, statistics, IN):
        if event.path.steps[0].key == "statistics":
            readers.setdefault(event.execution_id, set()).add(event.artifact_id)
    made = {event.artifact_id: event.execution_id for event in events(store.get_events_by_execution_ids, readers, OUT)}
    last: dict[int, bool] = {}
    for verdict in sorted(store.get_artifacts_by_id(list(made)), key=lambda each: int(each.id)):
        if verdict.type == _VERDICT_TYPE:
            for each in readers[made[verdict.id]]:
                last[each] = verdict.custom_properties["blessed"].int_value == 1
    return {each for each, blessed in last.items() if not blessed}
