"""Pydantic's validation errors in the words of pipeline.yaml: file, line, field, what is allowed."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from components.example_gen.split_config import SPLIT_KINDS
from models.config import ENSEMBLE, FAMILIES
from pipeline.config.json_schema import json_schema
from pipeline.config.problems import Problem, brief
from pipeline.config.schema_fields import Location, SchemaFields, allowed_values, documentation
from pipeline.config.yaml_tree import Node
from preprocessing.errors import FieldPath, dotted, sentence
from preprocessing.nearest import nearest
from preprocessing.rules import BROKEN_RULE, MISMATCH
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
    MISMATCH: "{expected}",
}
"""What the field must be, by pydantic's error type; filled from the error's context."""

_Kind = tuple[str, str, str, tuple[str, ...], tuple[str, ...]]
_OWN_FAMILY = "a dotted path such as my_package.my_module.build_model"
_MEMBERS = tuple(each for each in FAMILIES if each != ENSEMBLE)
_KINDS: dict[FieldPath, _Kind] = {
    ("model",): ("family", "family and params", "unknown model family", FAMILIES, (_OWN_FAMILY,)),
    ("data", "split"): ("by", "by and what it needs", "unknown way to split", SPLIT_KINDS, ()),
}
"""What each section says of its kind: the field that names it, its form, the message, the kinds, and what else may
stand there."""
_FAMILY: _Kind = ("family", "family and params", "can't be a part of an ensemble", _MEMBERS, (_OWN_FAMILY,))
"""The same of a member of an ensemble, whose place has a number, and of its student."""

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
        location, name = self._fields.locate(error["loc"][:-1], self._tree), str(error["loc"][-2])
        if error["type"] != "literal_error":
            return self._at(location.field, f"its name must be {_expected(error)}", received=brief(name))
        allowed, close = location.keys(), nearest(name, location.keys())
        return self._at(location.field, "no such name", received=brief(name), allowed=allowed, nearest=close)

    def _problem(self, group: list[_Located]) -> Problem:
        location, error = group[0]
        if error["type"] == "extra_forbidden":
            return self._unknown_field(location, error["input"])
        if error["type"] == "missing":
            return self._missing(location)
        if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
            return self._unknown_kind(location.field)
        if error["type"] == BROKEN_RULE:
            return self._broken_rule(location.field, error["ctx"])
        if error["type"] not in _EXPECTED:
            return self._at(location.field, error["msg"], received=brief(error["input"]))
        return self._wrong_value(location, [error for _, error in group if error["type"] in _EXPECTED])

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
        field, form, message, names, more = _KINDS.get(section, _FAMILY)
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
        expected = list(dict.fromkeys(map(_expected, errors)))
        message = f"must be {either(expected)}"
        hint = ""
        if value is None and location.has_default():
            hint = "remove the line to take the default"
        elif errors[0]["type"] == "string_type":
            # What was written, and not what it means: `1e3` is 1000.0.
            node = self._tree.find(location.field)
            hint = f'quote it to make it text: "{node.text}"' if node is not None and node.text else ""
        allowed = tuple(text for text in allowed_values(location.schemas) if text not in expected)
        return self._at(
            location.field,
            message,
            received=brief(value),
            allowed=allowed,
            nearest=nearest(value, allowed) if isinstance(value, str) else "",
            hint=hint,
        )

    def _broken_rule(self, section: FieldPath, rule: Mapping[str, Any]) -> Problem:
        """A rule of our own models, see `preprocessing.rules`."""
        return self._at(
            (*section, *rule["field"]),
            sentence(rule["message"], expected=rule["expected"]),
            received="" if rule["received"] is None else brief(rule["received"]),
            allowed=rule["allowed"],
            nearest=rule["nearest"],
            hint=rule["hint"],
        )


def _expected(error: ErrorDetails) -> str:
    """What the value must be, to be read after "must be"."""
    context = error.get("ctx", {})
    numbers = {name: f"{value:g}" for name, value in context.items() if isinstance(value, float)}
    return _EXPECTED[error["type"]].format(**(context | numbers))


def _without_noise(located: list[_Located]) -> list[_Located]:
    """Drops the errors that only follow from others.

    Of a value that may be of several types pydantic reports how it fails each: the one that got deepest into the
    value is the one that the user had in mind. A list is also too short when its items are not valid.
    """
    branches: dict[FieldPath | None, set[str]] = defaultdict(set)
    depth: dict[FieldPath | None, int] = defaultdict(int)
    sections = set[FieldPath]()
    for location, _ in located:
        branches[location.union].add(location.branch)
        depth[location.union] = max(depth[location.union], len(location.field))
        sections.update(location.field[:end] for end in range(len(location.field)))
    return [
        (location, error)
        for location, error in located
        if (len(branches[location.union]) == 1 or len(location.field) == depth[location.union])
        and not (error["type"] == "too_short" and location.field in sections)
    ]
