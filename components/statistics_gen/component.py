"""StatisticsGen as a TFX component: the stock inputs and outputs, our executor, and a cache that sees its code."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ExecutionParameter

from components.engine import ENGINE_KEY, Engine
from components.statistics_gen.executor import Executor


class StatisticsGenSpec(standard_component_specs.StatisticsGenSpec):
    """The stock StatisticsGen's, the engine, and the fingerprint."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        **standard_component_specs.StatisticsGenSpec.PARAMETERS,
        ENGINE_KEY: ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }


class StatisticsGen(BaseBeamComponent):
    """Does what `tfx.components.StatisticsGen` does.

    Not a subclass of the stock component: that one's constructor makes a spec without engine and fingerprint.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
    CODE = ("components.statistics_gen.executor",)
    """What the results depend on: these modules and what they import."""

    def __init__(self, *, examples: BaseChannel, engine: Engine, code_fingerprint: str) -> None:
        """Wires StatisticsGen into a pipeline.

        Args:
          examples: the raw Examples.
          engine: who computes the statistics.
          code_fingerprint: a hash of this folder's code, so that the cache sees edits.
        """
        super().__init__(
            spec=StatisticsGenSpec(
                examples=examples,
                exclude_splits="[]",
                engine=engine,
                code_fingerprint=code_fingerprint,
                statistics=Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
