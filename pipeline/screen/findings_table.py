"""What the data gate found, for the eye: a table, or lines where the output is no terminal, and the schema's diff.

Names and values come from the data: nothing in them reaches the terminal as a command or as markup.
"""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.data_gate.report import Finding, Verdict

_STYLES = {"block": "bold red", "warn": "yellow"}
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_WIDE = 120
"""Columns of the screen from which the rule and the hint have columns of their own."""
_INDENT = 1
_GAP = 2
_CHARACTERS = 400
_DIFF_LINES = 24


def printable(text: str) -> str:
    """The text with everything escaped that does not print (control characters, changes of direction)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def title(verdict: Verdict) -> str:
    """How many findings stop the run, and how many do not."""
    blocking, warnings = len(verdict.blocking()), len(verdict.warnings())
    stops = f"{blocking} finding{'s stop' if blocking != 1 else ' stops'} this run" if blocking else ""
    warned = f"{warnings} warning{'s' if warnings != 1 else ''}" if warnings else ""
    return f"Data gate: {', '.join(part for part in (stops, warned) if part)}"


def unchecked(verdict: Verdict) -> str:
    """The checks that had nothing to work on, with their reasons, in one line; "" when there are none."""
    skipped = [f"{check.name} ({check.reason})" for check in verdict.checks if check.state == "skipped"]
    return f"not checked: {', '.join(skipped)}" if skipped else ""


def lines(findings: Sequence[Finding]) -> Iterator[Text]:
    """One line per finding, for a log or a program."""
    for finding in findings:
        hint = f"; next: {printable(finding.hint)}" if finding.hint else ""
        yield Text.assemble((f"  {finding.severity:<5} ", _STYLES[finding.severity]), _cut(finding.line()), hint)


def table(findings: Sequence[Finding], width: int) -> RenderableType:
    """The findings as a table.

    Args:
      findings: in the order of the rows; not empty.
      width: columns of the screen. On a narrow one the rule stands below the feature and the hint below its row.
    """
    if width < _WIDE:
        return _narrow(findings, width)
    names = max(7, min(24, max(len(_feature(finding)) for finding in findings)))
    rules = max(4, min(26, max(len(finding.rule) for finding in findings)))
    third = (width - _INDENT - 8 - names - rules - 5 * _GAP) // 3
    grid = _grid(
        ("severity", 8),
        ("feature", names),
        ("rule", rules),
        ("expected", third),
        ("observed", third),
        ("hint", third),
    )
    for finding in findings:
        grid.add_row(
            Text(finding.severity, style=_STYLES[finding.severity]),
            Text(_wrapped(_feature(finding), names), style="bold"),
            Text(_wrapped(printable(finding.rule), rules)),
            Text(_cut(finding.expected)),
            Text(_cut(finding.observed)),
            Text(printable(finding.hint), style="dim"),
        )
    return grid


def _narrow(findings: Sequence[Finding], width: int) -> Group:
    names = 24 if width >= 80 else max(8, width // 4)
    rest = max(8, (width - _INDENT - 5 - names - 3 * _GAP) // 2)
    columns = ("", 5), ("feature, rule", names), ("expected", rest), ("observed", rest)
    parts: list[RenderableType] = []
    for number, finding in enumerate(findings):
        grid = _grid(*columns, header=number == 0)
        name = Text(_wrapped(_feature(finding), names), style="bold")
        name.append(f"\n{_wrapped(printable(finding.rule), names)}", style="not bold default")
        grid.add_row(
            Text(finding.severity, style=_STYLES[finding.severity]),
            name,
            Text(_cut(finding.expected)),
            Text(_cut(finding.observed)),
        )
        parts.append(grid)
        if finding.hint:
            parts.append(Padding(Text(f"next: {printable(finding.hint)}", style="dim"), (0, 1, 0, _INDENT + 5 + _GAP)))
    return Group(*parts)


def _grid(*columns: tuple[str, int], header: bool = True) -> Table:
    grid = Table(box=None, show_header=header, header_style="dim", pad_edge=False, padding=(0, _GAP, 0, 0))
    # The first column carries the table's indent.
    for number, (name, width) in enumerate(columns):
        grid.add_column(name, width=width + (0 if number else _INDENT), overflow="fold")
    return grid


def _feature(finding: Finding) -> str:
    name = "(whole table)" if finding.feature is None else _cut(finding.feature)
    return f"{name} ({finding.split})" if finding.split else name


def _wrapped(name: str, width: int) -> str:
    """A name in lines of at most this many characters, broken at spaces and behind underscores where it can be."""
    result, line = [], ""
    for piece in name.replace(" ", " \0").replace("_", "_\0").split("\0"):
        if line and len(line) + len(piece.rstrip()) > width:
            result.append(line.rstrip())
            line = ""
        line += piece
    return "\n".join([*result, line])


def _cut(text: str) -> str:
    """The text, safe to print, and not all of it when it is too long."""
    return printable(text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 3]}...")


def diff(text: str, limit: int | None = _DIFF_LINES) -> Iterator[Text]:
    """A unified diff in colours.

    Args:
      text: the diff.
      limit: lines; what is left out is counted in a last line. None shows all.
    """
    all_lines = text.splitlines()
    for line in all_lines[:limit]:
        header = line.startswith(("+++", "---"))
        yield Text(f"  {printable(line)}", style="dim" if header else _DIFF_STYLES.get(line[:1], ""))
    if limit is not None and len(all_lines) > limit:
        yield Text(f"  ... and {len(all_lines) - limit} more lines", style="dim")
