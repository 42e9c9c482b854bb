"""The section of docs/benchmarks.md and the figure that are made from the results: `quality.py --page`."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from ..whole.figure import STYLE
from ..whole.results import ROOT
from .ours import OURS
from .peers import PEERS
from .results import Results
from .summary import BASE, Interval, against, complete, gain_on, mean_loss, standings

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "images" / "quality.svg"
BEGIN, END = "<!-- made from tests/benchmarks/quality.json: begin -->", "<!-- quality: end -->"
NONE_YET = "No results yet: `python tests/benchmarks/quality.py` measures."
_MODELS = (OURS, *PEERS)


def write(results: Results, page: Path = PAGE, picture: Path = PICTURE) -> None:
    """Writes the section anew, and the figure where there is something to draw."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{chr(10).join(section(results))}\n\n{END}{after}", encoding="utf-8")
    draw(results, picture)


def section(results: Results) -> list[str]:
    """The section's lines."""
    tables = complete(results, _MODELS)
    if not tables:
        return [NONE_YET]
    machine = results.machine
    packages = [f"{name} {version}" for name, version in machine["packages"].items()]
    middle = len(packages) // 2
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB; Python {machine['python']},",
        f"{', '.join(packages[:middle])},",
        f"{', '.join(packages[middle:])}. {len(tables)} tables, seeds {_seeds(tables)}.",
        "",
        f"![How much lower the loss of each model is than that of {BASE}](images/{PICTURE.name})",
        "",
        f"| | mean rank | mean gain over {BASE} | median gain | seconds a table |",
        "|---|---|---|---|---|",
    ]
    for each in standings(results):
        gain = "" if each.model == BASE else _percent(each.gain)
        median = "" if each.model == BASE else f"{each.median_gain:.1%}"
        rank = f"{each.rank.value:.2f} ({each.rank.low:.2f} to {each.rank.high:.2f})"
        lines.append(f"| {each.model} | {rank} | {gain} | {median} | {each.seconds:.0f} |")
    lines += ["", f"| {OURS} against | better | about as good | worse |", "|---|---|---|---|"]
    for peer in PEERS:
        found = against(results, tables, peer)
        worse = f" ({', '.join(found.losses)})" if found.losses else ""
        lines.append(f"| {peer} | {len(found.wins)} | {len(found.ties)} | {len(found.losses)}{worse} |")
    lines += ["", *_by_table(results, tables)]
    return lines


def _by_table(results: Results, tables: dict[str, tuple[int, ...]]) -> list[str]:
    lines = [
        f"| table | rows | seeds | loss | {' | '.join(_MODELS)} | gain over {BASE} | `init` chose |",
        f"|---|---|---|---|{'---|' * len(_MODELS)}---|---|",
    ]
    for table, seeds in tables.items():
        values = [mean_loss(results, table, seeds, model) for model in _MODELS]
        cells = [f"**{value:.4g}**" if value == min(values) else f"{value:.4g}" for value in values]
        own = results.found(table, seeds[0], OURS)
        if own is None:
            raise KeyError(table)
        gain = _percent(gain_on(results, table, seeds, BASE))
        family = own.facts.get("family", "")
        start = f"| {table} | {own.rows:,} | {', '.join(map(str, seeds))} | {own.metric}"
        lines.append(f"{start} | {' | '.join(cells)} | {gain} | `{family}` |")
    return lines


def _seeds(tables: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(map(str, sorted({seed for seeds in tables.values() for seed in seeds})))


def _percent(interval: Interval) -> str:
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def draw(results: Results, path: Path = PICTURE) -> bool:
    """Draws the gains over `BASE` by table, with their intervals.

    Returns:
      Whether there is something to draw.
    """
    tables = complete(results, _MODELS)
    if not tables:
        return False
    shown = {OURS: "#1b6ca8", **dict(zip(PEERS[1:], ("#c98b2b", "#7d9d5c"), strict=True))}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 1.1 + 0.38 * len(tables)), layout="constrained")
        axes = figure.subplots()
        for place, (model, colour) in enumerate(shown.items()):
            gains = [gain_on(results, table, seeds, BASE, model) for table, seeds in tables.items()]
            at = [row + (place - 1) * 0.22 for row in range(len(tables))]
            # A skewed bootstrap distribution may lie beside the value.
            below = [100 * max(each.value - each.low, 0) for each in gains]
            above = [100 * max(each.high - each.value, 0) for each in gains]
            values = [100 * each.value for each in gains]
            axes.errorbar(
                values, at, xerr=(below, above), fmt="o", markersize=4, color=colour, label=model, elinewidth=1
            )
        axes.axvline(0, color="#444444", linewidth=1, linestyle="--")
        axes.set_yticks(range(len(tables)), list(tables))
        axes.invert_yaxis()
        axes.set_xlabel(f"loss below that of {BASE}, in % of it")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
        temporary = path.with_name(f".{path.name}")
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
    temporary.replace(path)
    return True
