"""The charts of two runs side by side: the same curves as on a run's own page, those of the other run dashed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import altair as alt

from pipeline.report.charts import COLORS, TABLE, Chart, finished, four_digits
from pipeline.report.evaluation_charts import calibration, precision_recall, roc
from pipeline.report.facts import ReportFacts
from pipeline.report.quality import Model
from pipeline.report.trained import Curve

_RUNS: tuple[Model, Model] = ("this run", "other run")


def comparison_charts(facts: ReportFacts) -> Iterator[Chart]:
    """Curves of the training, and ROC, precision-recall and calibration of what both candidates tell apart."""
    against = facts.against
    if against is None:
        return
    if facts.training is not None:
        yield from _trainings(facts.training.curves, against.curves)
    if against.scores and facts.evaluation is not None:
        others = {each.of for each in against.scores}
        ours = [each for each in facts.evaluation.scores if each.model == "candidate" and each.of in others]
        scores = [each.model_copy(update={"model": _RUNS[0]}) for each in ours]
        scores += [each.model_copy(update={"model": _RUNS[1]}) for each in against.scores]
        for chart in (roc(scores), precision_recall(scores), calibration(scores)):
            yield replace(chart, title=f"{chart.title}, both runs")


def _trainings(ours: Sequence[Curve], others: Sequence[Curve]) -> Iterator[Chart]:
    """One chart for each number that both trainings have."""
    both = {curve.name for curve in ours} & {curve.name for curve in others}
    for name in dict.fromkeys(curve.name for curve in ours if curve.name in both):
        curves = [
            (run, each) for run, own in zip(_RUNS, (ours, others), strict=True) for each in own if each.name == name
        ]
        splits = [split for split in COLORS if any(each.split == split for _, each in curves)]
        line = (
            alt.Chart(alt.NamedData(TABLE))
            .mark_line(strokeWidth=1.5)
            .encode(
                x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1)),
                y=alt.Y(
                    "value:Q", title=name.replace("_", " "), scale=alt.Scale(zero=False), axis=alt.Axis(format="~g")
                ),
                color=alt.Color(
                    "data set:N",
                    scale=alt.Scale(domain=splits, range=[COLORS[split] for split in splits]),
                    legend=alt.Legend(title=None, orient="top"),
                ),
                strokeDash=alt.StrokeDash(
                    "run:N", scale=alt.Scale(domain=list(_RUNS), range=[[1, 0], [4, 3]]), legend=None
                ),
            )
        )
        rows = tuple(
            (run, each.split, epoch, four_digits(value))
            for run, each in curves
            for epoch, value in zip(each.epochs, each.values, strict=True)
        )
        title = f"{name.replace('_', ' ')} by epoch, both runs"
        yield Chart(title, ("run", "data set", "epoch", "value"), rows, finished(line), "The other run's are dashed.")
