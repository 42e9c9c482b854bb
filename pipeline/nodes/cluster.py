"""The nodes of the graph as they are on a cluster, where no component can ask a metadata store."""

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import pusher_pb2
from tfx.types.channel import BaseChannel
from tfx.types.channel_utils import get_individual_channels

from components import named_function
from components.champion.component import ChampionLookup
from components.data_gate.stop import DataStop
from components.pusher.config import SigningConfig
from components.run_page import page_job
from components.trainer.config import CHECKPOINTS_KEY
from components.trainer.tuning.component import Trials, Tuner
from components.trainer.tuning.config import TuneConfig
from components.trainer.tuning.executor import TRIALS_KEY
from pipeline.code.fingerprint import fingerprint
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.steps import trials_steps
from pipeline.config.targets import REGISTRY_ENTRY, Cluster, KubeflowTarget, VertexTarget
from pipeline.nodes.cluster_pusher import ToldPusher
from pipeline.nodes.run_report import RUN_NAME, RunReport
from pipeline.nodes.wiring import BASELINE_KEY, Baseline, BaselineKind

_PAGE_FUNCTION = "pipeline.report.on_cluster.write"
_PROVENANCE_FUNCTION = "pipeline.report.provenance.of_inputs"
"""Both by their paths, as they read what lies above this layer."""


@dataclass(frozen=True)
class ClusterWiring:
    """The `Wiring` of a cluster.

    Attributes:
      target: which one, and what is where on it.
      pipeline: the pipeline's name.
      serving: the serving folder that is pushed to, as the steps see it.
      signing: how versions are signed; None where they are not.
      commit: of the repository around the configuration; None outside one.
    """

    target: Cluster
    pipeline: str
    serving: str
    signing: SigningConfig | None = None
    commit: str | None = None

    @property
    def metadata(self) -> None:
        """The cluster has its own."""

    @cached_property
    def champion(self) -> BaseNode:
        """Looked up where the target says; it also finds the statistics that the champion was trained on."""
        return _champion_lookup(self.target, self.serving)

    def baseline(self, kind: BaselineKind, statistics: BaseChannel) -> Baseline:  # noqa: ARG002 - no span is looked up
        """The statistics of the last push, which lie beside the champion."""
        return Baseline([], None if kind == "none" else self.champion.outputs[BASELINE_KEY])

    def data_stop(self, gate: BaseNode) -> BaseNode:
        """A node that fails: the cluster's runners know failed and done only."""
        return DataStop(gate.outputs["verdict"])

    def tuner(self, tune: TuneConfig, **arguments: Any) -> list[BaseNode]:
        """A step for each worker of each round, and one that picks the best."""
        trials: list[BaseNode] = []
        before: list[BaseChannel] = []
        for round_, names in enumerate(trials_steps(tune)):
            steps = [
                Trials(**arguments, earlier=before, round_=round_, worker=worker, workers=len(names)).with_id(name)
                for worker, name in enumerate(names)
            ]
            trials += steps
            before = [step.outputs[TRIALS_KEY] for step in steps]
        return [*trials, Tuner(**arguments, earlier=before)]

    def trainer(self, *, custom_config: dict[str, Any], **arguments: Any) -> BaseNode:
        """TFX's Trainer in its own step, or as a custom job of Vertex."""
        target = self.target
        custom_config = custom_config | _checkpoints(self.pipeline, target)
        if isinstance(target, VertexTarget) and target.trainer is not None:
            from pipeline.nodes.vertex import vertex_trainer

            image = target.step("Trainer").image or target.image
            return vertex_trainer(target, image, custom_config=custom_config, **arguments)
        return Trainer(custom_config=custom_config, **arguments)

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
        """Pushes into the serving folder with all that the next lookup of the champion needs, or to an endpoint."""
        target = self.target
        if isinstance(target, VertexTarget) and target.endpoint is not None:
            from pipeline.nodes.vertex import vertex_pusher

            return vertex_pusher(target, model=model, model_blessing=model_blessing, infra_blessing=infra_blessing)
        registry = ""
        if isinstance(target, VertexTarget) and target.registry is not None:
            registry = json.dumps(target.registry.model_dump(mode="json") | _google(target), sort_keys=True)
        given = {"pipeline": self.pipeline, "image": target.image, "commit": self.commit}
        return ToldPusher(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            statistics=statistics,
            page=page,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=self.serving)
            ),
            registry=registry,
            provenance=named_function.job(_PROVENANCE_FUNCTION, given),
            signing=self.signing.to_json() if self.signing else "",
            run=RUN_NAME,
            code_fingerprint=fingerprint(ToldPusher.CODE),
            **told,
        ).with_id("Pusher")

    def page_job(self, config: PipelineConfig, before: Sequence[BaseNode]) -> str:
        """Only what the gate's own results depend on: an edit of anything else leaves them in the cache."""
        stated = {name: config.resolved()[name] for name in ("name", "data", "features", "data_gate")}
        return page_job(_PAGE_FUNCTION, self._told(stated, before))

    def report(
        self, config: PipelineConfig, before: Sequence[BaseNode], inputs: Mapping[str, BaseChannel | None]
    ) -> RunReport:
        """A step of its own before the push."""
        told = self._told(config.resolved(), before)
        told["graph"]["Pusher"] = ["Trainer", "Evaluator", "SmokeTest"]
        return RunReport(job=page_job(_PAGE_FUNCTION, told), **inputs).with_id("Report")

    def _told(self, stated: dict[str, Any], before: Sequence[BaseNode]) -> dict[str, Any]:
        """What the page shows of the run that is in no artifact."""
        name = "kubeflow" if isinstance(self.target, KubeflowTarget) else "vertex"
        return {"target": name, "image": self.target.image, "config": stated, "graph": _edges(before)}


def _edges(nodes: Sequence[BaseNode]) -> dict[str, list[str]]:
    """Each node with those that it waits for."""
    names = {node.id for node in nodes}
    found = {}
    for node in nodes:
        channels = [each for channel in node.inputs.values() for each in get_individual_channels(channel)]
        needs = {each.producer_component_id for each in channels} | {each.id for each in node.upstream_nodes}
        found[node.id] = sorted(name for name in needs if name in names)
    return found


def _champion_lookup(target: Cluster, serving: str) -> ChampionLookup:
    # A Vertex endpoint keeps no model that could be copied.
    deployed = isinstance(target, VertexTarget) and target.endpoint is not None
    source = target.champion or ("" if deployed else serving)
    return ChampionLookup(
        source=source,
        **_google(target if isinstance(target, VertexTarget) and REGISTRY_ENTRY.fullmatch(source) else None),
        code_fingerprint=fingerprint(ChampionLookup.CODE),
    ).with_id("Champion")


def _checkpoints(pipeline: str, target: Cluster) -> dict[str, str]:
    """What the Trainer is told of the place for its state, where its own disk does not outlive it.

    On Vertex the place is beside the outputs, whose URL the Trainer sees; Kubeflow's launcher shows it folders.
    """
    if not isinstance(target, KubeflowTarget) or target.checkpoint_directory is None:
        return {}
    return {CHECKPOINTS_KEY: posixpath.join(target.checkpoint_directory, pipeline)}


def _google(target: VertexTarget | None) -> dict[str, str]:
    if target is None:
        return {"project": "", "region": "", "api_endpoint": ""}
    return {"project": target.project, "region": target.region, "api_endpoint": target.api_endpoint or ""}
