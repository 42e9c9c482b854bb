"""`lockgate run`: parse, run, print. What a run is stands in `pipeline.run`."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.shared import (
    EXIT_REFUSED,
    config_argument,
    explains_failures,
    json_option,
    say,
    selected,
    selection_options,
    set_option,
    terminable,
)

if TYPE_CHECKING:
    from pipeline.config.loader import LoadedConfig
    from pipeline.selection import Selection


@click.command("run")
@config_argument
@set_option
@selection_options
@click.option("--dry-run", is_flag=True, help="Says what would run and why, as lockgate plan does; nothing is run.")
@json_option
@explains_failures
def run_command(config: Path, overrides: tuple[str, ...], dry_run: bool, as_json: bool, **part: Any) -> None:
    """Runs the pipeline in CONFIG on this machine.

    Ends with `pushed: PATH` (exit code 0), or `refused: GATE: reason` (exit code 3).

    \b
    Example:
      lockgate run data/penguins/pipeline.yaml --to Transform
    """
    from pipeline.config.loader import load

    with terminable():
        loaded = load(config, overrides)
        selection = selected(loaded.config, **part)
        if dry_run:
            from pipeline.commands.plan import show_plan

            show_plan(loaded, selection, as_json=as_json)
            return
        run_and_end(loaded, selection, as_json=as_json)


def run_and_end(loaded: "LoadedConfig", selection: "Selection", *, as_json: bool) -> None:
    """Runs a pipeline, shows its end, and exits with 3 where a gate refuses.

    Args:
      loaded: the configuration.
      selection: which part of the graph.
      as_json: prints the result on stdout, everything else on stderr.
    """
    from pipeline.run import run_pipeline
    from pipeline.screen.console import Screen

    with contextlib.closing(Screen(sys.stderr if as_json else sys.stdout)) as screen:
        result = run_pipeline(loaded, screen, selection)
        screen.result(result, loaded.config)
    if as_json:
        say(result.to_json())
    if result.state == "refused":
        sys.exit(EXIT_REFUSED)
