"""Runs for the eye: the list of a root's runs, and two runs side by side."""

from collections.abc import Iterator, Sequence
from typing import IO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.report.facts import ComparisonFacts, Interval, PairFact
from pipeline.results.listing import RunLine
from preprocessing.text import one_line, printable

_STYLES = {"pushed": "green", "refused": "red", "failed": "red"} | dict.fromkeys(
    ("interrupted", "killed", "running"), "yellow"
)
_LONGEST = 120
_PLAIN_WIDTH = 200
"""Columns where the output is not a terminal: lines stay whole for a program."""


def runs_table(runs: Sequence[RunLine], stream: IO[str]) -> str:
    """The runs as text, newest first; the first metric of each stands for its quality."""
    table = plain_table(
        "", ("run", ""), ("state", ""), ("metric", ""), ("", "right"), ("cached", "right"), ("s", "right")
    )
    table.add_column("pushed, or why not", overflow="fold")
    for each in runs:
        name, value = next(iter(each.metrics.items()), ("", None))
        table.add_row(
            each.id,
            Text(each.state, style=_STYLES.get(each.state, "")),
            name,
            number(value) if name else "",
            f"{each.cached} of {each.ran}",
            f"{each.seconds:.1f}",
            Text(printable(one_line(each.pushed or each.why, _LONGEST))),
        )
    return printed([table], stream)


def comparison_tables(found: ComparisonFacts, stream: IO[str]) -> str:
    """Two runs as text: what ended how, then settings, metrics, slices, data, seconds."""
    parts: list[RenderableType] = [
        Text(printable(f"{found.run}: {found.lines[0]}")),
        Text(printable(f"{found.other}: {found.lines[1]}")),
        *_settings(found),
    ]
    for title, pairs in (
        ("Metrics", found.metrics),
        ("Metrics by slice", found.slices),
        ("Rows", found.rows),
        ("Share of missing values in train", found.missing),
        ("Seconds", found.seconds),
    ):
        if pairs:
            parts.append(_pairs(title, pairs, found))
    return printed(parts, stream)


def _settings(found: ComparisonFacts) -> Iterator[RenderableType]:
    if not found.config:
        yield Text("Both have the same settings.")
        return
    table = plain_table("Settings that differ", ("setting", ""), (found.run, ""), (found.other, ""))
    for change in found.config:
        table.add_row(*(Text(printable(one_line(each, _LONGEST))) for each in (change.what, change.new, change.old)))
    yield table


def _pairs(title: str, pairs: Sequence[PairFact], found: ComparisonFacts) -> Table:
    table = plain_table(title, ("", ""), (found.run, "right"), (found.other, "right"), ("change", "right"))
    for pair in pairs:
        change = "" if pair.change is None else f"{pair.change:+.4g}"
        now, other = _within(pair.now, pair.now_interval), _within(pair.other, pair.other_interval)
        table.add_row(Text(printable(pair.name)), now, other, change)
    return table


def _within(value: float | None, interval: Interval | None) -> str:
    """A number with the ends of its confidence interval, where it has one."""
    return number(value) if interval is None else f"{number(value)} ({number(interval[0])} to {number(interval[1])})"


def plain_table(title: str, *columns: tuple[str, str]) -> Table:
    """A table without lines.

    Args:
      title: above it; "" for none.
      columns: the head of each, and `right` where it stands to the right.
    """
    table = Table(
        title=title or None, title_justify="left", box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 1)
    )
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    return table


def number(value: float | None) -> str:
    """A metric's value, or what is known of it."""
    if value is None:
        return "-"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def printed(parts: Sequence[RenderableType], stream: IO[str]) -> str:
    """What the parts look like on a stream: as wide as a terminal, in colours there alone."""
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else _PLAIN_WIDTH)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get()
