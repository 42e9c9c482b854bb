"""`lockgate report`, `runs` and `diff`: what runs did, to look at and to compare."""

import json
import sys
import webbrowser
from pathlib import Path

import click

from pipeline.code.heavy_imports import uncollected
from pipeline.commands.completing import completed_runs
from pipeline.commands.shared import explains_failures, noise_kept_back, say

_RUN = click.Path(path_type=Path)


@click.command("report")
@click.argument("run", type=_RUN, required=False, shell_complete=completed_runs)
@click.option("--open", "opened", is_flag=True, help="Opens the page in the browser.")
@click.option("--markdown", is_flag=True, help="Prints the report as Markdown, for a comment; no page is written.")
@click.option("--json", "as_json", is_flag=True, help="Prints every number of the page as one JSON object.")
@click.option("--against", type=_RUN, metavar="RUN", help="Another run, which the page shows beside this one.")
@click.option("--all", "index", is_flag=True, help="Makes one page over all runs of the root.")
@explains_failures
def report_command(
    run: Path | None, opened: bool, markdown: bool, as_json: bool, against: Path | None, index: bool
) -> None:
    """Makes the page of RUN, report.html in its folder, from the metadata store and the artifacts.

    RUN is a run's folder; or a root or a pipeline.yaml, whose newest run is meant; without it that of the current
    folder.

    \b
    Example:
      lockgate report data/penguins/pipeline.yaml --open
    """
    if sum((markdown, as_json, against is not None, index)) > 1:
        raise click.UsageError("give one of --markdown, --json, --against and --all")
    from pipeline.results.listing import root_of, run_of

    if markdown or as_json:
        _print_facts(run_of(run), as_json=as_json)
        return
    # All of it, for the imports of TensorFlow stand where a page needs them; one page is small beside these.
    with noise_kept_back(), uncollected():
        if index:
            from pipeline.report.index import write_index

            page = write_index(root_of(run))
        elif against is not None:
            from pipeline.report.written import write_comparison

            page = write_comparison(run_of(run), run_of(against))
        else:
            from pipeline.report.written import write_report

            page = write_report(run_of(run))
    say(f"report: {page}")
    if opened:
        webbrowser.open(page.resolve().as_uri())


def _print_facts(folder: Path, *, as_json: bool) -> None:
    from pipeline.report import markdown
    from pipeline.report.written import facts_of

    with noise_kept_back(), uncollected():
        facts = facts_of(folder)
    say((facts.to_json() if as_json else markdown.render(facts)).rstrip("\n"))


@click.command("runs")
@click.argument("root", type=_RUN, required=False)
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON array.")
@explains_failures
def runs_command(root: Path | None, as_json: bool) -> None:
    """Lists the runs of ROOT, newest first: a root, or a pipeline.yaml.

    \b
    Example:
      lockgate runs data/penguins/pipeline.yaml
    """
    from pipeline.results.listing import listed_runs, root_of

    place = root_of(root)
    found = list(listed_runs(place))
    if as_json:
        say(json.dumps([each.to_json() for each in found], indent=1))
    elif not found:
        say(f"no run was made in {place}")
    else:
        from pipeline.screen.runs_table import runs_table

        say(runs_table(found, sys.stdout).rstrip("\n"))


@click.command("diff")
@click.argument("run", type=_RUN, shell_complete=completed_runs)
@click.argument("other", type=_RUN, shell_complete=completed_runs)
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object.")
@explains_failures
def diff_command(run: Path, other: Path, as_json: bool) -> None:
    """Compares RUN with OTHER: settings, data, metrics, slices, seconds.

    Each is a run's folder; or a root or a pipeline.yaml, whose newest run is meant.

    \b
    Example:
      lockgate diff data/penguins/output/runs/20260301T120000Z data/penguins/pipeline.yaml
    """
    from pipeline.report.comparison import compare
    from pipeline.report.written import facts_of
    from pipeline.results.listing import run_of

    with noise_kept_back():
        found = compare(facts_of(run_of(run)), facts_of(run_of(other)))
    if as_json:
        say(found.model_dump_json(indent=1))
    else:
        from pipeline.screen.runs_table import comparison_tables

        say(comparison_tables(found, sys.stdout).rstrip("\n"))
