"""The Flink operator's FlinkDeployment, v1beta1: its fields as far as deploy/beam needs them.

The list was written from the CustomResourceDefinition in the operator's repository, which is half a megabyte long.
Pods are held against Kubernetes' own models.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from support.kubernetes_objects import mistyped

Object = dict[str, Any]

_SPEC = {"image": str, "flinkVersion": str, "mode": str, "serviceAccount": str, "flinkConfiguration": dict}
_MANAGER = {"replicas": int, "resource": dict}
_RESOURCE = {"cpu": (int, float), "memory": str, "ephemeralStorage": str}


def wrong_fields(deployment: Object) -> list[str]:
    """The fields that the operator would refuse or ignore, by their path."""
    if (deployment["apiVersion"], deployment["kind"]) != ("flink.apache.org/v1beta1", "FlinkDeployment"):
        return ["kind"]
    return list(_spec(deployment["spec"]))


def pods(deployment: Object) -> dict[str, list[Object]]:
    """The pods that the operator makes, each as the specifications that it merges."""
    spec = deployment["spec"]
    shared = [spec["podTemplate"]["spec"]] if "podTemplate" in spec else []
    managers = {name: spec.get(name, {}).get("podTemplate", {}).get("spec") for name in ("jobManager", "taskManager")}
    return {name: [*shared, *([own] if own else [])] for name, own in managers.items()}


def _spec(spec: Object) -> Iterator[str]:
    for key, value in spec.items():
        if key == "podTemplate":
            yield from mistyped(value, "V1PodTemplateSpec", "spec.podTemplate")
        elif key in ("jobManager", "taskManager"):
            own = {name: each for name, each in value.items() if name != "podTemplate"}
            yield from _checked(own, _MANAGER, f"spec.{key}")
            yield from _checked(value.get("resource", {}), _RESOURCE, f"spec.{key}.resource")
            yield from mistyped(value.get("podTemplate", {}), "V1PodTemplateSpec", f"spec.{key}.podTemplate")
        else:
            yield from _checked({key: value}, _SPEC, "spec")


def _checked(value: Object, known: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, each in value.items():
        if key not in known:
            yield f"{path}.{key}"
        elif not isinstance(each, known[key]):
            yield f"{path}.{key}: {type(each).__name__}"
