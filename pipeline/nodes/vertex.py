"""TFX's Vertex Trainer and Pusher as nodes of the graph: training as a custom job, deployment to an endpoint.

Their modules import Google's SDK, which takes seconds: functions import them, so that other pipelines need not.
"""

from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.types.channel import BaseChannel

from pipeline.config.targets import VertexTarget

CustomConfig = dict[str, Any]


def vertex_trainer(target: VertexTarget, image: str, *, custom_config: CustomConfig, **trainer: Any) -> BaseNode:
    """The node "Trainer", whose step starts a custom job and waits for it.

    The job runs `python -m tfx.scripts.run_executor` of its image with TFX's own Trainer in it, so `run_fn` must be
    there under its dotted path; it gets the same `custom_config` as it would in a step.

    Args:
      target: its `trainer` is given; project, region, labels, service account, network and key are the job's too.
      image: of the Trainer's step; the job's, where `trainer.image` is left out.
      custom_config: what `run_fn` gets.
      trainer: everything else that TFX's Trainer takes.

    Raises:
      UserError: an accelerator that Vertex does not have.
    """
    from tfx.extensions.google_cloud_ai_platform import constants
    from tfx.extensions.google_cloud_ai_platform.trainer.component import Trainer
    from tfx.extensions.google_cloud_ai_platform.trainer.executor import TRAINING_ARGS_KEY

    job_config = {
        constants.ENABLE_VERTEX_KEY: True,
        constants.VERTEX_REGION_KEY: target.region,
        TRAINING_ARGS_KEY: {"project": target.project} | _custom_job(target, image),
    }
    return Trainer(**trainer, custom_config=custom_config | job_config)


def vertex_pusher(
    target: VertexTarget, *, model: BaseChannel, model_blessing: BaseChannel, infra_blessing: BaseChannel
) -> BaseNode:
    """The node "Pusher", which deploys a model that both gates blessed and gives it all of the endpoint's traffic.

    It uploads the model under a name of its own (`v` and the time), makes the endpoint where there is none, and
    leaves the models that were deployed before where they are, without traffic. The endpoint is a public one:
    `network` is not its business.

    Args:
      target: its `endpoint` is given; project, region, labels and service account are the deployment's too.
      model: the candidate.
      model_blessing: the Evaluator's.
      infra_blessing: the smoke test's.
    """
    from tfx.extensions.google_cloud_ai_platform import constants
    from tfx.extensions.google_cloud_ai_platform.pusher.component import Pusher

    if target.endpoint is None:
        raise ValueError("no targets.vertex.endpoint")
    deployment = {
        "project": target.project,
        "endpoint_name": target.endpoint.name,
        "machine_type": target.endpoint.machine_type,
        "min_replica_count": target.endpoint.min_replicas,
        "max_replica_count": target.endpoint.max_replicas,
        "labels": target.labels,
    }
    if target.service_account is not None:
        deployment["service_account"] = target.service_account
    return Pusher(
        model=model,
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        custom_config={
            constants.ENABLE_VERTEX_KEY: True,
            constants.VERTEX_REGION_KEY: target.region,
            constants.VERTEX_CONTAINER_IMAGE_URI_KEY: target.endpoint.serving_image,
            constants.SERVING_ARGS_KEY: deployment,
        },
    )


def _custom_job(target: VertexTarget, image: str) -> dict[str, Any]:
    """Vertex's CustomJob, but for the command, which TFX puts in."""
    trainer = target.trainer
    if trainer is None:
        raise ValueError("no targets.vertex.trainer")
    machine: dict[str, Any] = {"machine_type": trainer.machine_type}
    if trainer.accelerator is not None:
        machine |= {"accelerator_type": trainer.accelerator.type, "accelerator_count": trainer.accelerator.count}
    # The first pool has the chief, which exports, and may have one machine only.
    pools = [1, trainer.replicas - 1] if trainer.replicas > 1 else [1]
    spec: dict[str, Any] = {
        "worker_pool_specs": [
            {
                "machine_spec": dict(machine),
                "replica_count": count,
                "container_spec": {"image_uri": trainer.image or image},
                "disk_spec": {"boot_disk_size_gb": trainer.boot_disk_gb},
            }
            for count in pools
        ],
        "scheduling": {"timeout": {"seconds": trainer.timeout_seconds}},
    }
    if target.service_account is not None:
        spec["service_account"] = target.service_account
    if target.network is not None:
        spec["network"] = target.network
    job: dict[str, Any] = {"job_spec": spec, "labels": target.labels}
    if target.encryption_key is not None:
        job["encryption_spec"] = {"kms_key_name": target.encryption_key}
    return job
