"""The JSON Schema of pipeline.yaml, for editors and for `lockgate schema`.

`python -m pipeline.config.json_schema` writes it beside this file.
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from pipeline.config.pipeline_config import PipelineConfig

SCHEMA_FILE = Path(__file__).with_name("schema.json")

KINDS = ("family", "by")
"""The fields that say which of several kinds a section is."""

_EXTENDS = {
    "type": "string",
    "minLength": 1,
    "description": "Another YAML file, relative to this one: this file states only what differs from it.",
}


class _Generator(GenerateJsonSchema):
    """Pydantic's generator without the titles that repeat each field's name."""

    def field_title_should_be_set(self, schema: CoreSchema | Any) -> bool:  # noqa: ARG002 (pydantic's signature)
        return False


def json_schema() -> JsonSchemaValue:
    """The schema (draft 2020-12) of one YAML file.

    A file that says `extends` may leave out what the other file states, so the fields that must be there are
    required of files without `extends` alone. Items of lists are complete in either, as lists replace lists.
    """
    schema = PipelineConfig.model_json_schema(schema_generator=_Generator)
    # The sections of the two kinds of file differ in what they require only: anyOf, since a `model:` that leaves
    # out the family, or a `split:` without `by`, fits them all.
    for field in (schema["properties"]["model"], schema["$defs"]["DataConfig"]["properties"]["split"]):
        field["anyOf"] = field.pop("oneOf")
    ensemble = schema["$defs"]["EnsembleParams"]["properties"]
    for field in (ensemble["members"]["items"], ensemble["student"]):
        field["anyOf"] = field.pop("oneOf")
    complete = _take_required(schema, schema["$defs"])
    schema["properties"] = {"extends": _EXTENDS, **schema["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:lockgate:pipeline:{PipelineConfig.model_fields['version'].default}",
        **schema,
        "title": "Lockgate pipeline.yaml",
        "if": {"not": {"required": ["extends"]}},
        "then": complete,
    }


def render() -> str:
    """The schema as the text of `schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _take_required(
    section: JsonSchemaValue, definitions: dict[str, JsonSchemaValue], known: dict[int, JsonSchemaValue] | None = None
) -> JsonSchemaValue:
    """Removes `required` from a section and from those inside it; returns it as a schema of its own.

    Args:
      section: changed in place.
      definitions: the sections by name.
      known: what was taken already, by section: one definition may stand in several places.
    """
    known = {} if known is None else known
    if id(section) in known:
        return known[id(section)]
    taken = known[id(section)] = {}
    if "required" in section:
        taken["required"] = section.pop("required")
    inner = {}
    for name, field in section.get("properties", {}).items():
        sections = [definitions[branch["$ref"].rpartition("/")[2]] for branch in branches(field) if "$ref" in branch]
        required = [_take_required(section, definitions, known) for section in sections]
        if len(sections) > 1 and any(required):
            inner[name] = {"anyOf": [_with_kind(*pair) for pair in zip(required, sections, strict=True)]}
        elif any(required):
            inner[name] = required[0]
    if inner:
        taken["properties"] = inner
    return taken


def branches(field: JsonSchemaValue) -> list[JsonSchemaValue]:
    """The field's schema itself and its alternatives."""
    return [field, *field.get("anyOf", [])]


def _with_kind(required: JsonSchemaValue, section: JsonSchemaValue) -> JsonSchemaValue:
    """What one of several kinds of a section requires, of sections of that kind only."""
    told = {name: field for name in KINDS if (field := section.get("properties", {}).get(name)) is not None}
    rule = {name: {key: field[key] for key in ("const", "pattern") if key in field} for name, field in told.items()}
    return {**required, "properties": {**required.get("properties", {}), **rule}}


def main() -> None:
    """Writes the committed schema."""
    draft = SCHEMA_FILE.with_suffix(".json.new")
    draft.write_text(render(), encoding="utf-8")
    draft.replace(SCHEMA_FILE)


if __name__ == "__main__":
    main()
