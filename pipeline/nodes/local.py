"""The nodes of the graph as they are on this machine, where resolvers ask a metadata store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.components.pusher.component import Pusher
from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import pusher_pb2
from tfx.types.channel import BaseChannel

from components import named_function
from components.pusher import executor as pusher_executor
from components.pusher.config import SigningConfig
from components.trainer.tuning.component import Tuner
from components.trainer.tuning.config import TuneConfig
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.nodes.baseline import baseline
from pipeline.nodes.champion import latest_blessed
from pipeline.nodes.wiring import BASELINE_KEY, Baseline, BaselineKind
from pipeline.selection import METADATA_FILE
from pipeline.store.opened import file_config

_PROVENANCE_FUNCTION = "pipeline.report.provenance.of_stored_run"
"""By its path, as it reads what lies above this layer."""


@dataclass(frozen=True)
class LocalWiring:
    """The `Wiring` of this machine.

    Attributes:
      root: the folder that holds everything that the pipeline writes.
      serving: the folder of the pushed versions, or its URL.
      signing: how versions are signed; None where they are not.
      in_file: whether the metadata store is a file of SQLite in the root.
    """

    root: Path | str
    serving: str
    signing: SigningConfig | None = None
    in_file: bool = True

    @property
    def metadata(self) -> metadata_store_pb2.ConnectionConfig | None:
        """SQLite's file; None for a database, which the runner opens: the graph has no password in it."""
        return file_config(Path(self.root) / METADATA_FILE, "create") if self.in_file else None

    @cached_property
    def champion(self) -> BaseNode:
        """A resolver: the model that was pushed last, or before the first push the newest that every gate blessed."""
        return latest_blessed()

    def baseline(self, kind: BaselineKind, statistics: BaseChannel) -> Baseline:
        """A resolver of its own."""
        resolver = baseline(kind, statistics)
        return Baseline([], None) if resolver is None else Baseline([resolver], resolver.outputs[BASELINE_KEY])

    def data_stop(self, gate: BaseNode) -> BaseNode:
        """The gate itself: the runner reads its verdict."""
        return gate

    def tuner(self, tune: TuneConfig, **arguments: Any) -> list[BaseNode]:  # noqa: ARG002 - the search reads it
        """One node, whose trials run in processes of its own."""
        return [Tuner(**arguments)]

    def trainer(self, **arguments: Any) -> BaseNode:
        """TFX's Trainer, as it is."""
        return Trainer(**arguments)

    def pusher(
        self,
        *,
        model: BaseChannel,
        model_blessing: BaseChannel,
        infra_blessing: BaseChannel,
        statistics: BaseChannel,  # noqa: ARG002 - the metadata store knows them
        page: BaseChannel | None,  # noqa: ARG002 - there is none
        told: Mapping[str, BaseChannel],  # noqa: ARG002 - the metadata store knows them too
    ) -> BaseNode:
        """TFX's Pusher with our executor."""
        return Pusher(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=self.serving)
            ),
            custom_executor_spec=ExecutorClassSpec(pusher_executor.Executor),
            custom_config={
                "provenance": named_function.job(_PROVENANCE_FUNCTION, {"root": str(self.root)}),
                "signing": self.signing.to_json() if self.signing else "",
            },
        )

    def page_job(self, config: PipelineConfig, before: Sequence[BaseNode]) -> str:  # noqa: ARG002 - see below
        """None: the page is written after the run, however that ended."""
        return ""

    def report(
        self,
        config: PipelineConfig,
        before: Sequence[BaseNode],
        inputs: Mapping[str, BaseChannel | None],
    ) -> None:
        """None, for the same reason."""
