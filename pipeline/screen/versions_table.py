"""The versions of a serving folder, and one run, for the eye."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from rich.console import RenderableType
from rich.text import Text

from pipeline.screen.runs_table import number, plain_table, printed
from preprocessing.text import one_line, printable

_SIGNS = {True: "✓", False: "✗", None: "·"}
_STYLES = {"served": "green", "unfinished": "yellow"}
_LONGEST = 160


def versions_table(rows: Sequence[Mapping[str, Any]], stream: IO[str]) -> str:
    """The versions as text, newest first, with what has to be said of one below them.

    Args:
      rows: of `pipeline.operate.version_lines.version_lines`.
      stream: where it is shown.
    """
    table = plain_table("", ("version", ""), ("", ""), ("run", ""), ("metric", ""), ("", "right"), ("pushed", ""))
    for name in ("by", "gates"):
        table.add_column(name, overflow="fold")
    for row in rows:
        name, value = next(iter(row["metrics"].items()), ("", None))
        table.add_row(
            row["version"],
            Text(row["state"], style=_STYLES.get(row["state"], "")),
            Text(printable(row["run"] or "-")),
            name,
            number(value) if name else "",
            f"{row['at']} {row['how']}".strip() or "-",
            Text(printable(row["by"] or "-")),
            " ".join(f"{_SIGNS[gate['passed']]} {gate['name']}" for gate in row["gates"]) or "-",
        )
    return printed([table, *(Text(f" {each}") for row in rows for each in _notes(row))], stream)


def run_table(facts: Mapping[str, Any], stream: IO[str]) -> str:
    """One run as text.

    Args:
      facts: of `pipeline.operate.run_view.run_view`.
      stream: where it is shown.
    """
    parts: list[RenderableType] = [
        Text(printable(f"{facts['pipeline']}, run {facts['id']}: {facts['line']}")),
        *([Text(printable(f" next: {facts['next_step']}"))] if facts["next_step"] else []),
        *(Text(printable(f" {_SIGNS[each['passed']]} {each['name']}: {each['reason']}")) for each in facts["gates"]),
        *(Text(printable(f" {each}")) for each in facts["operations"]),
    ]
    if facts["metrics"]:
        table = plain_table("", ("metric", ""), ("candidate", "right"), ("interval", ""), ("champion", "right"))
        for name, value in facts["metrics"].items():
            low, high = facts["intervals"].get(name) or (None, None)
            interval = "" if low is None or high is None else f"{number(low)} to {number(high)}"
            champion = number(facts["champion"][name]) if name in facts["champion"] else ""
            table.add_row(Text(printable(name)), number(value), interval, champion)
        parts.append(table)
    steps = plain_table("", ("component", ""), ("state", ""), ("s", "right"))
    for name, state in facts["states"].items():
        seconds = facts["seconds"].get(name)
        steps.add_row(name, state, "" if seconds is None else f"{seconds:.1f}")
    places = plain_table("", ("", ""), ("", ""))
    places.show_header = False
    for name, path in facts["paths"].items():
        places.add_row(name, Text(printable(path)))
    return printed([*parts, steps, places], stream)


def _notes(row: Mapping[str, Any]) -> Iterator[str]:
    """What a line of the table has no room for."""
    name = row["version"]
    if row["rolled_back_from"]:
        yield f"{name}: rolled back from {row['rolled_back_from']} to the files of {row['bytes_of']}"
    for push in row["forced"]:
        gates = " and ".join(push["forced_over"])
        yield printable(f"{name}: forced over {gates} by {push['by']}, {push['at']}; reason: {push['reason']}")
    if row["reason"] and not row["forced_over"]:
        yield printable(f"{name}: reason: {row['reason']}")
    if row["problem"]:
        yield printable(f"{name}: {row['problem']}")
    if row["differences"] is not None:
        yield from (printable(f"{name}: {one_line(each, _LONGEST)}") for each in row["differences"])
        if not row["differences"]:
            yield f"{name}: verified"
    if row["unchecked"]:
        yield f"{name}: {row['unchecked']}"
