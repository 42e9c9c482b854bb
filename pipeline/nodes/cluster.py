"""The nodes of the graph that are others on a cluster, where no component can ask a metadata store."""

import json
import posixpath

from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import pusher_pb2
from tfx.types.channel import BaseChannel

from components.champion.component import ChampionLookup
from components.pusher.component import Pusher
from components.trainer.config import CHECKPOINTS_KEY
from pipeline.code.fingerprint import fingerprint
from pipeline.config.targets import REGISTRY_ENTRY, Cluster, KubeflowTarget, VertexTarget


def champion_lookup(target: Cluster, serving: str) -> ChampionLookup:
    """The component that finds the champion and the statistics that it was trained on.

    Args:
      target: says where it is looked up; a Vertex endpoint keeps none that could be copied.
      serving: the serving folder that is pushed to.
    """
    deployed = isinstance(target, VertexTarget) and target.endpoint is not None
    source = target.champion or ("" if deployed else serving)
    return ChampionLookup(
        source=source,
        **_google(target if isinstance(target, VertexTarget) and REGISTRY_ENTRY.fullmatch(source) else None),
        code_fingerprint=fingerprint(["components.champion.executor"]),
    ).with_id("Champion")


def checkpoints(pipeline: str, target: Cluster) -> dict[str, str]:
    """What the Trainer is told of the place for its state, where its own disk does not outlive it.

    On Vertex the place is beside the outputs, whose URL the Trainer sees; Kubeflow's launcher shows it folders.
    """
    if not isinstance(target, KubeflowTarget) or target.checkpoint_directory is None:
        return {}
    return {CHECKPOINTS_KEY: posixpath.join(target.checkpoint_directory, pipeline)}


def cluster_pusher(
    target: Cluster,
    serving: str,
    *,
    model: BaseChannel,
    model_blessing: BaseChannel,
    infra_blessing: BaseChannel,
    statistics: BaseChannel,
) -> BaseNode:
    """The node that pushes: into the serving folder with all that the next champion lookup needs, or to an endpoint.

    Args:
      target: may name an endpoint, or a model in the registry.
      serving: the serving folder.
      model: the candidate.
      model_blessing: the Evaluator's.
      infra_blessing: the smoke test's.
      statistics: of the examples that the candidate was trained on.
    """
    if isinstance(target, VertexTarget) and target.endpoint is not None:
        from pipeline.nodes.vertex import vertex_pusher

        return vertex_pusher(target, model=model, model_blessing=model_blessing, infra_blessing=infra_blessing)
    registry = ""
    if isinstance(target, VertexTarget) and target.registry is not None:
        registry = json.dumps(target.registry.model_dump(mode="json") | _google(target), sort_keys=True)
    return Pusher(
        model=model,
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        statistics=statistics,
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving)
        ),
        registry=registry,
        code_fingerprint=fingerprint(["components.pusher.executor"]),
    )


def _google(target: VertexTarget | None) -> dict[str, str]:
    if target is None:
        return {"project": "", "region": "", "api_endpoint": ""}
    return {"project": target.project, "region": target.region, "api_endpoint": target.api_endpoint or ""}
