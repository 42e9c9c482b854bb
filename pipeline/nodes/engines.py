"""Which engine each step gets: the one that `beam:` names, or none of Beam's for those that it leaves alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from tfx.dsl.components.base.base_node import BaseNode

from components.engine import Engine
from pipeline.config.beam import LocalStep, local_steps
from pipeline.config.beam_options import IN_MEMORY
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.targets import Cluster


@dataclass(frozen=True)
class StepEngines:
    """The engines of one graph.

    Attributes:
      wanted: what the configuration says of steps that work in their own process.
      others: the engine of all other steps.
      local: the steps that `beam:` leaves alone.
    """

    wanted: Engine
    others: Engine
    local: frozenset[str]

    @classmethod
    def of(cls, config: PipelineConfig, target: Cluster | None) -> Self:
        """What a configuration says, whose Beam options are the target's already where there is one."""
        return cls(config.engine, config.step_engine(), local_steps(config.beam if target is None else target.beam))

    def of_step(self, step: LocalStep) -> Engine:
        """The engine of one step."""
        return self.wanted if step in self.local else self.others

    def keep_local(self, nodes: Iterable[BaseNode]) -> None:
        """Gives the steps that are left alone Beam's in-process runner, for the work that has no fast path.

        Args:
          nodes: of a pipeline that has been made: TFX then puts its options before those of each node.
        """
        for node in nodes:
            if node.id in self.local:
                node.executor_spec.beam_pipeline_args = [f"--runner={IN_MEMORY}"]
