"""The charts of the Evaluation section: curves, calibration, confusion, errors; see `charts` for how they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from pipeline.report.charts import ROW, TABLE, Chart, finished, four_digits
from pipeline.report.error_charts import error_charts, profile_charts
from pipeline.report.facts import EvaluationFacts
from pipeline.report.quality import ScoreFacts, ThresholdPoint

_SQUARE = 260
"""Pixels of a chart whose two axes are alike."""
_POINTS_TOGETHER = 600
"""So many points are drawn of all curves of a chart, about; of one or two curves all."""
_BINS_OF_CALIBRATION = 10
_SEPARATED = 6
"""So many classes have a chart of their scores."""
_QUALITIES = ("precision", "recall", "F1")
_PALETTE = (
    "#3b7dd8",
    "#c46f12",
    "#2f9468",
    "#9b6fd4",
    "#c2528b",
    "#8a7a1f",
    "#3f8f9e",
    "#d24b4b",
    "#6f7d8c",
    "#7a9a3a",
)
"""Each has a contrast of about 3 to 1 to the page's background in light and dark."""
_LEGEND_COLUMNS, _LEGEND_LIMIT = 3, 90
"""How many names a row of a legend has, and how many pixels each."""
_ROUND = [i / 20 for i in range(1, 20)]


def evaluation_charts(facts: EvaluationFacts) -> Iterator[Chart]:
    """All that there are for the task, in the order of the page."""
    if facts.scores:
        yield from _separations(facts)
        yield roc(facts.scores)
        yield precision_recall(facts.scores)
        yield calibration(facts.scores)
        if facts.decision_threshold is not None:
            yield _thresholds(facts.scores[0], facts.decision_threshold)
    if facts.confusion:
        yield _confusion(facts)
    if facts.classes:
        yield _quality(facts)
    for errors in facts.errors:
        yield from error_charts(errors, facts)
    if facts.error_profile is not None:
        yield from profile_charts(facts.error_profile, facts.label)


def _telling_apart(scores: Sequence[ScoreFacts]) -> dict[str, Any]:
    """What tells curves apart: a color for each model of one class, or for each of several classes, dashed by model."""
    classes, models = (list(dict.fromkeys(names)) for names in ([e.of for e in scores], [e.model for e in scores]))
    field, names = ("class", classes) if len(classes) > 1 else ("model", models)
    scale = alt.Scale(domain=names, range=[_PALETTE[i % len(_PALETTE)] for i in range(len(names))])
    legend = alt.Legend(title=None, columns=_LEGEND_COLUMNS, labelLimit=_LEGEND_LIMIT)
    encoded: dict[str, Any] = {"color": alt.Color(f"{field}:N", scale=scale, legend=legend)}
    if field == "class" and len(models) > 1:
        dashes = alt.Scale(domain=models, range=[[1, 0], [4, 3]])
        encoded["strokeDash"] = alt.StrokeDash("model:N", scale=dashes, legend=None)
    return encoded


def _dashes(scores: Sequence[ScoreFacts]) -> str:
    """What a note says of them."""
    models = list(dict.fromkeys(each.model for each in scores))
    dashed = len({each.of for each in scores}) > 1 and len(models) > 1
    return f" The curves of the {models[-1]} are dashed." if dashed else ""


def _of_candidate(facts: EvaluationFacts) -> list[ScoreFacts]:
    return [each for each in facts.scores if each.model == "candidate"]


def _separations(facts: EvaluationFacts) -> list[Chart]:
    """How far apart the scores of a class's rows and of the others are."""
    return [_separation(each) for each in _of_candidate(facts)[:_SEPARATED]]


def _separation(scores: ScoreFacts) -> Chart:
    totals = [sum(each.positive for each in scores.bins), sum(each.negative for each in scores.bins)]
    rows = tuple(
        (
            four_digits(each.low),
            four_digits(each.high),
            *(
                four_digits(part / total) if total > 0 else None
                for part, total in zip((each.positive, each.negative), totals, strict=True)
            ),
        )
        for each in scores.bins
    )
    columns = ("from", "to", "rows of the class", "other rows")
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .transform_fold(list(columns[2:]), as_=["label", "share"])
        .mark_rect(opacity=0.55)
        .encode(
            x=alt.X("from:Q", title=f"probability of {scores.of}", scale=alt.Scale(domain=[0, 1])),
            x2="to:Q",
            y2=alt.datum(0),
            y=alt.Y("share:Q", title="share of their rows", stack=None, axis=alt.Axis(format="%", tickCount=4)),
            color=alt.Color(
                "label:N",
                scale=alt.Scale(domain=list(columns[2:]), range=[_PALETTE[0], _PALETTE[1]]),
                legend=alt.Legend(title=None, orient="top"),
            ),
        )
    )
    title = f"Separation: probability of {scores.of} by label"
    return Chart(
        title, columns, rows, finished(chart), "The less the two overlap, the better the model tells them apart."
    )


def _along(points: Sequence[ThresholdPoint], curves: int) -> list[ThresholdPoint]:
    """The points that are drawn: all of one or two curves, of more an even choice."""
    step = -(-len(points) * curves // _POINTS_TOGETHER)
    return [each for i, each in enumerate(points) if i % step == 0 or i == len(points) - 1]


def roc(scores: Sequence[ScoreFacts]) -> Chart:
    """The true positive rate by the false positive rate."""
    rows = tuple(
        (each.of, each.model, *map(four_digits, (point.threshold, point.false_alarms, point.recall)))
        for each in scores
        for point in _along(each.points, len(scores))
    )
    columns = ("class", "model", "threshold", "false positive rate", "true positive rate")
    line = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_line(strokeWidth=1.5, interpolate="linear")
        .encode(
            x=alt.X("false positive rate:Q", title="false positive rate", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("true positive rate:Q", title="true positive rate (recall)", scale=alt.Scale(domain=[0, 1])),
            order=alt.Order("threshold:Q", sort="descending"),
            **_telling_apart(scores),
        )
    )
    note = "Each point is a decision threshold; the dashed diagonal is what guessing gives." + _dashes(scores)
    return Chart("ROC curve", columns, rows, finished(_diagonal() + line, _SQUARE), note)


def _diagonal() -> alt.Chart:
    """From 0, 0 to 1, 1."""
    return (
        alt.Chart(alt.InlineData(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
        .mark_line(strokeDash=[4, 4], strokeWidth=1, color="#8a8f98")
        .encode(x="x:Q", y="y:Q")
    )


def precision_recall(scores: Sequence[ScoreFacts]) -> Chart:
    """Precision by recall."""
    rows = tuple(
        (each.of, each.model, *map(four_digits, (point.threshold, point.recall, point.precision)))
        for each in scores
        for point in _along(each.points, len(scores))
        if point.precision is not None
    )
    line = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_line(strokeWidth=1.5)
        .encode(
            x=alt.X("recall:Q", title="recall", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("precision:Q", title="precision", scale=alt.Scale(domain=[0, 1])),
            order=alt.Order("threshold:Q", sort="descending"),
            **_telling_apart(scores),
        )
    )
    first = scores[0].points[0]
    share = (first.tp + first.fn) / max(first.tp + first.fn + first.fp + first.tn, 1e-300)
    note = f"Guessing gives a precision of {share:.3g}." if len({each.of for each in scores}) == 1 else ""
    note = (note + _dashes(scores)).strip()
    columns = ("class", "model", "threshold", "recall", "precision")
    return Chart("Precision-recall curve", columns, rows, finished(line, _SQUARE), note)


def calibration(scores: Sequence[ScoreFacts]) -> Chart:
    """The share of the class's rows by the mean probability, in ranges of equal width."""
    found: list[tuple[str | float | None, ...]] = []
    for each in scores:
        size = max(1, len(each.bins) // _BINS_OF_CALIBRATION)
        for start in range(0, len(each.bins), size):
            part = each.bins[start : start + size]
            positive = sum(one.positive for one in part)
            rows = positive + sum(one.negative for one in part)
            if rows > 0:
                mean = sum((one.mean or 0.0) * (one.positive + one.negative) for one in part) / rows
                found.append((each.of, each.model, *map(four_digits, (mean, positive / rows, rows))))
    base = alt.Chart(alt.NamedData(TABLE)).encode(
        x=alt.X("mean probability:Q", title="mean probability", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("share of the class:Q", title="share of rows of the class", scale=alt.Scale(domain=[0, 1])),
        **_telling_apart(scores),
    )
    points = base.mark_circle(opacity=1).encode(size=alt.Size("rows:Q", scale=alt.Scale(range=[15, 200]), legend=None))
    columns = ("class", "model", "mean probability", "share of the class", "rows")
    note = "On the dashed diagonal rows with a probability of 30 % are of the class in 30 % of cases." + _dashes(scores)
    spec = finished(_diagonal() + base.mark_line(strokeWidth=1) + points, _SQUARE)
    return Chart("Calibration", columns, tuple(found), spec, note)


def _thresholds(scores: ScoreFacts, decision: float) -> Chart:
    """What each threshold costs, and the one that decides."""
    wanted = sorted({*_ROUND, decision})
    chosen = [min(scores.points, key=lambda point: abs(point.threshold - each)) for each in wanted]
    total = max(chosen[0].tp + chosen[0].fp + chosen[0].tn + chosen[0].fn, 1e-300)
    columns = ("threshold", "answered yes", *_QUALITIES, "false positive rate")
    rows = tuple(
        tuple(
            four_digits(value)
            for value in (
                point.threshold,
                (point.tp + point.fp) / total,
                point.precision,
                point.recall,
                point.f1,
                point.false_alarms,
            )
        )
        for point in dict.fromkeys(chosen)
    )
    names = [columns[1], *_QUALITIES]
    lines = (
        alt.Chart(alt.NamedData(TABLE))
        .transform_fold(names, as_=["measure", "value"])
        .transform_filter("isValid(datum.value)")
        .mark_line(strokeWidth=1.5)
        .encode(
            x=alt.X("threshold:Q", title="decision threshold", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("value:Q", title="share", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "measure:N", scale=alt.Scale(domain=names, range=list(_PALETTE[:4])), legend=alt.Legend(title=None)
            ),
        )
    )
    rule = (
        alt.Chart(alt.InlineData(values=[{"threshold": decision}]))
        .mark_rule(strokeDash=[4, 4], color="#8a8f98")
        .encode(x="threshold:Q")
    )
    note = f"The dashed line is the decision threshold, {decision:g}: {scores.of} is answered above it."
    return Chart("What a threshold gives", columns, rows, finished(rule + lines, _SQUARE), note)


def _confusion(facts: EvaluationFacts) -> Chart:
    names = list(dict.fromkeys([*(each.actual for each in facts.confusion), *(e.predicted for e in facts.confusion)]))
    base = alt.Chart(alt.NamedData(TABLE)).encode(
        x=alt.X("answer:N", title="answer", sort=names, axis=alt.Axis(labelAngle=-40, labelLimit=110)),
        y=alt.Y("label:N", title="label", sort=names, axis=alt.Axis(labelLimit=110)),
    )
    shade = base.mark_rect().encode(
        color=alt.Color("share of the label:Q", scale=alt.Scale(domain=[0, 1], scheme="blues"), legend=None)
    )
    marks = shade
    if len(names) <= 12:
        marks = shade + base.mark_text(fontSize=11).encode(
            text=alt.Text("rows:Q", format=",.6~r"),
            color=alt.condition("datum['share of the label'] > 0.5", alt.value("#ffffff"), alt.value("#1c1e21")),
        )
    rows = tuple(
        (each.actual, each.predicted, round(each.rows, 2), four_digits(each.share)) for each in facts.confusion
    )
    columns = ("label", "answer", "rows", "share of the label")
    at = f" at {facts.decision_threshold:g}" if facts.decision_threshold is not None else ""
    height = max(_SQUARE // 2, min(34 * len(names), 600))
    note = "The darker, the larger the share of a label's rows. Cells without rows are left out."
    return Chart(f"Confusion matrix{at}", columns, rows, finished(marks, height), note)


def _quality(facts: EvaluationFacts) -> Chart:
    names = [each.name for each in facts.classes]
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .transform_fold(list(_QUALITIES), as_=["measure", "value"])
        .transform_filter("isValid(datum.value)")
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            x=alt.X("value:Q", title="share", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("class:N", title=None, sort=names, axis=alt.Axis(labelLimit=130)),
            color=alt.Color(
                "measure:N",
                scale=alt.Scale(domain=list(_QUALITIES), range=list(_PALETTE[:3])),
                legend=alt.Legend(title=None),
            ),
            shape=alt.Shape("measure:N", scale=alt.Scale(domain=list(_QUALITIES))),
        )
    )
    rows = tuple(
        (each.name, round(each.rows, 2), *(four_digits(value) for value in (each.precision, each.recall, each.f1)))
        for each in facts.classes
    )
    note = "The weakest first." if len(names) > 2 else ""
    height = max(ROW * 2 * len(names), 80)
    return Chart("Quality by class", ("class", "rows", *_QUALITIES), rows, finished(chart, height), note)
