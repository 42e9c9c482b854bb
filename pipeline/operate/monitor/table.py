"""The comparison of requests and training data for the eye."""

from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.operate.monitor.comparing import Monitored
from preprocessing.text import counted, one_line, printable

_PLAIN_WIDTH = 200
"""Columns where the output is not a terminal: lines stay whole for a program."""
_LONGEST = 120
_STYLES = {"beyond": "red", "warned": "yellow", "chance": "yellow", "within": ""}


def text(found: Monitored, stream: IO[str]) -> str:
    """What was compared with what, a line for each comparison, and how many are beyond their limits."""
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else _PLAIN_WIDTH)
    with console.capture() as captured:
        console.print(Text(_about(found)))
        console.print(_table(found))
        beyond = sum(line.state == "beyond" for line in found.lines)
        console.print(Text(f"{beyond} of {counted(len(found.lines), 'comparison')} beyond the limit"))
    return captured.get().rstrip("\n")


def _about(found: Monitored) -> str:
    run = f", made by run {found.run}" if found.run else ""
    newest, more = ("the newest ", " (data_gate.serving.max_rows: it has more)") if found.cut else ("", "")
    return printable(
        f"version {found.version}{run}\n"
        f"{newest}{counted(found.rows, 'row')} of requests ({found.requests}{more}) "
        f"beside {found.training_rows:,} of training",
        keep="\n",
    )


def _table(found: Monitored) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 1))
    for name in ("column", "what"):
        table.add_column(name, overflow="fold")
    for name in ("distance", "limit", "chance"):
        table.add_column(name, justify="right")
    table.add_column("")
    table.add_column("where", overflow="fold")
    for line in found.lines:
        table.add_row(
            Text(printable(line.column)),
            line.measure,
            "-" if line.distance is None else f"{line.distance:.3f}",
            f"{line.limit:g}",
            f"{line.chance:.3f}",
            Text(line.state, style=_STYLES[line.state]),
            Text(printable(one_line(line.detail, _LONGEST))),
        )
    return table
