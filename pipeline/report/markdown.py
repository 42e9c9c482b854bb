"""The report in at most 60 lines of Markdown: what fits a comment on a pull request."""

from collections.abc import Iterator

from pipeline.report.facts import MetricFact, ReportFacts
from pipeline.report.quality import TreeFact
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
    yield from _head(facts)
    yield from _trained(facts)
    yield from _measured(facts)
    yield ""
    yield from _judged(facts)
    yield from _compared(facts)


def _head(facts: ReportFacts) -> Iterator[str]:
    """How the run ended, and what to do next."""
    run = facts.run
    sign = {"pushed": "✅", "accepted": "✅", "stopped": "⏸"}.get(run.state, "❌")
    yield f"## {sign} {plain(run.pipeline)}: {plain(run.line)}"
    yield ""
    if run.cleaned:
        yield f"Cleaned up: {plain(run.cleaned)}"
        yield ""
    if run.next_step:
        yield f"**Next:** {plain(run.next_step)}"
        yield ""
    task = f", {run.task}" if run.task else ""
    yield f"Run `{run.id}`{task}" + (f", after `{run.before}`" if run.before else ", the first of its root")


def _trained(facts: ReportFacts) -> Iterator[str]:
    """What a budget, a search or an ensemble did, each in a line."""
    training = facts.training
    if training is None:
        return
    if training.budget:
        yield ""
        yield plain(training.budget)
    if training.tuning is not None:
        yield ""
        yield f"Tuning: {plain(training.tuning.line)}"
    if training.ensemble is not None:
        yield ""
        yield f"Ensemble: {plain(training.ensemble.line)}"


def _measured(facts: ReportFacts) -> Iterator[str]:
    """The metrics, as a table."""
    if facts.evaluation is not None:
        yield ""
        yield "| metric | candidate | champion | threshold |"
        yield "|---|---|---|---|"
        yield from (metric_row(each) for each in facts.evaluation.metrics[:20])
        yield from _tree(facts.evaluation.small_tree)


def _judged(facts: ReportFacts) -> Iterator[str]:
    """What the gates say, and what was done with the model by hand."""
    for gate in facts.run.gates:
        yield f"- {_SIGNS[gate.passed]} **{gate.name}**: {plain(gate.reason)}"
    for operation in facts.run.operations:
        yield f"- by hand: {plain(operation)}"
    if facts.data is not None:
        for finding in facts.data.findings[:_NAMED]:
            yield f"- {finding.severity}: {plain(finding.line())}"
    if facts.smoke_test is not None:
        failed = [check for each in facts.smoke_test.families for check in each.checks if check.status == "failed"]
        for check in failed[:_NAMED]:
            yield f"- {check.severity}: {plain(check.line())}"


def _compared(facts: ReportFacts) -> Iterator[str]:
    """What is new against the run before, and how long each node took."""
    run = facts.run
    if run.changed:
        yield ""
        names = listed([f"`{each.what}` {plain(each.old)} → {plain(each.new)}" for each in run.changed], _NAMED)
        yield f"Changed against the run before: {names}"
    ran = [
        f"{each.name} {each.seconds:.1f} s{' (cached)' if each.state == 'cached' else ''}"
        for each in run.nodes
        if each.seconds is not None
    ]
    if ran:
        yield ""
        yield f"Seconds: {', '.join(ran)}"


def _tree(tree: TreeFact | None) -> Iterator[str]:
    """The model beside a small tree, where it was compared."""
    if tree is None:
        return
    yield ""
    if tree.finding:
        yield f"{_SIGNS[False if tree.blocks else None]} {plain(tree.finding)}"
    else:
        yield f"{_SIGNS[True]} {plain(tree.measure)} is {tree.loss:.4g}, and {tree.tree_loss:.4g} by {plain(tree.tree)}"


def metric_row(metric: MetricFact) -> str:
    """A metric as a row of a table: name, candidate, champion, threshold."""
    candidate, champion = ("" if value is None else f"{value:.4g}" for value in (metric.candidate, metric.champion))
    if metric.undefined:
        candidate = f"undefined: {plain(metric.undefined)}"
    if metric.interval is not None and None not in metric.interval:
        candidate += " ({:.4g} to {:.4g})".format(*metric.interval)
    return f"| {'❌ ' if metric.failed else ''}{plain(metric.name)} | {candidate} | {champion} | {metric.threshold} |"


def plain(text: str, longest: int = _LONGEST) -> str:
    """One line that Markdown takes for text, cut to so many characters."""
    shown = printable(one_line(text, longest))
    return "".join(f"\\{each}" if each in "|<>*`[]" else each for each in shown)
