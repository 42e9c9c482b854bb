"""`lockgate why-cached`: the plan's table for a component of a past run."""

import contextlib
import json
import sys
from pathlib import Path

import click

from pipeline.commands.completing import completed_components, completed_runs
from pipeline.commands.shared import explains_failures, json_option, noise_kept_back, say


@click.command("why-cached")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completed_runs)
@click.argument("component", shell_complete=completed_components)
@json_option
@explains_failures
def why_cached_command(run: Path, component: str, as_json: bool) -> None:
    """Says why COMPONENT ran in RUN, or which run it was taken from.

    Of one that ran: what differed from its execution before, old -> new. RUN is a run's folder, or the id of a run in
    the current folder; or a root or a pipeline.yaml, whose newest run is meant.

    \b
    Example:
      lockgate why-cached birds/pipeline.yaml Trainer
    """
    from pipeline.operate.plan_text import change_lines
    from pipeline.operate.why_cached import why_cached
    from pipeline.results.listing import run_of
    from pipeline.screen.console import Screen

    with noise_kept_back():
        found = why_cached(run_of(run), component)
    if as_json:
        say(json.dumps(found.to_json(), indent=1))
        return
    with contextlib.closing(Screen(sys.stdout)) as screen:
        screen.say(found.line())
        for line in change_lines(found.changes):
            screen.show(line)
