"""`lockgate plan`: what a run would do, before anything starts. It writes nothing into the root."""

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.shared import (
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
    from pipeline.operate.plan import Plan
    from pipeline.screen.console import Screen
    from pipeline.selection import Selection


@click.command("plan")
@config_argument
@set_option
@selection_options
@json_option
@explains_failures
def plan_command(config: Path, overrides: tuple[str, ...], as_json: bool, **part: Any) -> None:
    """Says what a run of CONFIG would do: what comes from the cache, what runs, and why.

    For a component that runs: the input, parameter, data or code that differs from its newest execution in the root,
    old -> new. Nothing is run, and nothing is written into the root.

    \b
    Example:
      lockgate plan birds/pipeline.yaml --set train.epochs=50
    """
    from pipeline.config.loader import load

    with terminable():
        loaded = load(config, overrides)
        show_plan(loaded, selected(loaded.config, **part), as_json=as_json)


def show_plan(loaded: "LoadedConfig", selection: "Selection", *, as_json: bool) -> None:
    """Makes a plan and prints it.

    Args:
      loaded: the configuration.
      selection: which part of the graph is meant.
      as_json: prints the plan as one JSON object.
    """
    from pipeline.operate.plan import make_plan
    from pipeline.screen.console import Screen

    # What prepares the plan is no part of it.
    with contextlib.closing(Screen(sys.stderr)) as preparing:
        found = make_plan(loaded, preparing, selection)
    if as_json:
        say(json.dumps(found.to_json(), indent=1))
        return
    with contextlib.closing(Screen(sys.stdout)) as screen:
        print_plan(found, screen)


def print_plan(plan: "Plan", screen: "Screen") -> None:
    """Prints a plan."""
    from pipeline.operate.plan_text import plan_lines

    for line in plan_lines(plan):
        screen.show(line)
