"""Pydantic's validation errors in the words of pipeline.yaml: file, line, field, what is allowed."""

import re
from collections import defaultdict
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from components.example_gen.config import SPLIT_KINDS
from models.config import FAMILIES
from pipeline.config.json_schema import json_schema
from pipeline.config.problems import Problem, brief, nearest
from pipeline.config.schema_fields import Location, SchemaFields, allowed_values, documentation
from pipeline.config.yaml_tree import FieldPath, Node, dotted
from preprocessing.text import either

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "literal_error": "one of the allowed values",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "a list of at least {min_length} items",
    "too_long": "a list of at most {max_length} items",
    "string_too_short": "text that is not empty",
    "string_too_long": "text of at most {max_length} characters",
}
"""What the field must be, by pydantic's error type; filled from the error's context."""

_KINDS: dict[FieldPath, tuple[str, str, str, tuple[str, ...], tuple[str, ...]]] = {
    ("model",): (
        *("family", "family and params", "unknown model family"),
        *(FAMILIES, ("a dotted path such as my_package.my_module.build_model",)),
    ),
    ("data", "split"): ("by", "by and what it needs", "unknown way to split", SPLIT_KINDS, ()),
}
"""By section: the field that names its kind, its form, the message, the kinds, and what else may stand there."""

_KEY = "[key]"
"""What pydantic adds to the place of a mapping's name that it refuses."""
_Located = tuple[Location, ErrorDetails]


def explain(error: ValidationError, tree: Node) -> list[Problem]:
    """The problems behind a validation error, in the order of the files' lines.

    Args:
      error: raised by `PipelineConfig` for the plain data of `tree`.
      tree: what the user wrote.
    """
    explainer = _Explainer(tree, SchemaFields(json_schema()))
    problems = explainer.problems(error.errors(include_url=False))
    return sorted(problems, key=lambda problem: (str(problem.file or ""), problem.line or 0))


class _Explainer:
    def __init__(self, tree: Node, fields: SchemaFields) -> None:
        self._tree = tree
        self._fields = fields

    def problems(self, errors: list[ErrorDetails]) -> list[Problem]:
        keys = [error for error in errors if error["loc"][-1:] == (_KEY,)]
        located = [
            (self._fields.locate(error["loc"], self._tree), error) for error in errors if error["loc"][-1:] != (_KEY,)
        ]
        by_field: dict[FieldPath, list[_Located]] = defaultdict(list)
        for location, error in _without_noise(located):
            by_field[location.field].append((location, error))
        return [*map(self._wrong_name, keys), *(self._problem(group) for group in by_field.values())]

    def _wrong_name(self, error: ErrorDetails) -> Problem:
        """A name in a mapping that takes some names only."""
        field, name = tuple(error["loc"][:-1]), str(error["loc"][-2])
        if error["type"] != "literal_error":
            return self._at(field, f"its name must be {self._expected(error)}", received=brief(name))
        allowed = tuple(re.findall(r"'([^']*)'", error["ctx"]["expected"]))
        return self._at(field, "no such name", received=brief(name), allowed=allowed, nearest=nearest(name, allowed))

    def _problem(self, group: list[_Located]) -> Problem:
        location, error = group[0]
        if error["type"] == "extra_forbidden":
            return self._unknown_field(location, error["input"])
        if error["type"] == "missing":
            return self._missing(location)
        if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
            return self._unknown_kind(location.field)
        if error["type"] == "value_error":
            return self._broken_rule(location.field, str(error["ctx"]["error"]))
        return self._wrong_value(location, [error for _, error in group])

    def _expected(self, error: ErrorDetails) -> str:
        """What the value must be, to be read after "must be"."""
        context = error.get("ctx", {})
        if error["type"] == "string_pattern_mismatch":
            return self._fields.pattern_messages[context["pattern"]].removeprefix("must be ")
        template = _EXPECTED.get(error["type"])
        if template is None:
            return error["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        numbers = {name: f"{value:g}" for name, value in context.items() if isinstance(value, float)}
        return template.format(**(context | numbers))

    def _at(self, field: FieldPath, message: str, **details: Any) -> Problem:
        return self._tree.origin_of(field).problem(field, message, **details)

    def _unknown_field(self, location: Location, received: Any) -> Problem:
        name, allowed = str(location.field[-1]), location.siblings()
        close = nearest(name, allowed)
        if not close:
            places = self._fields.places(name, self._tree)
            close = next((dotted(place) for place in places if place != location.field), "")
        return self._at(location.field, "unknown field", received=brief(received), allowed=allowed, nearest=close)

    def _missing(self, location: Location) -> Problem:
        if isinstance(location.field[-1], int):  # an item of a list of fixed length
            section = location.field[:-1]
            node = self._tree.find(section)
            received = brief(node.plain()) if node else ""
            return self._at(section, f"must have {location.field[-1] + 1} items", received=received)
        schemas = self._fields.at(location.field, self._tree)
        allowed = allowed_values(schemas) or documentation(schemas)
        return self._at(location.field, "required, but not given", allowed=allowed)

    def _unknown_kind(self, section: FieldPath) -> Problem:
        """A section whose `family`, or `by`, does not say which options it has."""
        field, form, message, names, more = _KINDS[section]
        node = self._tree.find((*section, field))
        if node is None:
            given = self._tree.find(section)
            return self._at(section, f"must be a mapping of {form}", received=brief(given.plain()) if given else "")
        value = node.plain()
        return self._at(
            (*section, field),
            message,
            received=brief(value),
            allowed=(*names, *more),
            nearest=nearest(value, names) if isinstance(value, str) else "",
        )

    def _wrong_value(self, location: Location, errors: list[ErrorDetails]) -> Problem:
        value = errors[0]["input"]
        expected = list(dict.fromkeys(self._expected(error) for error in errors))
        message = f"must be {either(expected)}"
        hint = ""
        if errors[0]["type"] == "string_type" and isinstance(value, bool | int | float):
            hint = f'quote it to make it text: "{brief(value)}"'
        elif value is None and location.has_default():
            hint = "remove the line to take the default"
        allowed = tuple(text for text in allowed_values(location.schemas) if text not in expected)
        return self._at(
            location.field,
            message,
            received=brief(value),
            allowed=allowed,
            nearest=nearest(value, allowed) if isinstance(value, str) else "",
            hint=hint,
        )

    def _broken_rule(self, field: FieldPath, message: str) -> Problem:
        """A rule of our own models: finds the field, and the value, that its message speaks of."""
        head, colon, rest = message.partition(": ")
        if colon and re.fullmatch(r"[a-z_]\w*(\.\w+)*", head):
            named = (*field, *head.split("."))
            if self._fields.at(named, self._tree):
                field, message = named, rest
        message, _, alternatives = message.partition("; allowed: ")
        allowed = tuple(name.strip(" '\"") for name in alternatives.strip("[]").split(",") if name.strip())
        quoted = re.search(r"'([^']*)'|\"([^\"]*)\"", message)
        if quoted is None:
            return self._at(field, message, allowed=allowed)
        value = quoted[1] or quoted[2]
        close = nearest(value, allowed)
        return self._at(self._stating(field, value), message, allowed=allowed, nearest=close)

    def _stating(self, field: FieldPath, value: str | None) -> FieldPath:
        """The path below `field` of the scalar that is this value.

        Of several, the last list item: the repeated one of two columns, the feature that is also the label.
        """
        node = self._tree.find(field)
        found = [path for path, scalar in node.scalars(field) if scalar == value] if node else []
        items = [path for path in found if isinstance(path[-1], int)]
        return (items or found or [field])[-1]


def _without_noise(located: list[_Located]) -> list[_Located]:
    """Drops the errors that only follow from others.

    Of a value that may be of several types pydantic reports how it fails each: the one that got deepest into the
    value is the one that the user had in mind. A list is also too short when its items are not valid.
    """
    branches: dict[FieldPath | None, set[str]] = defaultdict(set)
    depth: dict[FieldPath | None, int] = defaultdict(int)
    sections = set()
    for location, _ in located:
        branches[location.union].add(location.branch)
        depth[location.union] = max(depth[location.union], len(location.field))
        sections.add(location.field[:-1])
    return [
        (location, error)
        for location, error in located
        if (len(branches[location.union]) == 1 or len(location.field) == depth[location.union])
        and not (error["type"] == "too_short" and location.field in sections)
    ]
