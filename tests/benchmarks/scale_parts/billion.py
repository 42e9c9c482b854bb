"""What the measurements come to for a table that no machine here has: assumptions, costs, and what breaks first."""

import textwrap
from collections.abc import Callable

from .fit import Cluster, Points, as_fast_from, extrapolated, halves_at
from .results import Results
from .steps import CHECK, COMPONENTS, ON_BEAM

TARGET = 1_000_000_000
"""Rows."""
FROM_ROWS = 100_000
"""Tables of fewer rows say how long a component takes to begin, and nothing about how it grows."""
CLUSTERS = tuple(Cluster(workers) for workers in (16, 64, 256))
Find = Callable[[Results, str, str, str], Points]
"""The measurements along an axis, with an engine, of a component."""


def costs(results: Results, find: Find) -> dict[str, float]:
    """CPU seconds at `TARGET` rows by component: with `beam` of what an engine divides, with `auto` of the rest.

    A component with fewer than two measurements is left out. On a cluster nothing looks at the table before a run:
    ExampleGen has its workers do that, which is counted as what the look costs here.
    """
    found = _extrapolated(results, find, lambda name: "beam" if name in ON_BEAM else "auto")
    looked = find(results, "rows", "auto", CHECK)
    if "ExampleGen" in found and len(looked) > 1:
        found["ExampleGen"] += extrapolated(looked, TARGET)
    return found


def here(results: Results, find: Find) -> dict[str, float]:
    """The same with `auto` throughout: on one machine."""
    return _extrapolated(results, find, lambda _: "auto")


def _extrapolated(results: Results, find: Find, engine: Callable[[str], str]) -> dict[str, float]:
    found = {name: find(results, "rows", engine(name), name) for name in COMPONENTS}
    return {name: extrapolated(points, TARGET) for name, points in found.items() if len(points) > 1}


def first_to_break(found: dict[str, float], fast: dict[str, float]) -> list[str]:
    """In words: the step that more workers don't help, from how many workers on it decides, and how many are worth it.

    Args:
      found: CPU seconds by component, on a cluster.
      fast: the same on the fast path.
    """
    alone = {name: cost for name, cost in found.items() if name not in ON_BEAM}
    divided = {name: cost for name, cost in found.items() if name in ON_BEAM}
    if not alone or not divided:
        return []
    slowest, dearest = max(alone, key=lambda name: alone[name]), max(divided, key=lambda name: divided[name])
    workers = halves_at(found, ON_BEAM, CLUSTERS[0].efficiency)
    enough = as_fast_from(divided, fast, CLUSTERS[0].efficiency)
    text = (
        f"**{slowest}** breaks first: it works in one process, takes {alone[slowest] / 3600:,.1f} of the "
        f"{sum(alone.values()) / 3600:,.1f} hours that no worker helps with, and from {workers:,.0f} workers on these "
        f"hours are longer than all that is divided. Of that, **{dearest}** is the dearest: "
        f"{100 * divided[dearest] / sum(divided.values()):.0f} % of the CPU time. Fewer than {enough:,.0f} workers "
        "take longer over what is divided than one process on the fast path, as long as its disk holds the table."
    )
    return textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)
