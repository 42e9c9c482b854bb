"""Placeholders in a path for the number or date of a span and for its version."""

import re
from collections.abc import Sequence
from datetime import date

from preprocessing.errors import FieldPath
from preprocessing.rules import broken_rule

PLACEHOLDER = re.compile(r"\{(?P<number>SPAN|VERSION)(?::(?P<width>[1-9]\d*))?\}|\{(?P<date>DATE|YYYY|MM|DD)\}")
"""TFX's own (`{SPAN}`, `{SPAN:4}`, `{YYYY}`...), and `{DATE}` for `2013-10-01` or `20131001`."""
_DATES: tuple[tuple[str, ...], ...] = (("DATE",), ("DD", "MM", "YYYY"))
_EPOCH = date(1970, 1, 1)


def placeholders(source: str) -> tuple[str, ...]:
    """The names of the placeholders in a path, in order: SPAN, VERSION, DATE, YYYY, MM, DD."""
    return tuple(match["number"] or match["date"] for match in PLACEHOLDER.finditer(source))


def check_placeholders(field: FieldPath, source: str) -> None:
    """Refuses a path whose placeholders don't say which span a file belongs to.

    Args:
      field: the field that has the path, for the error.
      source: the path.

    Raises:
      ValueError: a broken rule (see `preprocessing.rules`).
    """
    used = placeholders(source)
    spans = tuple(sorted(name for name in used if name != "VERSION"))
    if re.search(r"\{[^{}/]*\}", PLACEHOLDER.sub("", source)):
        message = "only {SPAN}, {VERSION} and {DATE} have a meaning in braces"
        raise broken_rule(message, field=field, received=source)
    if spans and spans != ("SPAN",) and spans not in _DATES:
        expected = "one {SPAN}, one {DATE}, or one each of {YYYY}, {MM} and {DD}"
        raise broken_rule(field=field, expected=expected, received=_in_braces(used))
    if used.count("VERSION") > 1:
        raise broken_rule(field=field, expected="one {VERSION} only", received=_in_braces(used))
    if "VERSION" in used and not spans:
        message = "{VERSION} is the version of a span: {SPAN} or {DATE} must be there too"
        raise broken_rule(message, field=field, received=source)


def span_number(span: int | str) -> int:
    """A span as a number: of a date, the days since 1970-01-01, as TFX counts them.

    Raises:
      ValueError: the text is not a date.
    """
    return span if isinstance(span, int) else (date.fromisoformat(span) - _EPOCH).days


def span_text(span: int, names: Sequence[str]) -> str:
    """A span as the user knows it: its number, or its date where the path has a date.

    Args:
      span: the number.
      names: the path's placeholders.
    """
    return str(span) if "SPAN" in names or not names else date.fromordinal(_EPOCH.toordinal() + span).isoformat()


def _in_braces(names: Sequence[str]) -> str:
    return " ".join(f"{{{name}}}" for name in names)
