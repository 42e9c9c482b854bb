"""KServe's InferenceService, v1beta1: its fields as far as deploy/serving needs them.

The list was written from the CustomResourceDefinition in KServe's repository, which is two megabytes long. Where it
differs from what the pod of a predictor takes, Kubernetes' own models are asked.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from support.kubernetes_objects import mistyped

Object = dict[str, Any]

_SPEC = {"predictor", "transformer", "explainer", "canary"}
_COMPONENT = {
    "canaryTrafficPercent": int,
    "minReplicas": int,
    "maxReplicas": int,
    "scaleTarget": int,
    "containerConcurrency": int,
    "timeout": int,
}
"""Of a predictor, beside the fields of a pod."""
_MODEL = {"protocolVersion": str, "runtime": str, "runtimeVersion": str, "storageUri": str}
"""Of its model, beside `modelFormat` and the fields of a container."""
_FORMAT = {"name": str, "version": str}


def wrong_fields(service: Object) -> list[str]:
    """The fields that KServe would refuse or ignore, by their path."""
    if (service["apiVersion"], service["kind"]) != ("serving.kserve.io/v1beta1", "InferenceService"):
        return ["kind"]
    found = [f"spec.{key}" for key in service["spec"] if key not in _SPEC]
    predictor = dict(service["spec"]["predictor"])
    model = dict(predictor.pop("model"))
    form = model.pop("modelFormat", {})
    found += [] if "name" in form else ["spec.predictor.model.modelFormat.name: missing"]
    return [
        *found,
        *_checked(predictor, _COMPONENT, "V1PodSpec", "spec.predictor"),
        *_checked(model, _MODEL, "V1Container", "spec.predictor.model"),
        *(
            f"spec.predictor.model.modelFormat.{key}"
            for key, value in form.items()
            if not _fits(value, _FORMAT.get(key))
        ),
    ]


def _checked(value: Object, own: Mapping[str, type], other: str, path: str) -> Iterator[str]:
    for key, each in value.items():
        if key in own and not _fits(each, own[key]):
            yield f"{path}.{key}: {type(each).__name__}, not {own[key].__name__}"
    rest = {key: each for key, each in value.items() if key not in own}
    yield from mistyped(rest, other, path)


def _fits(value: Any, kind: type | None) -> bool:
    return kind is not None and type(value) is kind
