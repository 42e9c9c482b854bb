"""A plan, and why one component ran, as lines for a terminal or a log."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from pipeline.operate.plan import Plan, Step
from pipeline.results.changes import Change
from preprocessing.text import printable

_NAME, _STATE = 17, 8
"""Widths of the first columns."""
_CHANGES_SHOWN = 8
"""So many differences of one component; --json has all."""


def plan_lines(plan: Plan) -> Iterator[Text]:
    """The plan, a line for each component and each difference; its last line is the sum."""
    for step in plan.steps:
        yield _head(step)
        yield from change_lines(step.changes)
    if plan.warning:
        yield Text(f" ! {printable(plan.warning)}", style="yellow")
    if verdict := plan.verdict():
        yield Text(f" ! {printable(verdict)}", style="yellow")
    yield Text(f"plan: {plan.line()}", style="bold")


def _head(step: Step) -> Text:
    line = Text(f"   {step.name:<{_NAME}}")
    line.append(f"{step.state:<{_STATE}}", style="cyan" if step.state == "runs" and not step.asks else "dim")
    line.append("" if step.seconds is None else f"{step.seconds:6.1f} s  ", style="dim")
    line.append(printable("; ".join([*step.reasons, *_taken(step)])))
    return line


def _taken(step: Step) -> Iterator[str]:
    if step.state == "cached":
        yield f"from run {step.run}{', refused' if step.refused else ''}"
    elif step.changes:
        yield f"since run {step.run}:"


def change_lines(changes: Iterable[Change]) -> Iterator[Text]:
    """A line for each difference, old -> new; the first ones, and how many more there are."""
    listed = list(changes)
    for change in listed[:_CHANGES_SHOWN]:
        yield Text(f"       {change.text()}")
    if len(listed) > _CHANGES_SHOWN:
        yield Text(f"       and {len(listed) - _CHANGES_SHOWN} more")
