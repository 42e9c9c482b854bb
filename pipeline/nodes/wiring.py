"""What of the graph is one thing on this machine and another on a cluster: chosen once, in `pipeline.graph`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types.channel import BaseChannel

from components.trainer.tuning.config import TuneConfig
from pipeline.config.pipeline_config import PipelineConfig

BASELINE_KEY = "baseline_statistics"
"""The output that holds them, of whichever node finds them."""
BaselineKind = Literal["last_push", "previous_span", "none"]


@dataclass(frozen=True)
class Baseline:
    """What drift is measured against.

    Attributes:
      nodes: those that find it and nothing else.
      statistics: holds one ExampleStatistics, or none; None where drift is not measured.
    """

    nodes: list[BaseNode]
    statistics: BaseChannel | None


class Wiring(Protocol):
    """The nodes of one pipeline that depend on where it runs."""

    @property
    def metadata(self) -> metadata_store_pb2.ConnectionConfig | None:
        """Where the runner keeps its records; None leaves it to the runner, or to the cluster."""

    @property
    def champion(self) -> BaseNode:
        """The node "Champion", whose output `model` holds the last pushed model, or none."""

    def baseline(self, kind: BaselineKind, statistics: BaseChannel) -> Baseline:
        """Finds the statistics that those of this run are compared with.

        Args:
          kind: as the configuration has it.
          statistics: of this run's examples.
        """

    def data_stop(self, gate: BaseNode) -> BaseNode:
        """The node that the training waits for, so that a refusal of the data gate ends the run."""

    def tuner(self, tune: TuneConfig, **arguments: Any) -> list[BaseNode]:
        """Makes the node "Tuner", whose output `best_hyperparameters` the training takes, after those that it needs.

        Args:
          tune: the section.
          arguments: what every node of the search takes, see `components.trainer.tuning.component.Tuner`.
        """

    def trainer(self, *, custom_config: dict[str, Any], **arguments: Any) -> BaseNode:
        """Makes the node "Trainer", or, under another id, one that trains a fold of a cross-validation.

        Args:
          custom_config: what `run_fn` gets.
          arguments: the rest of what TFX's Trainer takes.
        """

    def pusher(
        self,
        *,
        model: BaseChannel,
        model_blessing: BaseChannel,
        infra_blessing: BaseChannel,
        statistics: BaseChannel,
        page: BaseChannel | None,
        told: Mapping[str, BaseChannel],
    ) -> BaseNode:
        """Makes the node "Pusher".

        Args:
          model: the candidate.
          model_blessing: the Evaluator's.
          infra_blessing: the smoke test's.
          statistics: of the examples that the candidate was trained on.
          page: of the run, where a step writes it.
          told: what else the version's manifest tells of: inputs of `pipeline.nodes.cluster_pusher.ToldPusherSpec`.
        """

    def page_job(self, config: PipelineConfig, before: Sequence[BaseNode]) -> str:
        """What the data gate is told about the run's page, see `components.run_page`; "" where the runner writes it.

        Args:
          config: of the pipeline.
          before: the nodes before the gate.
        """

    def report(
        self, config: PipelineConfig, before: Sequence[BaseNode], inputs: Mapping[str, BaseChannel | None]
    ) -> BaseNode | None:
        """Makes the node "Report" with an output `page`; None where the runner writes the page.

        Args:
          config: of the pipeline.
          before: the nodes before it.
          inputs: those of `pipeline.nodes.run_report.RunReportSpec`.
        """
