"""The model card, from the facts of a run and from `card:` in the configuration; as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config.card import CardConfig
from pipeline.report.facts import CardFacts, EvaluationFacts, RunFacts
from pipeline.report.markdown import metric_row, plain
from pipeline.report.trained import TrainingFacts
from preprocessing.text import counted

NOT_STATED = "not stated"
_WEAKEST = 5
_LONGEST = 10_000
"""Characters of what people state: all of it, but for a mistake."""


def card_facts(
    run: RunFacts,
    rows: dict[str, int],
    training: TrainingFacts | None,
    evaluation: EvaluationFacts | None,
    stated: CardConfig,
) -> CardFacts | None:
    """The card of the candidate; None where none was evaluated.

    Args:
      run: how the run went.
      rows: by data set.
      training, evaluation: those sections.
      stated: what people say of the model.
    """
    if training is None or evaluation is None or run.task is None:
        return None
    return CardFacts(
        model=run.pipeline,
        version=run.line.removeprefix("pushed: ") if run.state == "pushed" else "",
        verdict=run.line,
        task=run.task,
        family=training.family,
        parameters=training.parameters,
        rows=rows,
        metrics=evaluation.metrics,
        weakest=evaluation.slices[:_WEAKEST],
        ranked_by=evaluation.ranked_by,
        gates=run.gates,
        stated={
            "owners": ", ".join(stated.owners),
            "license": stated.license or "",
            "intended use": stated.intended_use or "",
            "limitations": stated.limitations or "",
            "ethics": stated.ethics or "",
        },
    )


def markdown(card: CardFacts) -> str:
    """The card as Markdown text, with a line break at its end."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: CardFacts) -> Iterator[str]:
    yield f"# Model card: {plain(card.model)}"
    yield ""
    yield f"- Version: {plain(card.version) if card.version else 'not pushed'}"
    yield f"- Verdict: {plain(card.verdict)}"
    size = f", {counted(card.parameters, 'parameter')}" if card.parameters is not None else ""
    yield f"- Model: {plain(card.family)}, {card.task}{size}"
    rows = ", ".join(f"{name} {counted(each, 'row')}" for name, each in card.rows.items())
    yield f"- Data: {rows}"
    for name, text in card.stated.items():
        yield ""
        yield f"## {name.capitalize()}"
        yield ""
        yield plain(text, _LONGEST) if text else f"*{NOT_STATED}: `card.{name.replace(' ', '_')}` in the configuration*"
    yield ""
    yield "## Quality on the test split"
    yield ""
    yield "| metric | candidate | champion | threshold |"
    yield "|---|---|---|---|"
    yield from map(metric_row, card.metrics)
    if card.weakest:
        yield ""
        yield f"Weakest slices by {card.ranked_by}:"
        yield ""
        for each in card.weakest:
            value = each.metrics.get(card.ranked_by)
            shown = "undefined" if value is None else f"{value:.4g}"
            yield f"- {plain(each.name)}: {shown}, {counted(each.rows, 'row')}"
    yield ""
    yield "## Gates"
    yield ""
    for gate in card.gates:
        yield f"- {plain(gate.name)}: {plain(gate.reason)}"
