"""The published JSON Schema of report.json: `python -m components.smoke_test.report_schema` writes it beside this."""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from components.smoke_test.report import Report

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


class _Generator(GenerateJsonSchema):
    """Pydantic's generator without the titles that repeat each field's name."""

    def field_title_should_be_set(self, schema: CoreSchema | Any) -> bool:  # noqa: ARG002 (pydantic's signature)
        return False


def json_schema() -> JsonSchemaValue:
    """The schema (draft 2020-12) of a report as this version writes it: every field is there."""
    schema = Report.model_json_schema(schema_generator=_Generator)
    for section in (schema, *schema["$defs"].values()):
        section["required"] = list(section["properties"])
        for field in section["properties"].values():
            field.pop("default", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:lockgate:smoke-test-report:{Report.model_fields['version'].default}",
        **schema,
        "title": "Report of Lockgate's smoke test",
    }


def render() -> str:
    """The schema as the text of the committed file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes the committed schema."""
    draft = SCHEMA_FILE.with_suffix(".json.new")
    draft.write_text(render(), encoding="utf-8")
    draft.replace(SCHEMA_FILE)


if __name__ == "__main__":
    main()
