"""The errors of a configuration's own rules: each carries its field, value and next step as data.

A validator raises `broken_rule(...)`, a text's pattern is declared by `matching`. Whoever explains the error reads
pydantic's `ctx`; nobody takes a sentence apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from preprocessing.errors import FieldPath, sentence
from preprocessing.nearest import nearest

BROKEN_RULE = "broken_rule"
"""Pydantic's type of an error that `broken_rule` made."""
MISMATCH = "mismatch"
"""Pydantic's type of the error of a text that does not match; its context has `expected`."""


def broken_rule(
    message: str = "",
    *,
    field: FieldPath = (),
    expected: str = "",
    received: object = None,
    allowed: tuple[str, ...] = (),
    meant: str = "",
    hint: str = "",
) -> PydanticCustomError:
    """The error for a validator to raise.

    Args:
      message: what is wrong, without the field and its value.
      field: the field that is wrong, below the section that is validated.
      expected: what it may be, to be read after "expected".
      received: its value, as plain data; None leaves it out: it is a secret, or the rule is about several fields.
      allowed: the names that it may be.
      meant: the name that was probably meant, where there are too many to list; of `allowed` it is found here.
      hint: the next step.

    Returns:
      An error whose context has all of these; `meant` is called `nearest` there.
    """
    close = meant or (nearest(received, allowed) if isinstance(received, str) else "")
    text = sentence(message, field=field, expected=expected, received=received)
    more = (f"did you mean {close}?" if close else "", f"allowed: {', '.join(allowed)}" if allowed else "", hint)
    context = {
        "message": message,
        "field": field,
        "expected": expected,
        "received": received,
        "allowed": allowed,
        "nearest": close,
        "hint": hint,
        # For whoever prints pydantic's own error. The last one: pydantic fills in braces key by key, and a user's
        # value may have some.
        "text": "; ".join((text, *(part for part in more if part))),
    }
    return PydanticCustomError(BROKEN_RULE, "{text}", context)


def check_named_once(names: Sequence[str], field: FieldPath) -> None:
    """Refuses a list that names something a second time.

    Args:
      names: the list.
      field: the list's, below the section that is validated.

    Raises:
      PydanticCustomError: a broken rule, of the second of the two.
    """
    seen = set[str]()
    for position, name in enumerate(names):
        if name in seen:
            raise broken_rule("each must be named once", field=(*field, position), received=name)
        seen.add(name)


@dataclass(frozen=True)
class _Matching:
    """Pydantic's constraint on a text, with an error that says in words what was expected."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        matched = core_schema.custom_error_schema(
            core_schema.str_schema(pattern=self.pattern),
            custom_error_type=MISMATCH,
            custom_error_message="expected {expected}",
            custom_error_context={"expected": self.expected},
        )
        return core_schema.chain_schema([handler(source), matched])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        if found.get("type") != "string":  # other types may stand there too; the text among them has its pattern
            return found
        return {**found, "pattern": self.pattern, "patternErrorMessage": f"must be {self.expected}"}


def matching(pattern: str, expected: str) -> Any:
    """The constraint that a text matches a pattern, with what to say where it does not.

    Args:
      pattern: a regular expression that Python and ECMAScript read alike.
      expected: what a user may write, as in "expected a number of cores such as 2". Stands in the JSON Schema as
        `patternErrorMessage`, which editors show too.
    """
    return _Matching(pattern, expected)
