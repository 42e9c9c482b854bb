"""One page over all runs of a root: verdicts, metrics over time, pushes, with links to each run's page."""

from pathlib import Path

from components.artifacts.reports import PAGE_FILE
from pipeline.files.whole_file import write_whole
from pipeline.report.page import environment, libraries
from pipeline.report.run_facts import moment
from pipeline.results.listing import listed_runs
from preprocessing.errors import UserError

INDEX_FILE = "index.html"
"""The page's name in `<root>/runs`."""


def write_index(root: Path) -> Path:
    """Writes the page.

    Raises:
      UserError: no run was made in the root.
      OSError: it can't be written.
    """
    # Altair is a third of a second.
    from pipeline.report.charts import metric_over_runs

    runs = list(listed_runs(root))
    if not runs:
        raise UserError(f"{root}: no run was made there", hint="lockgate run CONFIG makes one")
    names = list(dict.fromkeys(name for each in runs for name in each.metrics))
    charts = [metric_over_runs(name, [(moment(each.id), each) for each in reversed(runs)]) for name in names[:6]]
    pages = {each.id for each in runs if (root / "runs" / each.id / PAGE_FILE).is_file()}
    text = (
        environment()
        .get_template("index.html.jinja")
        .render(root=str(root), runs=runs, names=names, charts=charts, pages=pages, libraries=libraries())
    )
    page = root / "runs" / INDEX_FILE
    write_whole(page, text)
    return page
