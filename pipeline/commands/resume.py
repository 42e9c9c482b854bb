"""`lockgate resume`: goes on with a run, through the same path as `lockgate run`: the cache."""

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.completing import completed_runs
from pipeline.commands.run import run_and_end
from pipeline.commands.shared import (
    EXIT_REFUSED,
    explains_failures,
    json_option,
    noise_kept_back,
    say,
    terminable,
)
from preprocessing.errors import UserError

if TYPE_CHECKING:
    from pipeline.operate.plan import Plan
    from pipeline.operate.resume import Unfinished


@click.command("resume")
@click.argument("run", type=click.Path(path_type=Path), required=False, shell_complete=completed_runs)
@click.option("--yes", is_flag=True, help="Takes the newest candidate without asking.")
@json_option
@explains_failures
def resume_command(run: Path | None, yes: bool, as_json: bool) -> None:
    """Goes on with a run that failed, was refused, interrupted or killed.

    Says which run, the first step that will run and what is reused; then runs the configuration that this run has
    stored. RUN is a run's folder, or the id of a run in the current folder; or a root or a pipeline.yaml, whose runs
    after the last one that ended well are the candidates. Of several it asks which.

    \b
    Example:
      lockgate resume birds/pipeline.yaml
    """
    from pipeline.operate.plan import make_plan
    from pipeline.operate.resume import make_ready
    from pipeline.screen.console import Screen

    with terminable():
        with noise_kept_back():
            chosen = _chosen(run, yes=yes, may_ask=not as_json and sys.stdin.isatty() and sys.stdout.isatty())
            ready = make_ready(chosen)
        with contextlib.closing(Screen(sys.stderr if as_json else sys.stdout)) as screen:
            screen.say(f"resume: {chosen.line()}")
            for note in ready.notes:
                screen.say(f" ! {note}", "yellow")
            plan = make_plan(ready.loaded, screen, ready.selection)
            for line in _first_and_reused(plan):
                screen.say(line)
            left = [step.name for step in plan.working() if step.name != "Pusher"]
            if not left and (verdict := plan.verdict()):
                screen.say(f"refused: {verdict}; change what it refused first", "bold red")
                if as_json:
                    say(json.dumps(plan.to_json(), indent=1))
                sys.exit(EXIT_REFUSED)
        run_and_end(ready.loaded, ready.selection, as_json=as_json)


def _chosen(place: Path | None, *, yes: bool, may_ask: bool) -> "Unfinished":
    """The run that is meant."""
    from pipeline.operate.resume import candidates, unfinished
    from pipeline.results.listing import named_run, root_of
    from pipeline.results.runs import only_run

    named = named_run(place)
    root = root_of(place) if named is None else named.parent.parent
    with only_run(root):  # a run that has no result yet may still be at work
        if named is not None:
            return unfinished(named)
        found = candidates(root)
    if len(found) == 1 or yes:
        return found[0]
    if not may_ask:
        lines = "\n".join(f"  {each.line()}" for each in found)
        raise UserError(
            f"{len(found)} runs of {root} can be gone on with:\n{lines}",
            hint="name one, or give --yes for the first of these, the newest",
        )
    return _asked(found)


def _asked(found: "Sequence[Unfinished]") -> "Unfinished":
    for number, each in enumerate(found, 1):
        say(f"  {number}  {each.line()}")
    answer: int = click.prompt("go on with which", type=click.IntRange(1, len(found)))
    return found[answer - 1]


def _first_and_reused(plan: "Plan") -> "list[str]":
    working, reused = plan.working(), [step.name for step in plan.reused()]
    first = working[0].name if working else "nothing"
    return [f"   first step that runs: {first}", f"   reused: {', '.join(reused) or 'nothing'}"]
