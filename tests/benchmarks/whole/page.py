"""The section of docs/benchmarks.md that is made from the results: `whole_run.py --page`."""

from pathlib import Path

from .figure import PICTURE
from .plan import BATCHES
from .results import ROOT, Key, Results
from .sides import SIDES
from .summary import Target, component_medians, median, of, ratio, shown, targets

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- made from tests/benchmarks/whole_run.json: begin -->", "<!-- end -->"
NAMES = {"stock": "stock TFX", "auto": "Lockgate", "beam": "Lockgate, `engine: beam`"}
SAME = {"CsvExampleGen": "ExampleGen", "Resolver": "Champion"}
"""Components of TFX that do the work of one of ours, which has another name."""
SERVED = (
    ("`serving_default`, p50 of one row", "p50_ms", "{:.2f} ms"),
    ("`serving_default`, rows a second, batches of 1,024", "rows_per_s", "{:,.0f}"),
)
NONE_YET = "No results yet: `make bench` measures, and writes them here."


def write(results: Results, page: Path = PAGE) -> None:
    """Writes the section anew."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{chr(10).join(section(results))}\n\n{END}{after}", encoding="utf-8")


def written(page: Path = PAGE) -> list[str]:
    """The lines of the section as the page has them."""
    _, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    return rest.partition(END)[0].strip("\n").splitlines()


def section(results: Results) -> list[str]:
    """The section's lines: the machine, the figure, whole runs, components, targets."""
    if not results.measurements:
        return [NONE_YET]
    lines = [*_machine(results), ""]
    tables = [name for name in results.tables if of(results, Key(name, "first", "stock"))]
    if tables:
        lines += [f"![Lockgate's wall clock, CPU time and peak memory beside stock TFX's]({_picture()})", ""]
    if results.tables:
        lines += [*_whole_runs(results), ""]
    for name in results.tables:
        lines += [f"Seconds by component, {_title(results, name)}:", "", *_components(results, name), ""]
    return [*lines, *_rates(results), *_targets(results)]


def _picture() -> str:
    return PICTURE.relative_to(PAGE.parent).as_posix()


def _machine(results: Results) -> list[str]:
    machine = results.machine
    packages = [f"{name} {version}" for name, version in machine["packages"].items()]
    middle = len(packages) // 2
    dates = sorted(each.date[:10] for each in results.measurements)
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB; {when};",
        f"Python {machine['python']}, {', '.join(packages[:middle])},",
        f"{', '.join(packages[middle:])}.",
    ]


def _title(results: Results, name: str) -> str:
    facts = results.tables[name]
    return (
        f"{facts['rows']:,} rows by {facts['columns']} columns ({facts['bytes'] / 1e6:.0f} MB), "
        f"{facts['steps']:,} steps of {facts['batch']}"
    )


def _whole_runs(results: Results) -> list[str]:
    lines = [
        "| table | | wall clock | CPU | peak memory | wall / stock | CPU / stock | memory / stock | runs | commit |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in results.tables:
        for place, side in enumerate(SIDES):
            key = Key(name, "first", side)
            if not (found := of(results, key)):
                continue
            cells = [
                f"{_title(results, name)}" if place == 0 else "",
                NAMES[side],
                shown(median(results, key, "wall_s"), lambda each: f"{each:.1f} s"),
                shown(median(results, key, "cpu_s"), lambda each: f"{each:.1f} s"),
                shown(median(results, key, "peak_mib"), lambda each: f"{each:,.0f} MiB"),
                *(_ratio(results, key, value) for value in ("wall_s", "cpu_s", "peak_mib")),
                str(len(found)),
                "" if side == "stock" else f"`{found[-1].commit}`",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _ratio(results: Results, key: Key, value: str) -> str:
    if key.side == "stock":
        return ""
    found = ratio(results, key, Key(key.table, key.what, "stock"), value)
    return shown(found, lambda each: f"**{each:.2f}**")


def _components(results: Results, table: str) -> list[str]:
    sides: dict[str, dict[str, float]] = {}
    for side in SIDES:
        medians = component_medians(results, Key(table, "first", side))
        if medians:
            sides[side] = {SAME.get(name, name): seconds for name, seconds in medians.items()}
    # Lockgate's order, with what only stock has behind it.
    names = list(dict.fromkeys(name for side in sorted(sides) for name in sides[side]))
    lines = [f"| | {' | '.join(NAMES[side] for side in sides)} |", f"|---|{'---|' * len(sides)}"]
    for name in names:
        cells = [shown(seconds.get(name), lambda each: f"{each:.1f}") for seconds in sides.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _rates(results: Results) -> list[str]:
    """Training and serving on both sides; nothing where neither was measured."""
    rows: list[tuple[str, str, tuple[float | None, float | None]]] = []
    for batch in BATCHES:
        steps = (median(results, Key("", "training", side, batch), "steps_per_s") for side in ("stock", "auto"))
        rows.append((f"training, steps a second, batches of {batch}", "{:,.0f}", (next(steps), next(steps))))
    for title, value, pattern in SERVED:
        served = Key("", "serving", "auto")
        both = median(results, served, f"stock_{value}"), median(results, served, value)
        rows.append((title, pattern, both))
    cells = [
        f"| {title} | {' | '.join(shown(each, pattern.format) for each in both)} |" for title, pattern, both in rows
    ]
    if all(each is None for _, _, both in rows for each in both):
        return []
    return [f"| | {NAMES['stock']} | {NAMES['auto']} |", "|---|---|---|", *cells, ""]


def _targets(results: Results) -> list[str]:
    lines = ["| target | | measured | met |", "|---|---|---|---|"]
    return lines + [_target(each) for each in targets(results)]


def _target(target: Target) -> str:
    bound = f"{'≥' if target.at_least else '≤'} {target.limit:g}{f' {target.unit}' if target.unit else ''}"
    measured = shown(target.measured, lambda each: f"{each:.2f}{f' {target.unit}' if target.unit else ''}")
    met = {None: "not measured", True: "yes", False: "**no**"}[target.met]
    return f"| {target.subject} | {bound} | {measured} | {met} |"
