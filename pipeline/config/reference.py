"""The configuration reference in the documents, made from the JSON Schema so that the two can't drift apart.

`python -m pipeline.config.reference` writes it between the markers in docs/configuration.md.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.config.json_schema import KINDS, json_schema

PAGE = Path(__file__).parents[2] / "docs/configuration.md"
BEGIN, END = "<!-- configuration reference: made by `python -m pipeline.config.reference` -->", "<!-- end -->"

_BOUNDS = {"minimum": "≥ ", "exclusiveMinimum": "> ", "maximum": "≤ ", "exclusiveMaximum": "< "}


def render() -> str:
    """The reference as Markdown: one table per section, nested sections by their path."""
    schema = json_schema()
    required = schema["then"]
    lines = []
    for title, section, needed in _sections("", schema, required, schema["$defs"], set()):
        lines += [f"### {title}", "", *textwrap.wrap(section.get("description", "").split("\n")[0], 120), ""]
        lines += ["| field | values | default | |", "|---|---|---|---|"]
        for name, field in section["properties"].items():
            default = "required" if name in needed else _default(field)
            description = " ".join(field.get("description", "").split()).replace("|", "\\|")
            lines.append(f"| `{name}` | {_values(field)} | {default} | {description} |")
        lines.append("")
    return "\n".join(lines)


def update(page: str) -> str:
    """The page with the reference between its markers.

    Raises:
      ValueError: the markers are not there.
    """
    return between(page, BEGIN, render(), PAGE.name)


def between(page: str, begin: str, made: str, name: str) -> str:
    """A page with what was made between a marker and `END`.

    Raises:
      ValueError: the markers are not there.
    """
    before, found, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError(f"docs/{name}: expected the markers {begin!r} and {END!r}")
    return f"{before}{begin}\n\n{made}\n{END}{after}"


def rewrite(page: Path, text: str) -> None:
    """Replaces a page as a whole."""
    draft = page.with_name(f".{page.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(page)


def _sections(
    path: str,
    section: dict[str, Any],
    required: dict[str, Any],
    definitions: dict[str, Any],
    seen: set[str],
) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """Every section with its path and what it requires, outer ones first.

    The sections of a mapping's values, and one of several kinds, are left out where they are the same as some that are
    `seen`.
    """
    yield path or "pipeline.yaml", section, required.get("required", section.get("required", []))
    for name, field in section["properties"].items():
        needs = required.get("properties", {}).get(name, {})
        for position, branch in enumerate(branch for branch in _branches(field) if "$ref" in branch):
            reference = branch["$ref"].rpartition("/")[2]
            inner = definitions[reference]
            kinds = (inner.get("properties", {}).get(each, {}).get("const") for each in KINDS)
            kind = next((kind for kind in kinds if kind), None)
            again = reference in seen and (kind is not None or branch is field.get("additionalProperties"))
            if "properties" not in inner or again:
                continue
            seen.add(reference)
            title = ".".join(part for part in (path, name) if part)
            many = {"array": "[]", "object": ".*"}.get(field.get("type", ""), "")
            title += many or (f" (`{kind}`)" if kind else "")
            needed = needs["anyOf"][position] if "anyOf" in needs else needs
            yield from _sections(title, inner, needed, definitions, seen)


def _branches(field: dict[str, Any]) -> list[dict[str, Any]]:
    return [field, *field.get("anyOf", []), field.get("items", {}), _values_of_mapping(field)]


def _values_of_mapping(field: dict[str, Any]) -> dict[str, Any]:
    found = field.get("additionalProperties")
    return found if isinstance(found, dict) else {}


def _values(field: dict[str, Any]) -> str:
    """What a field takes, in a few words."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_values(branch) for branch in field["anyOf"]))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "prefixItems" in field:
        return "[" + ", ".join(_values(item) for item in field["prefixItems"]) + "]"
    if "$ref" in field:
        return "any" if field["$ref"].endswith("JsonValue") else "section"
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_values(field.get('items', {}))}"
    if kind == "object":
        return f"mapping to {_values(field['additionalProperties'])}" if "additionalProperties" in field else "section"
    bounds = " ".join(f"{sign}{field[key]}" for key, sign in _BOUNDS.items() if key in field)
    return f"{kind} {bounds}".strip()


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return ""
    default = field["default"]
    if default is None:
        return "none"
    text = json.dumps(default, ensure_ascii=False)
    # A section's default is the defaults of its fields, which have a table of their own.
    return "" if isinstance(default, dict) else f"`{re.sub(r'[|]', ' ', text)}`"


def main() -> None:
    """Rewrites the reference in docs/configuration.md."""
    rewrite(PAGE, update(PAGE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
