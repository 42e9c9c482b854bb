"""The commands for other places than this machine: `lockgate compile` and `lockgate submit`."""

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.code.heavy_imports import uncollected
from pipeline.commands.completing import completed_files
from pipeline.commands.shared import (
    EXIT_ERROR,
    EXIT_REFUSED,
    config_argument,
    explains_failures,
    noise_kept_back,
    say,
    set_option,
    terminable,
)
from pipeline.config.targets import TARGETS

if TYPE_CHECKING:
    from pipeline.config.loader import LoadedConfig
    from pipeline.config.problems import Problem
    from pipeline.config.targets import Cluster, TargetName
    from pipeline.runners.compile.compiled import Compiled
    from pipeline.runners.compile.parameters import Value
    from pipeline.runners.submit.options import Options, Submitted
    from pipeline.runners.submit.outcome import Outcome

_LARGEST = 2**31 - 1
"""The largest number that a parameter can be: the trainer takes 32 bits."""
_target_option = click.option(
    "--target", type=click.Choice(TARGETS), required=True, help="Where to run it, as configured under `targets`."
)


@click.command("compile")
@config_argument
@_target_option
@click.option(
    "--output",
    help="The file to write, or - for stdout; NAME-TARGET.yaml unless given.",
    shell_complete=completed_files,
)
@set_option
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object about the file that was written.")
@explains_failures
def compile_command(
    config: Path, target: "TargetName", output: str | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Compiles CONFIG for Kubeflow Pipelines v2 or Vertex AI.

    Writes a PipelineSpec (YAML). Nothing is sent anywhere, and no credentials are needed.

    \b
    Example:
      lockgate compile data/penguins/pipeline.yaml --target kubeflow --output penguins.yaml
    """
    if output == "-" and as_json:
        raise click.UsageError("--output - prints the file: leave out --json")
    from pipeline.config.loader import load
    from pipeline.runners.compile.compiled import check_output

    with terminable(), noise_kept_back():
        loaded = load(config, overrides)
        file = Path(output or f"{loaded.config.name}-{target}.yaml")
        if output != "-":
            check_output(file)
        compiled = _compiled(loaded, target)
        if output == "-":
            say(compiled.text().rstrip("\n"))
            return
        compiled.write(file)
    if as_json:
        facts = {"file": str(file), "target": target, "steps": list(compiled.tasks), "parameters": compiled.parameters}
        say(json.dumps(facts, indent=1))
        return
    say(f"compiled: {file} ({len(compiled.tasks)} steps; parameters: {', '.join(compiled.parameters)})")


@click.command("submit")
@config_argument
@_target_option
@click.option(
    "--parameter",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Sets a parameter of this run, e.g. epochs=5. See `lockgate compile` for their names.",
)
@click.option(
    "--run-name", help="The run's name; must be new. Made from the pipeline's name and the time unless given."
)
@click.option("--schedule", is_flag=True, help="Creates, or replaces, the target's schedule instead of one run.")
@click.option("--wait", is_flag=True, help="Follows the run to its end, and exits as `lockgate run` does.")
@click.option("--dry-run", is_flag=True, help="Prints every request that would be made, and makes none.")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object; everything else goes to stderr.")
@explains_failures
def submit_command(
    config: Path,
    target: "TargetName",
    settings: tuple[str, ...],
    run_name: str | None,
    schedule: bool,
    wait: bool,
    dry_run: bool,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compiles CONFIG and submits it to Kubeflow Pipelines v2 or Vertex AI.

    Prints the run's link. With --wait it ends as `lockgate run` does: exit code 0 for a push, 3 for a gate's refusal.

    \b
    Example:
      lockgate submit data/penguins/pipeline.yaml --target kubeflow --dry-run
    """
    if schedule and (wait or run_name):
        raise click.UsageError("--schedule creates no run: leave out --wait and --run-name")
    from pipeline.config.loader import load
    from pipeline.preflight.target_check import configured_target
    from pipeline.runners.submit import submission
    from pipeline.runners.submit.options import Options

    with terminable():
        _check_text("--run-name", run_name or "")
        loaded = load(config, overrides)
        with noise_kept_back():
            compiled = _compiled(loaded, target)
            values = _parameters(settings, compiled)
            values = _checked(config, overrides, values, target)
        options = Options(run_name=run_name, parameters=values, schedule=schedule)
        place = configured_target(loaded, target)
        if dry_run:
            _print_plan(submission.printed(place, submission.plan(place, compiled, options)), as_json=as_json)
            return
        submitted = _submitted(place, compiled, options, as_json=as_json)
        outcome = _followed(place, compiled, submitted, as_json=as_json) if wait else None
        if outcome is not None and outcome.state == "failed" and target == "kubeflow":
            from pipeline.operate.notification import tell_of_failure

            tell_of_failure(loaded.config, submitted.id, outcome.reason)
    if as_json:
        facts = {"id": submitted.id, "link": submitted.link, "scheduled": schedule, "note": submitted.note}
        ended = {} if outcome is None else {"state": outcome.state, "reason": outcome.reason}
        say(json.dumps(facts | ended, indent=1))
    if outcome is not None and outcome.state != "pushed":
        sys.exit(EXIT_REFUSED if outcome.state == "refused" else EXIT_ERROR)


def _print_plan(text: str, *, as_json: bool) -> None:
    say(json.dumps({"requests": text}, indent=1) if as_json else text)


def _compiled(loaded: "LoadedConfig", target: "TargetName") -> "Compiled":
    from pipeline.config.problems import ConfigError
    from pipeline.preflight.target_check import target_problems

    if found := target_problems(loaded, target):
        raise ConfigError(found)
    with uncollected():
        # Here and not at the top: seconds of TFX that a mistake in the configuration need not pay.
        from pipeline.runners.compile.compiler import compile_pipeline

        return compile_pipeline(loaded, target)


def _parameters(settings: Sequence[str], compiled: "Compiled") -> dict[str, "Value"]:
    """The values in the parameters' types.

    Raises:
      UserError: there is no such parameter, or its value is of another type or too large.
    """
    from preprocessing.errors import UserError
    from preprocessing.nearest import nearest

    known = compiled.parameters
    values: dict[str, Value] = {}
    for setting in settings:
        _check_text("--parameter", setting)
        name, equals, text = setting.partition("=")
        if not equals or name not in known:
            close = nearest(name, known)
            raise UserError(
                f"--parameter {setting}: expected NAME=VALUE with one of {', '.join(known)}",
                hint=f"did you mean {close}?" if close and equals else "give one of these names",
            )
        if isinstance(known[name], int) and not (text.isascii() and text.isdecimal()):
            raise UserError(f"--parameter {setting}: expected a whole number", hint=f"for example {name}={known[name]}")
        if name in values:
            raise UserError(f"--parameter {setting}: {name} is set twice", hint="give it once")
        values[name] = _number(name, text) if isinstance(known[name], int) else text
    return values


def _number(name: str, digits: str) -> int:
    """A parameter's value as a number.

    Raises:
      UserError: it is too large.
    """
    from pipeline.config.problems import brief
    from preprocessing.errors import UserError

    significant = digits.lstrip("0") or "0"
    # Python itself reads so many digits only.
    if len(significant) > len(str(_LARGEST)) or int(significant) > _LARGEST:
        raise UserError(
            f"--parameter {name}: expected a whole number of at most {_LARGEST} (received {brief(digits)})",
            hint="give a smaller one",
        )
    return int(significant)


def _check_text(option: str, value: str) -> None:
    """Checks what will be sent.

    Raises:
      UserError: it has bytes that are not text in the terminal's encoding.
    """
    from preprocessing.errors import UserError

    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{option} {value!r}: expected text in UTF-8, received other bytes", hint="write it in UTF-8 or in ASCII"
        ) from error


def _checked(
    config: Path, overrides: Sequence[str], values: dict[str, "Value"], target: "TargetName"
) -> dict[str, "Value"]:
    """The values as the steps take them.

    Raises:
      ConfigError: a value could not stand in the configuration either.
    """
    if not values:
        return values
    from pipeline.config.loader import load
    from pipeline.config.on_target import serving_folder
    from pipeline.config.problems import ConfigError
    from pipeline.preflight.target_check import configured_target, target_problems
    from pipeline.runners.compile.parameters import PUSH_DIRECTORY, as_overrides

    laid_over = {name: as_overrides({name: value}, target) for name, value in values.items()}
    try:
        loaded = load(config, [*overrides, *(each for stated in laid_over.values() for each in stated)])
        found: Sequence[Problem] = target_problems(loaded, target)
    except ConfigError as error:
        found = error.problems
    if found:
        options = {each: f"--parameter {name}={values[name]}" for name, stated in laid_over.items() for each in stated}
        raise ConfigError([replace(problem, option=options.get(problem.override, "")) for problem in found])
    if PUSH_DIRECTORY in values:
        # Relative to the root, as in the configuration.
        return values | {PUSH_DIRECTORY: serving_folder(loaded.config, configured_target(loaded, target))}
    return values


def _submitted(place: "Cluster", compiled: "Compiled", options: "Options", *, as_json: bool) -> "Submitted":
    """Submits, and says what was made as soon as it is there, also where Ctrl-C cuts it short."""
    from pipeline.runners.submit import submission

    word = "scheduled" if options.schedule else "submitted"
    try:
        submitted = submission.submit(
            place, compiled, options, made=lambda made: say(f"{word}: {made.id}\n{made.link}", err=as_json)
        )
    except KeyboardInterrupt as stop:
        for note in getattr(stop, "__notes__", ()):
            say(note, err=True)
        raise
    if submitted.note:
        say(f"note: {submitted.note}", err=True)
    return submitted


def _followed(place: "Cluster", compiled: "Compiled", submitted: "Submitted", *, as_json: bool) -> "Outcome":
    """Shows the run's steps to its end."""
    from pipeline.runners.submit.follow import follow
    from pipeline.screen.console import Screen

    try:
        with contextlib.closing(Screen(sys.stderr if as_json else sys.stdout)) as screen:
            outcome = follow(place, compiled, submitted, screen.step)
    except KeyboardInterrupt:
        say(f"the run goes on: {submitted.link}", err=True)
        raise
    say(f"{outcome.state}: {outcome.reason}" if outcome.reason else outcome.state, err=as_json)
    return outcome
