"""What the data gate says besides its findings, for the eye: how many there are, what was not checked, the schema."""

from collections.abc import Iterator

from rich.text import Text

from components.data_gate.report import Verdict
from pipeline.screen import findings_table
from preprocessing.text import printable

_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_DIFF_LINES = 24


def title(verdict: Verdict) -> str:
    """How many findings stop the run, and how many do not."""
    counts = len(verdict.blocking()), len(verdict.warnings())
    return findings_table.title("Data gate", *counts, noun="finding", verb="stop", refused="this run")


def unchecked(verdict: Verdict) -> str:
    """The checks that had nothing to work on, with their reasons, in one line; "" when there are none."""
    skipped = [f"{check.name} ({check.reason})" for check in verdict.checks if check.state == "skipped"]
    return f"not checked: {', '.join(skipped)}" if skipped else ""


def diff(text: str) -> Iterator[Text]:
    """The beginning of a unified diff in colours; what is left out is counted in a last line."""
    all_lines = text.splitlines()
    for line in all_lines[:_DIFF_LINES]:
        header = line.startswith(("+++", "---"))
        yield Text(f"  {printable(line)}", style="dim" if header else _DIFF_STYLES.get(line[:1], ""))
    if len(all_lines) > _DIFF_LINES:
        yield Text(f"  ... and {len(all_lines) - _DIFF_LINES} more lines", style="dim")
