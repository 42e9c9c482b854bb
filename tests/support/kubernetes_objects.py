"""Kubernetes objects held against the models of its own Python client, and against its pod security standard."""

import re
from collections.abc import Iterator
from typing import Any

from kubernetes.client import models

Object = dict[str, Any]


def unknown_fields(document: Object) -> list[str]:
    """The fields that Kubernetes would refuse or ignore, by their path; the kind itself where it has none such."""
    kind = document["kind"]
    model = getattr(models, f"V1{kind}", None)
    return [kind] if model is None else list(_unknown(document, model, kind))


def _unknown(value: Any, model: Any, path: str) -> Iterator[str]:
    names = {external: internal for internal, external in model.attribute_map.items()}
    for key, each in value.items():
        if key not in names:
            yield f"{path}.{key}"
        else:
            yield from mistyped(each, model.openapi_types[names[key]], f"{path}.{key}")


def mistyped(value: Any, expected: str, path: str) -> Iterator[str]:
    """Where a value is not of a type of the client's, such as `list[V1Volume]`, by its path."""
    if inner := re.fullmatch(r"list\[(.+)\]", expected):
        if not isinstance(value, list):
            yield f"{path}: no list"
            return
        for number, each in enumerate(value):
            yield from mistyped(each, inner[1], f"{path}[{number}]")
    elif inner := re.fullmatch(r"dict\(str, (.+)\)", expected):
        if not isinstance(value, dict):
            yield f"{path}: no mapping"
            return
        for key, each in value.items():
            yield from mistyped(each, inner[1], f"{path}.{key}")
    elif expected.startswith("V1"):
        yield from _unknown(value, getattr(models, expected), path)
    elif expected in ("str", "int", "bool") and type(value).__name__ != expected:
        yield f"{path}: {type(value).__name__}, not {expected}"


def pod_specs(document: Object) -> Iterator[Object]:
    """The pod's specification in a Pod, Job, Deployment or StatefulSet."""
    if document["kind"] == "Pod":
        yield document["spec"]
    elif document["kind"] in ("Job", "Deployment", "StatefulSet"):
        yield document["spec"]["template"]["spec"]


def violations(pod: Object) -> list[str]:
    """What the level `restricted` of https://kubernetes.io/docs/concepts/security/pod-security-standards/ refuses."""
    found = []
    if not pod.get("securityContext", {}).get("runAsNonRoot"):
        found.append("runAsNonRoot")
    if pod.get("securityContext", {}).get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("seccompProfile")
    if pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}:
        found.append("host namespaces")
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret", "projected"}
    found += [f"volume {each['name']}" for each in pod.get("volumes", []) if not each.keys() & allowed]
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        context = container.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False:
            found.append(f"{container['name']}: allowPrivilegeEscalation")
        if context.get("capabilities", {}).get("drop") != ["ALL"]:
            found.append(f"{container['name']}: capabilities")
    return found
