"""The tables of metrics in the documents, made from the catalog so that the two can't drift apart.

`python -m pipeline.config.metric_reference` writes them between the markers in docs/metrics.md.
"""

from pathlib import Path

from components.evaluator.catalog import CATALOG, Metric
from pipeline.config.reference import between, rewrite

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
BEGIN = "<!-- tables of metrics: made by `python -m pipeline.config.metric_reference` -->"

_TITLES = {"binary": "Binary labels", "multiclass": "Several classes", "regression": "Regression"}
_HEAD = ("metric", "what it is", "range", "better", "good for", "no value when")


def render() -> str:
    """A table for each task, as Markdown."""
    lines = []
    for task, metrics in CATALOG.items():
        lines += [f"### {_TITLES[task]}", "", _row(_HEAD), "|" + "---|" * len(_HEAD)]
        lines += [*map(_metric, metrics), ""]
    return "\n".join(lines)


def update(page: str) -> str:
    """The page with the tables between its markers.

    Raises:
      ValueError: the markers are not there.
    """
    return between(page, BEGIN, render(), PAGE.name)


def _metric(metric: Metric) -> str:
    name = f"`{metric.name}`"
    if metric.setting == "quantiles":
        name = f"`{metric.name}_Q`"
    depends = f" Depends on `{metric.setting}`." if metric.setting else ""
    depends += " A threshold names the class: `of_class`." if metric.of_class else ""
    range_ = metric.range + (f" {metric.unit_in_words()}" if metric.unit else "")
    what = f"{metric.formula}.{depends}"
    return _row((name, what, range_, metric.better, metric.good_for, metric.undefined))


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Rewrites the tables in docs/metrics.md."""
    rewrite(PAGE, update(PAGE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
