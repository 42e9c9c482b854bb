"""The JSON Schema of pipeline.yaml, for editors and for `lockgate schema`.

`python -m pipeline.json_schema` writes it beside this file.
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from pipeline.config import PipelineConfig

SCHEMA_FILE = Path(__file__).with_name("schema.json")

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
    # out the family fits them all.
    schema["properties"]["model"]["anyOf"] = schema["properties"]["model"].pop("oneOf")
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


def _take_required(section: JsonSchemaValue, definitions: dict[str, JsonSchemaValue]) -> JsonSchemaValue:
    """Removes `required` from a section and from those inside it; returns it as a schema of its own."""
    taken: JsonSchemaValue = {}
    if "required" in section:
        taken["required"] = section.pop("required")
    inner = {}
    for name, field in section.get("properties", {}).items():
        for branch in [field, *field.get("anyOf", [])]:
            if "$ref" in branch:
                inner_required = _take_required(definitions[branch["$ref"].rpartition("/")[2]], definitions)
                if inner_required:
                    inner[name] = inner_required
    if inner:
        taken["properties"] = inner
    return taken


def main() -> None:
    """Writes the committed schema."""
    draft = SCHEMA_FILE.with_suffix(".json.new")
    draft.write_text(render(), encoding="utf-8")
    draft.replace(SCHEMA_FILE)


if __name__ == "__main__":
    main()
