"""Tuning as TFX components: the whole search, and a part of it for the steps of a cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import json_utils

from components.trainer.tuning.config import MOST_PARALLEL
from components.trainer.tuning.executor import EARLIER, TRIALS_KEY, SearchExecutor, TrialsExecutor

_INPUTS = {
    standard_component_specs.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
    standard_component_specs.TRANSFORM_GRAPH_KEY: ChannelParameter(type=standard_artifacts.TransformGraph),
    **{
        EARLIER.format(worker): ChannelParameter(type=standard_artifacts.TunerResults, optional=True)
        for worker in range(MOST_PARALLEL)
    },
}


class TunerSpec(ComponentSpec):
    """What goes in and out of the search; the outputs are those of TFX's own Tuner."""

    PARAMETERS = {"custom_config": ExecutionParameter(type=str)}  # noqa: RUF012 - TFX reads plain class attributes
    INPUTS = _INPUTS
    OUTPUTS = {  # noqa: RUF012
        standard_component_specs.BEST_HYPERPARAMETERS_KEY: ChannelParameter(type=standard_artifacts.HyperParameters),
        standard_component_specs.TUNER_RESULTS_KEY: ChannelParameter(type=standard_artifacts.TunerResults),
    }


class TrialsSpec(ComponentSpec):
    """What goes in and out of a part of the search."""

    PARAMETERS = {  # noqa: RUF012
        "custom_config": ExecutionParameter(type=str),
        **{name: ExecutionParameter(type=int) for name in ("round", "worker", "workers")},
    }
    INPUTS = _INPUTS
    OUTPUTS = {TRIALS_KEY: ChannelParameter(type=standard_artifacts.TunerResults)}  # noqa: RUF012


class Tuner(BaseComponent):
    """Finds the best values: runs the trials, or picks among those that steps before it ran.

    Not a subclass of TFX's Tuner: that one's executor takes a tuner of KerasTuner, which has no TPE, and whose trials
    depend on which ends first.
    """

    SPEC_CLASS = TunerSpec
    EXECUTOR_SPEC = ExecutorClassSpec(SearchExecutor)
    CODE = ("components.trainer.tuning.executor", "components.trainer.tuning.worker")
    """What the results depend on beside the Trainer's code: these modules and what they import."""

    def __init__(
        self,
        *,
        examples: BaseChannel,
        transform_graph: BaseChannel,
        custom_config: Mapping[str, str],
        earlier: Sequence[BaseChannel] = (),
    ) -> None:
        """Wires the search.

        Args:
          examples: the transformed Examples.
          transform_graph: Transform's.
          custom_config: the Trainer's job, the search and a fingerprint of the code.
          earlier: the results of all of its trials, where other steps run them.
        """
        super().__init__(
            spec=TunerSpec(
                custom_config=json_utils.dumps(dict(custom_config)),
                **_channels(examples, transform_graph, earlier),
                best_hyperparameters=Channel(type=standard_artifacts.HyperParameters),
                tuner_results=Channel(type=standard_artifacts.TunerResults),
            )
        )


class Trials(BaseComponent):
    """Runs one worker's share of one round."""

    SPEC_CLASS = TrialsSpec
    EXECUTOR_SPEC = ExecutorClassSpec(TrialsExecutor)

    def __init__(
        self,
        *,
        examples: BaseChannel,
        transform_graph: BaseChannel,
        custom_config: Mapping[str, str],
        earlier: Sequence[BaseChannel],
        round_: int,
        worker: int,
        workers: int,
    ) -> None:
        """Wires a part of the search.

        Args:
          examples, transform_graph, custom_config: as for the search.
          earlier: the results of the round before, of all of its workers; they hold those of the rounds before it.
          round_: counted from 0.
          worker: which of the workers, counted from 0.
          workers: how many there are.
        """
        super().__init__(
            spec=TrialsSpec(
                custom_config=json_utils.dumps(dict(custom_config)),
                round=round_,
                worker=worker,
                workers=workers,
                **_channels(examples, transform_graph, earlier),
                trials=Channel(type=standard_artifacts.TunerResults),
            )
        )


def _channels(examples: BaseChannel, transform_graph: BaseChannel, earlier: Sequence[BaseChannel]) -> dict[str, Any]:
    """The inputs by name."""
    found = {
        standard_component_specs.EXAMPLES_KEY: examples,
        standard_component_specs.TRANSFORM_GRAPH_KEY: transform_graph,
    }
    return found | {EARLIER.format(position): channel for position, channel in enumerate(earlier)}
