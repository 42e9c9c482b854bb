"""What the configuration says of a step, in the words of the PipelineSpec and of Kubernetes."""

from typing import Any

from pipeline.config.quantity import quantity
from pipeline.config.steps import Accelerator, Retries, Step, Toleration
from pipeline.config.targets import KubeflowTarget, VertexTarget

Spec = dict[str, Any]

UNCACHED = frozenset({"Champion", "DataStop", "Report", "Pusher"})
"""They look at, change, or tell of, what no cache key holds."""
_FOR_EVER = "2592000s"
"""Kubeflow hands backoffMaxDuration to Argo as the deadline of all tries, counted from the first one's start; without
one there is no second try."""


def is_cached(component: str, target: KubeflowTarget | VertexTarget) -> bool:
    """Whether an earlier result of a component may be used again."""
    stated = target.step(component).cache
    if stated is not None:
        return stated
    # Kubeflow ignores the driver that looks at the files before the cache is asked: it would see no new data.
    return component not in UNCACHED and not (component == "ExampleGen" and isinstance(target, KubeflowTarget))


def retry_policy(component: str, step: Step, target: KubeflowTarget | VertexTarget) -> Spec | None:
    """The task's retryPolicy; a verdict does not change when it is asked again."""
    retries: Retries | None = step.retries
    if retries is None or retries.count == 0 or component == "DataStop":
        return None
    longest = _FOR_EVER if isinstance(target, KubeflowTarget) else f"{retries.max_backoff_seconds}s"
    return {
        "maxRetryCount": retries.count,
        "backoffDuration": f"{retries.backoff_seconds}s",
        "backoffFactor": float(retries.backoff_factor),
        "backoffMaxDuration": longest,
    }


def resources(step: Step, target: KubeflowTarget | VertexTarget) -> Spec | None:
    """The container's resources: as Kubernetes writes them, or for Vertex as numbers of cores and gigabytes."""
    found: Spec = {}
    kubernetes = isinstance(target, KubeflowTarget)
    if step.cpu is not None:
        found |= {"resourceCpuLimit": step.cpu} if kubernetes else {"cpuLimit": float(quantity(step.cpu))}
    if step.memory is not None:
        gigabytes = float(quantity(step.memory) / 10**9)
        found |= {"resourceMemoryLimit": step.memory} if kubernetes else {"memoryLimit": round(gigabytes, 6)}
    if step.accelerator is not None:
        found["accelerator"] = _accelerator(step.accelerator, kubernetes=kubernetes)
    return found or None


def _accelerator(accelerator: Accelerator, *, kubernetes: bool) -> Spec:
    if kubernetes:
        return {"resourceType": accelerator.type, "resourceCount": str(accelerator.count)}
    # int64 is a string in protobuf's JSON.
    return {"type": accelerator.type, "count": str(accelerator.count)}


def kubernetes_settings(component: str, target: KubeflowTarget) -> Spec:
    """One executor's KubernetesExecutorConfig, as kfp-kubernetes writes it: each name in its old and its new form."""
    step = target.step(component)
    found: Spec = {}
    if target.volumes:
        found["pvcMount"] = [
            {
                "constant": volume.claim,
                "pvcNameParameter": _constant(volume.claim),
                "mountPath": volume.mount_path,
                **({"subPath": volume.sub_path} if volume.sub_path else {}),
            }
            for volume in target.volumes
        ]
    secrets = [each for each in target.secrets if each.is_for(component)]
    if secrets:
        found["secretAsEnv"] = [
            {
                "secretName": each.secret,
                "secretNameParameter": _constant(each.secret),
                "keyToEnv": [{"envVar": name, "secretKey": key} for name, key in sorted(each.env.items())],
            }
            for each in secrets
        ]
    if target.image_pull_secrets:
        found["imagePullSecret"] = [
            {"secretName": name, "secretNameParameter": _constant(name)} for name in target.image_pull_secrets
        ]
    if target.labels:
        found["podMetadata"] = {"labels": dict(target.labels)}
    if step.node_selector:
        found["nodeSelector"] = {"labels": dict(step.node_selector)}
    if step.tolerations:
        found["tolerations"] = [_toleration(each) for each in step.tolerations]
    if step.timeout_seconds is not None:
        found["activeDeadlineSeconds"] = str(step.timeout_seconds)
    return found


def _constant(value: str) -> Spec:
    return {"runtimeValue": {"constant": value}}


def _toleration(toleration: Toleration) -> Spec:
    stated = {
        "key": toleration.key,
        "operator": toleration.operator,
        "value": toleration.value,
        "effect": toleration.effect,
        "tolerationSeconds": None if toleration.toleration_seconds is None else str(toleration.toleration_seconds),
    }
    return {name: value for name, value in stated.items() if value is not None}
