"""`lockgate show` and `lineage`: one run on the terminal, and what a version was made from."""

import json
import sys
from pathlib import Path

import click

from pipeline.commands.completing import completed_runs
from pipeline.commands.shared import explains_failures, json_option, noise_kept_back, say, terminable


@click.command("show")
@click.argument("run", type=click.Path(path_type=Path), required=False, shell_complete=completed_runs)
@json_option
@explains_failures
def show_command(run: Path | None, as_json: bool) -> None:
    """Shows RUN: how it ended, its gates, metrics, seconds, and what became of its model.

    RUN is a run's folder; or a root or a pipeline.yaml, whose newest run is meant; without it that of the current
    folder.

    \b
    Example:
      lockgate show data/penguins/pipeline.yaml
    """
    from pipeline.operate.run_view import run_view
    from pipeline.results.listing import run_of

    with terminable(), noise_kept_back():
        facts = run_view(run_of(run))
    if as_json:
        say(json.dumps(facts, indent=1))
        return
    from pipeline.screen.versions_table import run_table

    say(run_table(facts, sys.stdout).rstrip("\n"))


@click.command("lineage")
@click.argument("subject", metavar="VERSION|RUN", required=False, shell_complete=completed_runs)
@json_option
@click.option("--mermaid", "as_mermaid", is_flag=True, help="Prints a flowchart in Mermaid's language.")
@explains_failures
def lineage_command(subject: str | None, as_json: bool, as_mermaid: bool) -> None:
    """Says what a version, or the model of a run, was made from, and who pushed it.

    VERSION is a version's folder, also in a bucket: its manifest is enough. RUN is a run's folder; or a root or a
    pipeline.yaml, whose newest run is meant.

    \b
    Example:
      lockgate lineage output/serving/1790000000
      lockgate lineage data/penguins/pipeline.yaml --mermaid
    """
    if as_json and as_mermaid:
        raise click.UsageError("give one of --json and --mermaid")
    from pipeline.operate.lineage import lineage_of, lines, mermaid

    with terminable(), noise_kept_back():
        found = lineage_of(subject)
    if as_json:
        say(json.dumps(found.to_json(), indent=1))
    else:
        say(mermaid(found) if as_mermaid else "\n".join(lines(found)))
