"""The figure of docs/benchmarks.md: Lockgate's runs as shares of stock TFX's."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from .results import ROOT, Key, Results
from .summary import of, ratio

PICTURE = ROOT / "docs" / "images" / "benchmarks.svg"
PANELS = {"wall_s": "wall clock", "cpu_s": "CPU time", "peak_mib": "peak memory"}
BARS = {"auto": ("Lockgate", "#1b6ca8"), "beam": ("Lockgate, engine: beam", "#a9c9e2")}
# Text stays text, and the same results make the same file.
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "lockgate", "font.family": "sans-serif", "font.size": 9}


def write(results: Results, path: Path = PICTURE) -> bool:
    """Draws the figure.

    Returns:
      Whether there is one: without a table that stock TFX was measured on there is nothing to draw.
    """
    tables = [name for name in results.tables if of(results, Key(name, "first", "stock"))]
    if not tables:
        return False
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 0.9 + 0.55 * len(tables)), layout="constrained")
        for place, (axes, (value, title)) in enumerate(
            zip(figure.subplots(1, len(PANELS), sharey=True), PANELS.items(), strict=True)
        ):
            _panel(axes, results, tables, value)
            axes.set_title(f"{title} / stock TFX", fontsize=10)
            if place == 0:
                axes.set_yticks(range(len(tables)), [_label(results, name) for name in tables])
                axes.invert_yaxis()
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        temporary = path.with_name(f".{path.name}")
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
    temporary.replace(path)
    return True


def _panel(axes: mpl.axes.Axes, results: Results, tables: list[str], value: str) -> None:
    """Horizontal bars, one of each side for each table, and a line where stock TFX stands."""
    height = 0.36
    for place, (side, (label, colour)) in enumerate(BARS.items()):
        found = [ratio(results, Key(name, "first", side), Key(name, "first", "stock"), value) for name in tables]
        at = [row + (place - 0.5) * height for row, each in enumerate(found) if each is not None]
        bars = axes.barh(at, [each for each in found if each is not None], height, color=colour, label=label)
        background = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8, bbox=background)
    axes.axvline(1, color="#444444", linewidth=1, linestyle="--", label="stock TFX")
    axes.margins(x=0.15)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)


def _label(results: Results, name: str) -> str:
    facts = results.tables[name]
    return f"{facts['rows']:,} x {facts['columns']}"
