"""The page's charts: Vega-Lite specifications by Altair, each drawn from the table of numbers that stands below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from components.smoke_test.plot import Plot
from pipeline.report.data_facts import LAST_PUSH
from pipeline.report.facts import DataFacts, EvaluationFacts, FeatureFact, ReportFacts, SmokeTestFacts
from pipeline.report.trained import Curve
from pipeline.results.listing import RunLine
from preprocessing.text import counted

COLORS = {"train": "#3b7dd8", "eval": "#c46f12", "test": "#2f9468", LAST_PUSH: "#9b6fd4"}
"""By data set; each has a contrast of 3 to 1 to the page's background in light and dark."""
_STATES = {"done": "#3b7dd8", "cached": "#8a8f98", "failed": "#d24b4b", "running": "#c46f12"}
MOST_FEATURES = 100
"""So many features are drawn; the table has all."""
_MOST_SLICES = 60
_SLANTED = 8
"""So many names below a chart have room when they slant."""
_RARE = 0.05
TABLE = "table"
_HEIGHT, ROW = 150, 18
"""Pixels of a chart, and of a row of one that has names on its left."""
_INK = "currentColor"
_FIT = alt.AutoSizeParams(type="fit-x", contains="padding")


@dataclass(frozen=True)
class Chart:
    """A chart and its numbers.

    Attributes:
      title: what it shows.
      columns: the fields of the table, as they are called in `spec`.
      rows: numbers and texts; None where there is no number.
      spec: Vega-Lite, as plain data, whose data set is called `table`.
      note: what one has to know to read it; "" for nothing.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]
    spec: dict[str, Any]
    note: str = ""


def finished(chart: alt.Chart | alt.LayerChart, height: int = _HEIGHT) -> dict[str, Any]:
    """The specification in the page's own look; text takes the color of the page.

    Args:
      chart: without size.
      height: in pixels.
    """
    # Data come from the page's table; a relative width follows the window.
    styled = (
        chart.properties(width="container", height=height, autosize=_FIT)
        .configure(background="transparent", font="system-ui, sans-serif")
        .configure_axis(labelColor=_INK, titleColor=_INK, gridOpacity=0.25, domainColor=_INK, tickColor=_INK)
        .configure_legend(labelColor=_INK, titleColor=_INK, orient="top", title=None)
        .configure_view(strokeOpacity=0)
    )
    spec: dict[str, Any] = styled.to_dict()
    return spec


def _data_set_color(names: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(names), range=[COLORS[name] for name in names])
    return alt.Color("data set:N", scale=scale, legend=alt.Legend(title=None, orient="top"))


def four_digits(value: float | None) -> float | None:
    """Four digits: more can't be seen."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")


def feature_charts(data: DataFacts) -> Iterator[tuple[FeatureFact, Chart]]:
    """The distribution of each column that has values, all data sets in one."""
    known = [each for each in data.features if each.bins and not almost_all_different(each)]
    for feature in known[:MOST_FEATURES]:
        names = [name for name in COLORS if any(name in each.shares for each in feature.bins)]
        yield feature, (_ranges if feature.bins[0].low is not None else _categories)(feature, names)


def almost_all_different(feature: FeatureFact) -> bool:
    """Whether the most frequent values of a column are so rare that a chart of them would show nothing."""
    if feature.kind != "category" or len(feature.bins) <= _SLANTED:
        return False
    named = feature.bins[:-1]
    return all(sum(each.shares.get(name, 0.0) for each in named) < _RARE for name in feature.bins[-1].shares)


def _ranges(feature: FeatureFact, names: Sequence[str]) -> Chart:
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .transform_fold(list(names), as_=["data set", "share"])
        .mark_line(interpolate="step-after", strokeWidth=1.5)
        .encode(
            x=alt.X("from:Q", title=feature.name, scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y("share:Q", title="share of the values", axis=alt.Axis(format="%", tickCount=4)),
            color=_data_set_color(names),
            # Often it is the same line as that of train, which is to be seen below it.
            strokeDash=alt.condition(alt.datum["data set"] == LAST_PUSH, alt.value([4, 4]), alt.value([1, 0])),
        )
    )
    rows = tuple(
        (four_digits(each.low), four_digits(each.high), *(four_digits(each.shares.get(name)) for name in names))
        for each in feature.bins
    )
    note = "The first and the last range also hold what lies beyond them."
    return Chart(f"{feature.name}: distribution", ("from", "to", *names), rows, finished(chart), note)


def _categories(feature: FeatureFact, names: Sequence[str]) -> Chart:
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .transform_fold(list(names), as_=["data set", "share"])
        .mark_bar()
        .encode(
            x=alt.X("value:N", title=feature.name, sort=None, axis=_label_axis(len(feature.bins))),
            xOffset=alt.XOffset("data set:N", sort=list(names)),
            y=alt.Y("share:Q", title="share of the values", axis=alt.Axis(format="%", tickCount=4)),
            color=_data_set_color(names),
        )
    )
    rows = tuple((each.label, *(four_digits(each.shares.get(name)) for name in names)) for each in feature.bins)
    return Chart(f"{feature.name}: distribution", ("value", *names), rows, finished(chart))


def _label_axis(labels: int) -> alt.Axis:
    """An axis whose labels don't overlap: many of them stand upright."""
    upright = labels > _SLANTED
    return alt.Axis(
        labelAngle=-90 if upright else -40, labelLimit=110, labelOverlap=False, labelFontSize=8 if upright else 10
    )


def curve_charts(curves: Sequence[Curve], best_epoch: int | None) -> Iterator[Chart]:
    """One chart for each number of the training, both splits in it."""
    for name in dict.fromkeys(each.name for each in curves):
        both = {each.split: dict(zip(each.epochs, each.values, strict=True)) for each in curves if each.name == name}
        epochs = sorted({epoch for each in both.values() for epoch in each})
        splits = [split for split in COLORS if split in both]
        line = (
            alt.Chart(alt.NamedData(TABLE))
            .transform_fold(splits, as_=["data set", "value"])
            .transform_filter("isValid(datum.value)")
            .mark_line(point=len(epochs) < 40, strokeWidth=1.5)
            .encode(
                x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1)),
                y=alt.Y(
                    "value:Q", title=name.replace("_", " "), scale=alt.Scale(zero=False), axis=alt.Axis(format="~g")
                ),
                color=_data_set_color(splits),
            )
        )
        rows = tuple((epoch, *(four_digits(both[split].get(epoch)) for split in splits)) for epoch in epochs)
        note = f"The weights of epoch {best_epoch} were kept." if best_epoch is not None and name == "loss" else ""
        yield Chart(f"{name.replace('_', ' ')} by epoch", ("epoch", *splits), rows, finished(line), note)


def timeline(facts: ReportFacts) -> Chart | None:
    """When each component began and how long it took."""
    nodes = [each for each in facts.run.nodes if each.began is not None]
    if not nodes:
        return None
    names = [each.name for each in nodes]
    states = [each for each in _STATES if any(node.state == each for node in nodes)]
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_bar(height=9)
        .encode(
            x=alt.X("began:Q", title="seconds since the first component began", axis=alt.Axis(tickCount=12)),
            x2="ended:Q",
            y=alt.Y("component:N", sort=names, title=None, axis=alt.Axis(labelLimit=130)),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=states, range=[_STATES[each] for each in states]),
                legend=alt.Legend(title=None, orient="top"),
            ),
        )
    )
    rows = tuple(
        (each.name, four_digits(each.began), four_digits((each.began or 0.0) + (each.seconds or 0.0)), each.state)
        for each in nodes
    )
    return Chart("Time line", ("component", "began", "ended", "state"), rows, finished(chart, ROW * len(nodes)))


def slice_chart(evaluation: EvaluationFacts) -> Chart | None:
    """One metric on the weakest slices, the weakest first."""
    metric = evaluation.ranked_by
    having = [each for each in evaluation.slices if each.metrics.get(metric) is not None]
    known = having[:_MOST_SLICES]
    if not known:
        return None
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_circle(color=COLORS["train"], opacity=1)
        .encode(
            x=alt.X("value:Q", title=metric, scale=alt.Scale(zero=False), axis=alt.Axis(format="~g", tickCount=10)),
            y=alt.Y("slice:N", title=None, sort=[each.name for each in known], axis=alt.Axis(labelLimit=180)),
            size=alt.Size("rows:Q", title="rows", scale=alt.Scale(range=[30, 300]), legend=None),
        )
    )
    spec = finished(chart, ROW * len(known))
    rows = tuple((each.name, four_digits(each.metrics[metric]), each.rows) for each in known)
    of_all = len(having) + evaluation.more_slices
    which = f"The weakest {len(known)} of {counted(of_all, 'slice')}. " if of_all > len(known) else ""
    note = f"{which}The size of a point is that of the slice."
    return Chart(f"{metric} by slice", ("slice", "value", "rows"), rows, spec, note)


def metric_over_runs(metric: str, runs: Sequence[tuple[str, RunLine]]) -> Chart:
    """A metric by the moment of the run, and what became of the run."""
    known = [(moment, each) for moment, each in runs if each.metrics.get(metric) is not None]
    states = ["pushed", "refused", "stopped"]
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_point(filled=True, size=60, opacity=1)
        .encode(
            x=alt.X("moment:T", title="run, UTC", scale=alt.Scale(type="utc")),
            y=alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False)),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=states, range=[COLORS["test"], "#d24b4b", "#8a8f98"]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            shape=alt.Shape("state:N", scale=alt.Scale(domain=states)),
        )
    )
    rows = tuple((moment, four_digits(each.metrics[metric]), each.state) for moment, each in known)
    return Chart(f"{metric} over the runs", ("moment", "value", "state"), rows, finished(chart))


def measured_chart(plot: Plot) -> Chart:
    """A latency or the memory that the smoke test measured, with the champion's beside it."""
    sides = ("this model", "champion") if plot.champion else ("this model",)
    # Vega-Lite takes a dot in a field's name for a path.
    across = plot.across.replace(".", "")
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .transform_fold(list(sides), as_=["model", "value"])
        .mark_line(strokeWidth=1.5)
        .encode(
            x=alt.X(f"{across}:Q", title=across, scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y("value:Q", title=plot.upwards, scale=alt.Scale(zero=True)),
            color=alt.Color(
                "model:N",
                scale=alt.Scale(domain=list(sides), range=[COLORS["train"], COLORS["eval"]][: len(sides)]),
                legend=alt.Legend(title=None, orient="top") if plot.champion else None,
            ),
        )
    )
    rows = tuple((place, ours, *((theirs,) if plot.champion else ())) for place, ours, theirs in plot.rows())
    return Chart(plot.title, (across, *sides), rows, finished(chart))


def smoke_seconds(smoke_test: SmokeTestFacts) -> Chart | None:
    """What the smoke test's time went into."""
    parts: dict[str, float] = {}
    for name, seconds in smoke_test.seconds.items():
        if name != "total":
            family = name.partition(":")[0].partition(" (")[0]
            parts[family] = parts.get(family, 0.0) + seconds
    longest = sorted(parts, key=lambda name: -parts[name])[:12]
    if not longest:
        return None
    chart = (
        alt.Chart(alt.NamedData(TABLE))
        .mark_bar(color=COLORS["train"])
        .encode(
            x=alt.X("seconds:Q", title="seconds", axis=alt.Axis(tickCount=12)),
            y=alt.Y("phase:N", sort=longest, title=None, axis=alt.Axis(labelLimit=130)),
        )
    )
    spec = finished(chart, ROW * len(longest))
    return Chart(
        "Where the smoke test's time went",
        ("phase", "seconds"),
        tuple((n, four_digits(parts[n])) for n in longest),
        spec,
    )
