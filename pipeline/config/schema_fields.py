"""Which fields pipeline.yaml has, read from its JSON Schema: what error messages offer."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.config.yaml_tree import Node
from preprocessing.errors import FieldPath

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Location:
    """A field that pydantic found fault with.

    Attributes:
      field: its path as the user writes it.
      section: the schemas of the mapping or list that it belongs to.
      schemas: its own schemas, several where it may be of several types; none for an unknown field.
      union: the path of the first field on the way that may be of several types.
      branch: pydantic's name for the one of them that it tried.
    """

    field: FieldPath
    section: tuple[Schema, ...]
    schemas: tuple[Schema, ...]
    union: FieldPath | None
    branch: str

    def siblings(self) -> tuple[str, ...]:
        """The names that may stand in the field's section, in their documented order."""
        return tuple(dict.fromkeys(name for schema in self.section for name in schema.get("properties", {})))

    def keys(self) -> tuple[str, ...]:
        """The names that the section's mapping takes, where it takes some only."""
        return tuple(name for schema in self.section for name in schema.get("propertyNames", {}).get("enum", ()))

    def has_default(self) -> bool:
        """Whether the field may be left out."""
        return any("default" in schema.get("properties", {}).get(self.field[-1], {}) for schema in self.section)


class SchemaFields:
    """Looks up fields in a JSON Schema, along what the user wrote.

    A field may have several schemas (`anyOf`). Where a sub-field's constant or pattern says which of them the
    user's value follows, as `family` does for `model`, only that one counts.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def locate(self, loc: tuple[str | int, ...], tree: Node) -> Location:
        """Translates pydantic's location of an error, which also names the branch at each union."""
        section: list[Schema] = []
        schemas = self._branches([self._schema])
        path: FieldPath = ()
        union: tuple[FieldPath | None, str] = (None, "")
        chosen = False
        for key in loc:
            if len(schemas) > 1 and not chosen:
                schemas, chosen = _of_branch(schemas, str(key), tree.find(path)), True
                union = (path, str(key)) if union[0] is None else union
                continue
            path, section, chosen = (*path, key), schemas, False
            schemas = self._branches(_below(section, key))
        return Location(path, tuple(section), tuple(schemas), *union)

    def places(self, name: str, tree: Node) -> tuple[FieldPath, ...]:
        """The fields of this name in any section, lists aside."""
        return tuple(path for path in self._sections((), tree) if path[-1] == name)

    def at(self, field: FieldPath, tree: Node) -> list[Schema]:
        """The schemas of the field at this path; none when there is no such field."""
        schemas = self._branches([self._schema])
        for position, key in enumerate(field):
            schemas = self._branches(_below(_followed(schemas, tree.find(field[:position])), key))
        return _followed(schemas, tree.find(field))

    def _sections(self, field: FieldPath, tree: Node) -> Iterator[FieldPath]:
        for name in dict.fromkeys(name for schema in self.at(field, tree) for name in schema.get("properties", {})):
            yield (*field, name)
            yield from self._sections((*field, name), tree)

    def _branches(self, schemas: Iterable[Schema]) -> list[Schema]:
        """The schemas with their references and alternatives resolved, `null` left out."""
        found: list[Schema] = []
        for schema in schemas:
            if "$ref" in schema:
                found += self._branches([self._schema["$defs"][schema["$ref"].rpartition("/")[2]]])
            elif "anyOf" in schema:
                described = {"description": schema["description"]} if "description" in schema else {}
                found += [{**described, **branch} for branch in self._branches(schema["anyOf"])]
            elif schema.get("type") != "null":
                found.append(schema)
        return found


def allowed_values(schemas: Iterable[Schema]) -> tuple[str, ...]:
    """The constants that a field may be; without any, its range in words; without that, nothing."""
    ranges: list[str] = []
    values: list[Any] = []
    for schema in schemas:
        values += [schema["const"]] if "const" in schema else schema.get("enum", [])
        ranges += [text] if (text := _range(schema)) else []
    return tuple(str(value) for value in values) or tuple(ranges)


def documentation(schemas: Iterable[Schema]) -> tuple[str, ...]:
    """What the field's documentation says, if there is any."""
    return tuple(" ".join(schema["description"].split()) for schema in schemas if "description" in schema)


def _below(schemas: Iterable[Schema], key: str | int) -> Iterator[Schema]:
    for schema in schemas:
        if isinstance(key, int):
            fixed = schema.get("prefixItems", [])
            child = fixed[key] if key < len(fixed) else schema.get("items")
        else:
            child = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
        if isinstance(child, Mapping):
            yield child


def _of_branch(schemas: list[Schema], branch: str, node: Node | None) -> list[Schema]:
    """The schemas that pydantic's branch can be: by the constant that it is named after, else by the value."""
    named = [s for s in schemas if any(field.get("const") == branch for field in s.get("properties", {}).values())]
    return named or _followed(schemas, node)


def _followed(schemas: list[Schema], node: Node | None) -> list[Schema]:
    """The schemas that the value follows; all of them when it follows none."""
    return [schema for schema in schemas if node is None or not _contradicts(schema, node)] or schemas


def _contradicts(schema: Schema, node: Node) -> bool:
    """Whether a constant or a pattern of the schema's properties rules the value out, or a constant that it lacks."""
    for name, field in schema.get("properties", {}).items():
        child = node.child(name)
        if child is None and "const" in field and "default" not in field:
            return True
        if child is None or not isinstance(child.value, str):
            continue
        if field.get("const", child.value) != child.value or not re.search(field.get("pattern", ""), child.value):
            return True
    return False


def _range(schema: Schema) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return " and ".join(f"{word} {schema[key]}" for key, word in words.items() if key in schema)
