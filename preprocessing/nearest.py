"""The one "did you mean": which of the allowed names somebody meant, and which values are one written differently."""

import difflib
from collections.abc import Iterable, Mapping


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The allowed name that is spelled most like `name`, upper and lower case alike; "" when none is close."""
    by_lower = {candidate.lower(): candidate for candidate in allowed}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else ""


def alike(values: Mapping[str, float]) -> dict[str, list[str]]:
    """Values that differ only in blanks, case or a final point.

    Args:
      values: how often each occurs.

    Returns:
      The most frequent one of each group of several, with the others, the frequent ones first.

    >>> alike({"yes": 9, "Yes ": 2, "no": 5, "no.": 1, "maybe": 3})
    {'yes': ['Yes '], 'no': ['no.']}
    """
    groups: dict[str, list[str]] = {}
    for value in sorted(values, key=lambda value: (-values[value], value)):
        groups.setdefault(" ".join(value.casefold().rstrip(". \t\u00a0").split()), []).append(value)
    return {first: others for form, (first, *others) in groups.items() if form and others}
