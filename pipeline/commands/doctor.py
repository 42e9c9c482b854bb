"""`lockgate doctor`: what works on this machine, and what each missing thing would give."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.shared import EXIT_ERROR, explains_failures, say, set_option
from pipeline.config.targets import TARGETS

if TYPE_CHECKING:
    from pipeline.config.targets import TargetName


@click.command("doctor")
@click.argument("config", type=click.Path(path_type=Path), required=False)
@set_option
@click.option("--target", type=click.Choice(TARGETS), help="Requires that runs can be submitted there.")
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object.")
@explains_failures
def doctor_command(config: Path | None, overrides: tuple[str, ...], target: "TargetName | None", as_json: bool) -> None:
    """Says what works on this machine, and what each missing thing would give.

    With CONFIG also whether its variables are set and its targets answer. No secret is printed, and none is sent. Ends
    with exit code 1 where something is missing without which nothing runs.

    \b
    Example:
      lockgate doctor data/penguins/pipeline.yaml
    """
    if target is not None and config is None:
        raise click.UsageError("--target needs CONFIG, which says where that is")
    from pipeline.operate.doctor.diagnosis import Check, run_all, works
    from pipeline.operate.doctor.machine import machine
    from pipeline.operate.doctor.packages import package_checks
    from pipeline.operate.doctor.programs import program_checks
    from pipeline.operate.doctor.surroundings import configuration, google, surroundings

    found, root = [], Path.cwd()
    more = [Check("Google credentials", google)]
    if config is not None:
        loaded, diagnosis = configuration(config, overrides)
        found.append(diagnosis)
        if loaded is not None:
            root = loaded.root()
            more += surroundings(loaded, target)
    found += run_all([Check("machine", partial(machine, root)), *package_checks(), *program_checks(), *more])
    if as_json:
        say(json.dumps({"works": works(found), "checks": [each.to_json() for each in found]}, indent=1))
    else:
        from pipeline.operate.doctor.shown import in_lines

        say(in_lines(found, sys.stdout).rstrip("\n"))
    if not works(found):
        sys.exit(EXIT_ERROR)
