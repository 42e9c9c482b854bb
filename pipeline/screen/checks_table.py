"""What the smoke test did, for the eye: the checks that ran, what they found, and those that did not run.

Names and values come from the model: nothing in them reaches the terminal as a command or as markup.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import IO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.smoke_test.report import PROCESS_CHECK, CheckResult, Report
from pipeline.screen import findings_table
from pipeline.screen.findings_table import cut
from preprocessing.text import printable

_NAMES = 18
"""Characters of the longest name of a check."""
_LOG_LINES = 15
_PROCESS = (PROCESS_CHECK, "stdout", "loads")
"""Where one of these fails, the end of the log may say why."""


def title(report: Report) -> str:
    """How many checks refuse the model, and how many only warn."""
    counts = len(report.failures()), len(report.warnings())
    return findings_table.title("Smoke test", *counts, noun="check", verb="refuse", refused="this model")


def failed(report: Report) -> tuple[CheckResult, ...]:
    """The checks that failed: first those that refuse the model, then the warnings."""
    return (*report.failures(), *report.warnings())


def passed_lines(report: Report) -> Iterator[Text]:
    """One line for each check of which something passed and nothing failed."""
    failures = {check.check for check in failed(report)}
    passed = [check for check in report.checks if check.status == "passed" and check.check not in failures]
    for name, results in groupby(passed, key=lambda check: check.check):
        line = Text("  ", no_wrap=True, overflow="ellipsis")
        yield line.append("ok", style="green").append(f"    {name:<{_NAMES}}  {_summary(list(results))}")


def skipped_lines(report: Report) -> Iterator[Text]:
    """One line for each reason why checks were skipped, with the checks."""
    checks: dict[str, dict[str, None]] = {}
    for check in report.checks:
        if check.status == "skipped":
            checks.setdefault(check.received, {})[check.name()] = None
    for reason, names in checks.items():
        yield Text(f"{printable(', '.join(names))}: {cut(reason)}", style="dim")


def whole(report: Report, width: int | None) -> Iterator[RenderableType]:
    """Everything: failures first with their hints, then warnings, what passed, what was skipped and why.

    Args:
      report: what the smoke test found.
      width: columns of the screen; None where it is not a terminal.
    """
    if failures := failed(report):
        yield Text(title(report), style="italic")
        if width is None:
            yield from findings_table.lines(failures)
        else:
            yield findings_table.table(failures, width)
    for line in passed_lines(report):
        # A bare Text would lose its own way of wrapping: the console joins texts.
        yield line if width is None else Padding(line, 0)
    for line in skipped_lines(report):
        yield Text.assemble(("  skip  ", "dim"), line) if width is None else _hanging("  skip  ", line)
    # Of a model that answers, what TensorFlow printed is mostly noise; it is in the report.
    if any(check.check in _PROCESS for check in report.failures()):
        yield Text("The end of the model's output", style="italic")
        for words in report.log_tail.splitlines()[-_LOG_LINES:]:
            yield Text(f"  {cut(words)}", style="dim")


def rendered(report: Report, notes: Sequence[str], stream: IO[str]) -> str:
    """The whole report as text for a stream, in colours where it is a terminal; the verdict is the last line.

    Args:
      report: what the smoke test found.
      notes: shown before it.
      stream: where it will be written.
    """
    console = Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
    with console.capture() as captured:
        for note in notes:
            console.print(Text(printable(note), style="dim"), soft_wrap=True)
        for part in whole(report, console.width if stream.isatty() else None):
            console.print(part)
        word, style = ("passed", "bold green") if report.blessed else ("refused", "bold red")
        # One line for a program to read: never wrapped.
        console.print(Text(printable(f"{word}: {report.reason()}"), style=style), soft_wrap=True)
    return captured.get()


def _hanging(label: str, text: Text) -> Table:
    """The text behind a label; its further lines begin below its first."""
    grid = Table.grid()
    grid.add_column(width=len(label))
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, style="dim"), text)
    return grid


def _summary(results: Sequence[CheckResult]) -> str:
    """What was seen, or how often where there are several results."""
    if len(results) == 1:
        return cut(results[0].received)
    cases = ", ".join(dict.fromkeys(each.case for each in results if each.case))
    signatures = ", ".join(dict.fromkeys(each.signature for each in results if each.signature))
    both = f"{cases} ({signatures})" if cases and signatures else cases or signatures
    return cut(f"{len(results)} passed{': ' if both else ''}{both}")
