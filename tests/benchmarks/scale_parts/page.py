"""The numbers of docs/scale.md, made from the results: `scale.py --page`."""

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from ..whole.results import ROOT
from .billion import CLUSTERS, FROM_ROWS, TARGET, costs, first_to_break, here
from .fit import Points, fitted, per_unit, shares
from .results import Results, Step, Stream
from .steps import CHECK, COMPONENTS, ON_BEAM

PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- made from tests/benchmarks/scale.json: {} -->", "<!-- end -->"
NOT_MEASURED = "-"
COLUMNS, ROWS = 10, 10_000
"""How many columns the tables of different rows have, and how many rows those of different columns."""
_ENGINES = {"auto": "on the fast path", "beam": "with `engine: beam`, in one process"}


def write(results: Results, page: Path = PAGE) -> None:
    """Writes each block anew; what is around them stays."""
    text = page.read_text(encoding="utf-8")
    for name, make in BLOCKS.items():
        before, _, rest = text.partition(BEGIN.format(name))
        _, _, after = rest.partition(END)
        text = f"{before}{BEGIN.format(name)}\n\n{chr(10).join(make(results))}\n\n{END}{after}"
    page.write_text(text, encoding="utf-8")


def written(name: str, page: Path = PAGE) -> list[str]:
    """The lines of a block as the page has them."""
    _, _, rest = page.read_text(encoding="utf-8").partition(BEGIN.format(name))
    return rest.partition(END)[0].strip("\n").splitlines()


def machine(results: Results) -> list[str]:
    """What was measured on, and whether anything else worked there."""
    facts = results.machine
    all_of: list[Step | Stream] = [*results.steps, *results.streams]
    dates = sorted({each.date[:10] for each in all_of})
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    busy = "" if all(each.quiet for each in all_of) else (
        " Other programs worked on it at the same time: seconds are those of CPU, which they lengthen too, by what "
        "they take of caches and memory; seconds of wall clock are in the JSON, and mean little."
    )  # fmt: skip
    commits = ", ".join(f"`{each}`" for each in sorted({each.commit for each in all_of}))
    text = (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB; {when}; "
        f"Python {facts['python']}, tfx {facts['packages']['tfx']}, tensorflow {facts['packages']['tensorflow']}, "
        f"apache-beam {facts['packages']['apache-beam']}; commit {commits}.{busy}"
    )
    return textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)


def by_rows(results: Results) -> list[str]:
    """CPU seconds by component for tables of different rows, for each engine."""
    return _both(results, "rows", lambda step: f"{step.cpu_s:,.1f}")


def by_columns(results: Results) -> list[str]:
    """The same for tables of different columns."""
    return _both(results, "columns", lambda step: f"{step.cpu_s:,.1f}")


def memory(results: Results) -> list[str]:
    """Peak memory in MiB, less what was imported before."""
    tables = [_both(results, axis, lambda step: f"{step.peak_mib - step.imported_mib:,.0f}") for axis in _AXES]
    return [*tables[0], "", *tables[1]]


_AXES = ("rows", "columns")


def _both(results: Results, axis: str, shown: Callable[[Step], str]) -> list[str]:
    tables = [_growth(results, axis, engine, shown) for engine in _ENGINES]
    found = [table for table in tables if table]
    return [line for table in found for line in (*table, "")][:-1]


def _growth(results: Results, axis: str, engine: str, shown: Callable[[Step], str]) -> list[str]:
    """One table; nothing without measurements."""
    steps = _line(results, axis, engine)
    sizes = sorted({getattr(each, axis) for each in steps})
    if not sizes:
        return []
    there = {(each.component, getattr(each, axis)): each for each in steps}
    names = [name for name in (CHECK, *COMPONENTS) if any((name, size) in there for size in sizes)]
    fixed = f"{COLUMNS} columns" if axis == "rows" else f"{ROWS:,} rows"
    lines = [
        f"| {fixed}, {_ENGINES[engine]} | {' | '.join(f'{size:,} {axis}' for size in sizes)} |",
        f"|---|{'---|' * len(sizes)}",
    ]
    for name in names:
        cells = [_cell(there.get((name, size)), shown) for size in sizes]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _cell(step: Step | None, shown: Callable[[Step], str]) -> str:
    if step is None:
        return NOT_MEASURED
    return f"failed: {step.failed.splitlines()[-1]}" if step.failed else shown(step)


def _line(results: Results, axis: str, engine: str) -> list[Step]:
    """The measurements along one axis."""
    return [
        each
        for each in results.steps
        if each.engine == engine and (each.columns == COLUMNS if axis == "rows" else each.rows == ROWS)
    ]


def points(results: Results, axis: str, engine: str, component: str) -> list[tuple[float, float]]:
    """Sizes and CPU seconds of a component along one axis, from the smallest on; of rows those from `FROM_ROWS` on."""
    least = FROM_ROWS if axis == "rows" else 0
    found = {
        float(getattr(each, axis)): each.cpu_s
        for each in _line(results, axis, engine)
        if each.component == component and not each.failed and getattr(each, axis) >= least
    }
    return sorted(found.items())


def fits(results: Results) -> list[str]:
    """The exponents, with the number of points and their range, and what one more of it costs at the end of it."""
    lines = [
        "| | engine | exponent of rows | points | range | CPU seconds for a million rows more | exponent of columns "
        "| points | range | CPU milliseconds for a column more |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for engine in _ENGINES:
        for name in (CHECK, *COMPONENTS):
            if engine == "beam" and name not in ON_BEAM:
                continue
            rows, columns = (points(results, axis, engine, name) for axis in _AXES)
            if len(rows) > 1 or len(columns) > 1:
                cells = [*_fit_cells(rows, 1e6), *_fit_cells(columns, 1e3)]
                lines.append(f"| {name} | {engine} | {' | '.join(cells)} |")
    return lines


def _fit_cells(found: Points, many: float) -> list[str]:
    """Exponent, points, range, and the cost of so many more."""
    law = fitted(found)
    if law is None:
        count = str(len(found)) if found else NOT_MEASURED
        return [NOT_MEASURED, count, NOT_MEASURED, NOT_MEASURED]
    return [
        f"{law.exponent:.2f}",
        str(law.points),
        f"{law.least:,.0f} to {law.most:,.0f}",
        f"{per_unit(found) * many:,.2f}",
    ]


def billion(results: Results) -> list[str]:
    """What the costs come to at `TARGET` rows on clusters of several sizes."""
    found = costs(results, points)
    alone = here(results, points)
    walls = [shares(found, ON_BEAM, cluster) for cluster in CLUSTERS]
    sizes = " | ".join(f"{each.workers} workers" for each in CLUSTERS)
    lines = [
        f"| {TARGET:,} rows, {COLUMNS} columns | CPU hours, fast path | CPU hours, cluster | divided | {sizes} |",
        f"|---|---|---|---|{'---|' * len(CLUSTERS)}",
    ]
    for name, cost in found.items():
        cells = [
            _hours(alone[name]) if name in alone else NOT_MEASURED,
            _hours(cost),
            "yes" if name in ON_BEAM else "no",
            *(_hours(wall[name]) for wall in walls),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    totals = [
        _hours(sum(alone.values())),
        _hours(sum(found.values())),
        "",
        *(_hours(sum(each.values())) for each in walls),
    ]
    paid = [sum(each.paid_s(found[name]) for name in found if name in ON_BEAM) for each in CLUSTERS]
    lines += [
        f"| **all, hours** | {' | '.join(totals)} |",
        f"| **worker hours** of what is divided | | | | {' | '.join(map(_hours, paid))} |",
        "",
        *first_to_break(found, alone),
    ]
    return lines


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 1 else f"{hours:.2f}"


def streams(results: Results) -> list[str]:
    """Peak memory on generated rows."""
    lines = [
        "| rows | | CPU seconds | imported, MiB | peak, MiB | more than at the size before, MiB | shards |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("ExampleGen", "StatisticsGen"):
        before: float | None = None
        for each in sorted((each for each in results.streams if each.component == name), key=lambda each: each.rows):
            more = NOT_MEASURED if before is None else f"{each.peak_mib - before:+,.0f}"
            before = each.peak_mib
            cells = [f"{each.cpu_s:,.0f}", f"{each.imported_mib:,.0f}", f"{each.peak_mib:,.0f}", more]
            lines.append(f"| {each.rows:,} | {name} | {' | '.join(cells)} | {each.shards_mb:,.0f} MB |")
    return lines


BLOCKS: dict[str, Callable[[Results], Sequence[str]]] = {
    "machine": machine,
    "rows": by_rows,
    "columns": by_columns,
    "memory": memory,
    "fits": fits,
    "billion": billion,
    "streams": streams,
}
"""What the page has of the results, by the name in its marks."""
