"""The report as one HTML page: nothing from elsewhere, readable without scripts and in print."""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from components.smoke_test.page import families
from components.smoke_test.plot import plots
from components.smoke_test.report import CheckResult
from pipeline.report.charts import (
    MOST_FEATURES,
    Chart,
    almost_all_different,
    curve_charts,
    feature_charts,
    measured_chart,
    slice_chart,
    smoke_seconds,
    timeline,
)
from pipeline.report.comparison_charts import comparison_charts
from pipeline.report.evaluation_charts import evaluation_charts
from pipeline.report.facts import ReportFacts
from pipeline.report.graph_svg import graph_svg
from preprocessing.text import counted, printable

_VENDOR = Path(__file__).with_name("vendor")
_LIBRARIES = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js")


def render(facts: ReportFacts) -> str:
    """The page as HTML text.

    Args:
      facts: of the run.
    """
    template = environment().get_template("page.html.jinja")
    return template.render(facts=facts, libraries=libraries(), **_drawn(facts))


def environment() -> Environment:
    """What the pages' templates are made with: everything is escaped."""
    made = Environment(
        loader=PackageLoader("pipeline.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "printable": partial(printable, keep="\n"),
        "counted": counted,
        "number": _number,
        "percent": _percent,
        "level": lambda share: f"{100 * share:g} %",
        "script": _script,
        "beside": _beside,
    }
    return made


def _drawn(facts: ReportFacts) -> dict[str, Any]:
    """The charts and lists that the template places."""
    data, training, evaluation, smoke_test = facts.data, facts.training, facts.evaluation, facts.smoke_test
    checks = [check for family in smoke_test.families for check in family.checks] if smoke_test is not None else []
    return {
        "graph": graph_svg(facts.run.nodes),
        "timeline": timeline(facts),
        "features": list(feature_charts(data)) if data is not None else [],
        "most_features": MOST_FEATURES,
        "different": [each.name for each in data.features if almost_all_different(each)] if data is not None else [],
        "curves": list(curve_charts(training.curves, training.best_epoch)) if training is not None else [],
        "beside": list(comparison_charts(facts)),
        "evaluation": list(evaluation_charts(evaluation)) if evaluation is not None else [],
        "slices": slice_chart(evaluation) if evaluation is not None else None,
        "smoke_families": list(families(checks)),
        "smoke_seconds": smoke_seconds(smoke_test) if smoke_test is not None else None,
        "measured": [measured_chart(each) for each in plots(checks)],
        "failed": [check for check in checks if _weight(check) > 0],
    }


def _weight(check: CheckResult) -> int:
    return (2 if check.severity == "block" else 1) if check.status == "failed" else 0


@cache
def libraries() -> Markup:
    """The three libraries; they hold no end of a script element, which a test checks."""
    return Markup("\n").join(Markup((_VENDOR / name).read_text(encoding="utf-8")) for name in _LIBRARIES)  # noqa: S704


def _script(chart: Chart) -> Markup:
    """A specification inside a script element: what could end the element is escaped."""
    text = json.dumps(chart.spec, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _beside(uri: str) -> str:
    """An artifact's folder, `<root>/<node>/<output>/<number>`, from the folder of a run, `<root>/runs/<id>`."""
    return quote("/".join(["..", "..", *uri.rstrip("/").split("/")[-3:], ""]))


def _number(value: float | None) -> str:
    """Four digits, and counts in full; a dash where there is no number."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 1000 else f"{value:.4g}"


def _percent(value: float | None) -> str:
    if value is None:
        return "-"
    return "0 %" if value == 0 else f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.1f} %"
