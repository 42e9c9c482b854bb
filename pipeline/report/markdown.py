"""The report in at most 60 lines of Markdown: what fits a comment on a pull request."""

from collections.abc import Iterator

from pipeline.report.facts import MetricFact, ReportFacts
from preprocessing.text import listed, one_line, printable

_MOST_LINES = 60
_LONGEST = 300
_NAMED = 8
_SIGNS = {True: "✅", False: "❌", None: "⚠️"}


def render(facts: ReportFacts) -> str:
    """The Markdown text, with a line break at its end."""
    lines = list(_lines(facts))
    if len(lines) > _MOST_LINES:
        left = len(lines) - _MOST_LINES + 1
        lines = [*lines[: _MOST_LINES - 1], f"and {left} more lines: see report.html"]
    return "\n".join(lines) + "\n"


def _lines(facts: ReportFacts) -> Iterator[str]:
    run = facts.run
    sign = {"pushed": "✅", "accepted": "✅", "stopped": "⏸"}.get(run.state, "❌")
    yield f"## {sign} {_text(run.pipeline)}: {_text(run.line)}"
    yield ""
    if run.next_step:
        yield f"**Next:** {_text(run.next_step)}"
        yield ""
    yield f"Run `{run.id}`, {run.task}" + (f", after `{run.before}`" if run.before else ", the first of its root")
    if facts.evaluation is not None:
        yield ""
        yield "| metric | candidate | champion | threshold |"
        yield "|---|---|---|---|"
        yield from (_metric(each) for each in facts.evaluation.metrics[:20])
    yield ""
    for gate in run.gates:
        yield f"- {_SIGNS[gate.passed]} **{gate.name}**: {_text(gate.reason)}"
    if facts.data is not None:
        for finding in facts.data.findings[:_NAMED]:
            yield f"- {finding.severity}: {_text(finding.line())}"
    if facts.smoke_test is not None:
        failed = [check for each in facts.smoke_test.families for check in each.checks if check.status == "failed"]
        for check in failed[:_NAMED]:
            yield f"- {check.severity}: {_text(check.line())}"
    if run.changed:
        yield ""
        names = listed([f"`{each.what}` {_text(each.old)} → {_text(each.new)}" for each in run.changed], _NAMED)
        yield f"Changed against the run before: {names}"
    ran = [
        f"{each.name} {each.seconds:.1f} s{' (cached)' if each.state == 'cached' else ''}"
        for each in run.nodes
        if each.seconds is not None
    ]
    if ran:
        yield ""
        yield f"Seconds: {', '.join(ran)}"


def _metric(metric: MetricFact) -> str:
    numbers = ("" if value is None else f"{value:.4g}" for value in (metric.candidate, metric.champion))
    return f"| {'❌ ' if metric.failed else ''}{metric.name} | {' | '.join(numbers)} | {metric.threshold} |"


def _text(text: str) -> str:
    """One line that Markdown takes for text."""
    shown = printable(one_line(text, _LONGEST))
    return "".join(f"\\{each}" if each in "|<>*`[]" else each for each in shown)
