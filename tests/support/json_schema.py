"""As much of JSON Schema (draft 2020-12) as our published schemas use; a keyword that is not known here is an error."""

from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_KNOWN = {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "anyOf", "$ref"}
_WORDS = {"title", "description", "$schema", "$id", "$defs"}


def mistakes(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None, place: str = "$") -> list[str]:
    """What in a value does not fit the schema, each as `$.path: reason`; none when it fits."""
    root = schema if root is None else root
    if unknown := set(schema) - _KNOWN - _WORDS:
        raise ValueError(f"{place}: keywords that this validator lacks: {unknown}")
    if "$ref" in schema:
        return mistakes(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, place)
    if "anyOf" in schema:
        fits = any(not mistakes(value, branch, root, place) for branch in schema["anyOf"])
        return [] if fits else [f"{place}: fits none of the alternatives: {value!r}"]
    if not isinstance(value, _TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        return [f"{place}: expected {schema['type']}, received {value!r}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return [f"{place}: not allowed: {value!r}"]
    found = [f"{place}: lacks {name}" for name in schema.get("required", []) if name not in value]
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += mistakes(item, schema["items"], root, f"{place}.{i}")
    if isinstance(value, dict):
        for name, item in value.items():
            more = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
            if more is False:
                found.append(f"{place}: unknown {name}")
            elif more is not True:
                found += mistakes(item, more, root, f"{place}.{name}")
    return found
