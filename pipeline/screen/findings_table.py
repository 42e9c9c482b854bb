"""What a gate found, for the eye: a table on a terminal, and lines where the output is not one.

Names and values come from data and models: nothing in them reaches the terminal as a command or as markup.
"""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.findings import Finding
from preprocessing.text import counted, one_line, printable

_STYLES = {"block": "bold red", "warn": "yellow"}
_INDENT, _GAP = 1, 2
_SEVERITY = 5
"""Characters of `block`."""
_NAMES = 24
"""Characters of a line in the column of the checks."""
_CHARACTERS = 400


def title(gate: str, refusing: int, warning: int, *, noun: str, verb: str, refused: str) -> str:
    """How many findings refuse what the gate looked at, and how many only warn.

    Args:
      gate: its name on the screen.
      refusing: how many refuse.
      warning: how many warn.
      noun: what a finding is called there.
      verb: what those that refuse do, in the plural.
      refused: to what.
    """
    parts = [f"{counted(refusing, noun)} {verb}{'s' if refusing == 1 else ''} {refused}"] if refusing else []
    parts += [counted(warning, "warning")] if warning else []
    return f"{gate}: {', '.join(parts)}"


def lines(findings: Sequence[Finding]) -> Iterator[Text]:
    """One line per finding, for a log or a program."""
    for finding in findings:
        more = f"; {cut(finding.more())}" if finding.more() else ""
        hint = f"; next: {printable(one_line(finding.hint))}" if finding.hint else ""
        yield Text.assemble(
            (f"  {finding.severity:<{_SEVERITY}} ", _STYLES[finding.severity]), cut(finding.line()), more, hint
        )


def table(findings: Sequence[Finding], width: int) -> RenderableType:
    """The findings as a table, each with what else is known of it and its next step below it.

    Args:
      findings: in the order of the rows; not empty.
      width: columns of the screen.
    """
    names = _NAMES if width >= 80 else max(8, width // 4)
    rest = max(8, (width - _INDENT - _SEVERITY - names - 3 * _GAP) // 2)
    parts: list[RenderableType] = []
    for number, finding in enumerate(findings):
        # Each row is a table of its own, as the line below it has no columns.
        grid = Table(box=None, show_header=number == 0, header_style="dim", pad_edge=False, padding=(0, _GAP, 0, 0))
        for header, size in (
            ("", _INDENT + _SEVERITY),
            ("check, what", names),
            ("expected", rest),
            ("received", rest),
        ):
            grid.add_column(header, width=size, overflow="fold")
        grid.add_row(
            Text(f" {finding.severity}", style=_STYLES[finding.severity]),
            _name(finding, names),
            Text(cut(finding.expected)),
            Text(cut(finding.received)),
        )
        parts.append(grid)
        below = [Text(cut(finding.more()))] if finding.more() else []
        below += [Text(f"next: {printable(one_line(finding.hint))}", style="dim")] if finding.hint else []
        parts += [Padding(text, (0, 1, 0, _INDENT + _SEVERITY + _GAP)) for text in below]
    return Group(*parts)


def cut(text: str) -> str:
    """The text in one line, safe to print, and not all of it when it is too long."""
    return printable(one_line(text, _CHARACTERS))


def _name(finding: Finding, width: int) -> Text:
    name = Text(_wrapped(cut(finding.check), width), style="bold")
    if what := finding.what():
        name.append(f"\n{_wrapped(cut(what), width)}", style="not bold default")
    return name


def _wrapped(name: str, width: int) -> str:
    """A name in lines of at most this many characters, broken at spaces and behind underscores where it can be."""
    result, line = [], ""
    for piece in name.replace(" ", " \0").replace("_", "_\0").split("\0"):
        if line and len(line) + len(piece.rstrip()) > width:
            result.append(line.rstrip())
            line = ""
        line += piece
    return "\n".join([*result, line])
