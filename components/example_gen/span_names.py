"""Placeholders in a path for the number or date of a span and for its version."""

import re
from collections.abc import Sequence
from datetime import date

PLACEHOLDER = re.compile(r"\{(?P<number>SPAN|VERSION)(?::(?P<width>[1-9]\d*))?\}|\{(?P<date>DATE|YYYY|MM|DD)\}")
"""TFX's own (`{SPAN}`, `{SPAN:4}`, `{YYYY}`...), and `{DATE}` for `2013-10-01` or `20131001`."""
_DATES: tuple[tuple[str, ...], ...] = (("DATE",), ("DD", "MM", "YYYY"))
_EPOCH = date(1970, 1, 1)


def placeholders(source: str) -> tuple[str, ...]:
    """The names of the placeholders in a path, in order: SPAN, VERSION, DATE, YYYY, MM, DD."""
    return tuple(match["number"] or match["date"] for match in PLACEHOLDER.finditer(source))


def misplaced(source: str) -> str:
    """Why the placeholders of a path don't say which span a file belongs to; empty when they do."""
    used = placeholders(source)
    spans = tuple(sorted(name for name in used if name != "VERSION"))
    if re.search(r"\{[^{}/]*\}", PLACEHOLDER.sub("", source)):
        return f"only {{SPAN}}, {{VERSION}} and {{DATE}} have a meaning in braces, received {source!r}"
    if spans and spans != ("SPAN",) and spans not in _DATES:
        return "expected one {SPAN}, one {DATE}, or one each of {YYYY}, {MM} and {DD}, received " + _in_braces(used)
    if used.count("VERSION") > 1:
        return "expected one {VERSION} only, received " + _in_braces(used)
    if "VERSION" in used and not spans:
        return "{VERSION} is the version of a span: {SPAN} or {DATE} must stand there too"
    return ""


def span_number(field: str, span: int | str) -> int:
    """A span as a number: of a date, the days since 1970-01-01, as TFX counts them.

    Raises:
      ValueError: with the field, when the text is no date.
    """
    if isinstance(span, int):
        return span
    try:
        return (date.fromisoformat(span) - _EPOCH).days
    except ValueError:
        raise ValueError(f"{field}: expected a number or a date as 2013-10-01, received {span!r}") from None


def span_text(span: int, names: Sequence[str]) -> str:
    """A span as the user knows it: its number, or its date where the path has a date.

    Args:
      span: the number.
      names: the path's placeholders.
    """
    return str(span) if "SPAN" in names or not names else date.fromordinal(_EPOCH.toordinal() + span).isoformat()


def _in_braces(names: Sequence[str]) -> str:
    return " ".join(f"{{{name}}}" for name in names)
