"""`lockgate watch`: parse, watch, print. The loop stands in `pipeline.operate.watching`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.shared import config_argument, explains_failures, say, set_option, terminable

if TYPE_CHECKING:
    from pipeline.operate.watching.watcher import Said


@click.command("watch")
@config_argument
@set_option
@click.option("--once", is_flag=True, help="Ends after one run; at once where there is nothing to do (exit code 0).")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Prints one JSON object a line (one in all with --once); the rest to stderr.",
)
@explains_failures
def watch_command(config: Path, overrides: tuple[str, ...], once: bool, as_json: bool) -> None:
    """Waits for a new span or a changed table, has a run made of it, and waits again.

    Each run is what `lockgate run` does, in a process of its own. How long is waited is `watch:` in CONFIG. Ctrl-C or
    SIGTERM stops a run in order, and ends it.

    \b
    Example:
      lockgate watch data/penguins/pipeline.yaml --set watch.poll_seconds=10
    """
    from pipeline.config.loader import load
    from pipeline.operate.watching.child import run_apart
    from pipeline.operate.watching.watcher import SystemClock, Watcher

    latest: list[Said] = []

    def tell(each: "Said") -> None:
        latest[:] = [each]
        say(each.line(), err=as_json)
        if as_json and not once:
            say(json.dumps(each.to_json()))

    with terminable():
        watcher = Watcher(
            load=lambda: load(config, overrides),
            start=lambda: run_apart(str(config), overrides, sys.stderr if as_json else sys.stdout),
            say=tell,
            clock=SystemClock(),
        )
        code = watcher.run(once=once)
    if as_json:
        say(json.dumps(latest[0].to_json()))
    sys.exit(code)
