"""The charts of a regression's errors; see `charts` for how they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import altair as alt

from components.artifacts.error_profile import ColumnErrors, ErrorGroup, ErrorProfile
from pipeline.report.charts import COLORS, ROW, TABLE, Chart, finished, four_digits
from pipeline.report.facts import EvaluationFacts
from pipeline.report.quality import ErrorFacts

_SQUARE = 320
"""Pixels of a chart whose two axes are alike."""
_MOST_COLUMNS = 6
"""Columns whose groups are drawn."""
_SEEN = 0.001
"""A column that explains less of the errors is not drawn, unless it is the one that explains most of them."""
_SURE = 1.96
"""So many standard errors to each side hold 95 % of a normal distribution."""


def error_charts(errors: ErrorFacts, facts: EvaluationFacts) -> Iterator[Chart]:
    """Predicted against actual, the distribution of one model's errors, and their quantiles."""
    of = f", {errors.model}" if len(facts.errors) > 1 else ""
    if errors.grid:
        yield _against(errors, facts.label, of)
    yield _distribution(errors, facts.label, of)
    if errors.quantiles:
        yield _quantiles(errors.quantiles, facts.label, of)


def _against(errors: ErrorFacts, label: str, of: str) -> Chart:
    """Where predictions lie by label."""
    low = min(each.actual[0] for each in errors.grid)
    widths = [each.actual[1] - each.actual[0] for each in errors.grid]
    # Ranges that grow are those of a label that is learned as its logarithm.
    growing = max(widths) > 2 * min(widths) and low > 0
    scale = alt.Scale(type="log", nice=False) if growing else alt.Scale(zero=False, nice=False)
    rect = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_rect()
        .encode(
            x=alt.X("label from:Q", title=label, scale=scale),
            x2="label to:Q",
            y=alt.Y("prediction from:Q", title=f"prediction of {label}", scale=scale),
            y2="prediction to:Q",
            color=alt.Color(
                "share of rows:Q",
                scale=alt.Scale(type="log", scheme="blues"),
                legend=alt.Legend(title=None, format="%"),
            ),
        )
    )
    ends = [min(each.actual[0] for each in errors.grid), max(each.actual[1] for each in errors.grid)]
    diagonal = (
        alt.Chart(alt.InlineData(values=[{"x": each, "y": each} for each in ends]))
        .mark_line(strokeDash=[4, 4], strokeWidth=1.5, color="#c46f12")
        .encode(x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale))
    )
    rows = tuple(
        tuple(four_digits(value) for value in (*each.actual, *each.predicted, each.share)) for each in errors.grid
    )
    columns = ("label from", "label to", "prediction from", "prediction to", "share of rows")
    note = (
        "On the dashed line predictions are right. The darker, the more rows; the outermost ranges also hold what lies "
        "beyond the labels of the training split."
    )
    return Chart(f"Predicted against actual{of}", columns, rows, finished(rect + diagonal, _SQUARE), note)


def _distribution(errors: ErrorFacts, label: str, of: str) -> Chart:
    bars = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_rect(color=COLORS["train"])
        .encode(
            x=alt.X("from:Q", title=f"prediction minus {label}", scale=alt.Scale(zero=False, nice=False)),
            x2="to:Q",
            y2=alt.datum(0),
            y=alt.Y("share:Q", title="share of rows", axis=alt.Axis(format="%", tickCount=4)),
        )
    )
    zero = (
        alt.Chart(alt.InlineData(values=[{"error": 0}]))
        .mark_rule(strokeDash=[4, 4], color="#8a8f98")
        .encode(x="error:Q")
    )
    rows = tuple(tuple(four_digits(value) for value in (each.low, each.high, each.share)) for each in errors.bins)
    below, above = (f"{100 * share:.2g} %" for share in errors.outside)
    note = f"{below} of the rows lie below, {above} above. Right of the dashed line the model says too much."
    return Chart(f"Errors{of}", ("from", "to", "share"), rows, finished(bars + zero), note)


def _quantiles(quantiles: Mapping[str, float], label: str, of: str) -> Chart:
    rows = tuple((f"{100 * float(share):g} %", four_digits(value)) for share, value in quantiles.items())
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_point(filled=True, size=60, color=COLORS["train"], opacity=1)
        .encode(
            x=alt.X("error:Q", title=f"prediction minus {label}"),
            y=alt.Y("rows:N", title="rows at or below", sort=[str(name) for name, _ in rows]),
        )
    )
    note = f"The median error is {quantiles['0.5']:.4g}." if "0.5" in quantiles else ""
    return Chart(f"Quantiles of the errors{of}", ("rows", "error"), rows, finished(chart, ROW * len(rows)), note)


def profile_charts(profile: ErrorProfile, label: str) -> Iterator[Chart]:
    """Where the errors lie: by groups of the columns that explain most of them, and among the largest ones."""
    for each in [each for each in profile.columns if each.explained >= _SEEN][:_MOST_COLUMNS] or profile.columns[:1]:
        yield _bias(each, label)
    if profile.tails:
        yield _tails(profile)


def _bias(errors: ColumnErrors, label: str) -> Chart:
    y = alt.Y("group:N", title=errors.column, sort=None, axis=alt.Axis(labelLimit=160))
    base = alt.Chart(alt.NamedData(TABLE))
    known = base.transform_filter("isValid(datum.from)")
    interval = known.mark_rule(strokeWidth=2, color=COLORS["train"]).encode(
        x=alt.X("from:Q", title=f"mean of prediction minus {label}"), x2="to:Q", y=y
    )
    point = base.mark_point(filled=True, size=60, color=COLORS["train"], opacity=1).encode(x="bias:Q", y=y)
    zero = (
        alt.Chart(alt.InlineData(values=[{"error": 0}]))
        .mark_rule(strokeDash=[4, 4], color="#8a8f98")
        .encode(x="error:Q")
    )
    rows = tuple((each.label, each.rows, *map(four_digits, (each.bias, *_ends(each)))) for each in errors.groups)
    note = (
        f"{100 * errors.explained:.2g} % of the errors' variance lies between these groups. Right of the dashed line "
        "the model says too much; each line is the 95 % interval of the mean."
    )
    spec = finished(interval + point + zero, ROW * len(rows))
    return Chart(f"Bias by {errors.column}", ("group", "rows", "bias", "from", "to"), rows, spec, note)


def _ends(group: ErrorGroup) -> tuple[float | None, float | None]:
    """The 95 % interval of a group's bias."""
    if group.deviation is None:
        return None, None
    return group.bias - _SURE * group.deviation, group.bias + _SURE * group.deviation


def _tails(profile: ErrorProfile) -> Chart:
    rows = tuple(
        (
            each.column,
            "median" if each.kind == "median" else f"share of {each.value}",
            *(four_digits(value) for value in (each.low, each.rest, each.high, each.distance)),
        )
        for each in profile.tails
    )
    names = [each.column for each in profile.tails]
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_bar(color=COLORS["train"])
        .encode(
            x=alt.X("difference:Q", title="difference from the rows between"),
            y=alt.Y("column:N", title=None, sort=names, axis=alt.Axis(labelLimit=160)),
        )
    )
    tail = f"{100 * profile.tail:g} %"
    note = (
        f"The {tail} of the rows with the largest under-estimates and the {tail} with the largest over-estimates, "
        "beside the rows between: of a column of numbers the median, of others the share of the value that differs "
        "most. The difference is that of the farther one: of medians in widths of the middle half of the rows between."
    )
    columns = ("column", "number", "under-estimates", "between", "over-estimates", "difference")
    return Chart(
        "What rows with the largest errors have in common", columns, rows, finished(chart, ROW * len(rows)), note
    )
