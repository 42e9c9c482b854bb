"""`lockgate run`: parse, run, print. What a run is stands in `pipeline.run`."""

import contextlib
import sys
from pathlib import Path

import click

from pipeline.commands.completing import completed_components
from pipeline.commands.shared import (
    EXIT_REFUSED,
    config_argument,
    explains_failures,
    say,
    set_option,
    terminable,
)


@click.command("run")
@config_argument
@set_option
@click.option(
    "--from",
    "first",
    metavar="COMPONENT",
    help="Runs this component and all that depend on it again.",
    shell_complete=completed_components,
)
@click.option(
    "--to", "last", metavar="COMPONENT", help="Stops after this component.", shell_complete=completed_components
)
@click.option("--no-cache", is_flag=True, help="Runs every component again.")
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object; everything else goes to stderr.")
@explains_failures
def run_command(
    config: Path, overrides: tuple[str, ...], first: str | None, last: str | None, no_cache: bool, as_json: bool
) -> None:
    """Runs the pipeline in CONFIG on this machine.

    Ends with `pushed: PATH` (exit code 0), or `refused: GATE: reason` (exit code 3).

    \b
    Example:
      lockgate run data/penguins/pipeline.yaml --to Transform
    """
    from pipeline.config.loader import load
    from pipeline.run import run_pipeline
    from pipeline.screen.console import Screen
    from pipeline.selection import Selection

    with terminable():
        loaded = load(config, overrides)
        selection = Selection(first, last, use_cache=not no_cache)
        if mistake := selection.mistake(loaded.config):
            raise click.UsageError(mistake)
        with contextlib.closing(Screen(sys.stderr if as_json else sys.stdout)) as screen:
            result = run_pipeline(loaded, screen, selection)
            screen.result(result, loaded.config)
    if as_json:
        say(result.to_json())
    if result.state == "refused":
        sys.exit(EXIT_REFUSED)
