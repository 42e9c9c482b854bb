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
      Of each group of several the one with the fewest blanks and points at its ends, of these the most frequent one;
      with the others.

    >>> alike({"yes": 9, "Yes ": 2, "no": 5, "no.": 1, "maybe": 3})
    {'yes': ['Yes '], 'no': ['no.']}
    """
    groups: dict[str, list[str]] = {}
    for value in sorted(values, key=lambda value: (len(value) - len(_bare(value)), -values[value], value)):
        groups.setdefault(" ".join(_bare(value).casefold().split()), []).append(value)
    return {first: others for form, (first, *others) in groups.items() if form and others}


def _bare(value: str) -> str:
    return value.strip().rstrip(". \t")
