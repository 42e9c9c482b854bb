"""CustomResourceDefinitions: the schema of a kind, and what it doesn't list."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

Object = dict[str, Any]

_OF_EVERY_KIND = ("apiVersion", "kind", "metadata")
"""What a definition needn't list."""


def problems(document: Object, definition: Path) -> list[str]:
    """What the schema of a CustomResourceDefinition says against an object: the first error, or fields it doesn't list.

    Kubernetes drops the latter without a word.
    """
    defined = yaml.load(definition.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    assert defined["spec"]["names"]["kind"] == document["kind"]
    group, _, version = document["apiVersion"].partition("/")
    assert defined["spec"]["group"] == group
    [schema] = [each["schema"]["openAPIV3Schema"] for each in defined["spec"]["versions"] if each["name"] == version]
    found = jsonschema.Draft202012Validator(schema).iter_errors(document)
    own = {key: value for key, value in document.items() if key not in _OF_EVERY_KIND}
    return [f"{each.json_path}: {each.message}" for each in found] + list(_unknown(own, schema, ""))


def _unknown(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, dict) and "properties" in schema:
        for key, each in value.items():
            if key in schema["properties"]:
                yield from _unknown(each, schema["properties"][key], f"{path}.{key}")
            elif not schema.get("x-kubernetes-preserve-unknown-fields"):
                yield f"{path}.{key}"
    elif isinstance(value, list) and "items" in schema:
        for number, each in enumerate(value):
            yield from _unknown(each, schema["items"], f"{path}[{number}]")
