"""The `lockgate` command: parse, delegate, print. Heavy imports happen in the command that needs them."""

import functools
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from preprocessing.config import Task

EXIT_ERROR, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 3, 130

_set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Overrides a field, e.g. train.learning_rate=0.003.",
)
_config_argument = click.argument("config", type=click.Path(path_type=Path))


def _explains_failures(command: Callable[..., None]) -> Callable[..., None]:
    """A user's mistake ends in a message and exit code 1, a bug in a stack trace."""

    @functools.wraps(command)
    def wrapped(*args: Any, debug: bool, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            click.echo("interrupted: the same command goes on after the last finished component", err=True)
            sys.exit(EXIT_INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - the one place where every failure ends
            from pipeline.failures import explain

            message = explain(error)
            if debug or message is None:
                traceback.print_exc()
            click.echo(
                f"error: {message}" if message else "error: this is a bug; please report it with the trace above",
                err=True,
            )
            sys.exit(EXIT_ERROR)

    return click.option("--debug", is_flag=True, help="Shows the stack trace of an error.")(wrapped)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lockgate")
def main() -> None:
    """Turns a table and one pipeline.yaml into a model that is safe to serve."""


@main.command()
@_config_argument
@_set_option
@click.option("--from", "first", metavar="COMPONENT", help="Runs this component and what depends on it anew.")
@click.option("--to", "last", metavar="COMPONENT", help="Stops after this component.")
@click.option("--no-cache", is_flag=True, help="Runs every component anew.")
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object; everything else goes to stderr.")
@_explains_failures
def run(
    config: Path, overrides: tuple[str, ...], first: str | None, last: str | None, no_cache: bool, as_json: bool
) -> None:
    """Runs the pipeline in CONFIG on this machine.

    Ends with `pushed: PATH` (exit code 0), or `refused: GATE: reason` (exit code 3).
    """
    from pipeline.console import Screen
    from pipeline.loader import load
    from pipeline.run import run_pipeline

    loaded = load(config, overrides)
    screen = Screen(sys.stderr if as_json else sys.stdout)
    result = run_pipeline(loaded, screen, first=first, last=last, use_cache=not no_cache)
    screen.result(result, loaded.config)
    if as_json:
        click.echo(json.dumps(asdict(result), indent=1))
    if result.state == "refused":
        sys.exit(EXIT_REFUSED)


@main.command()
@_config_argument
@_set_option
@_explains_failures
def validate(config: Path, overrides: tuple[str, ...]) -> None:
    """Checks CONFIG and the table's columns without running anything."""
    from pipeline.loader import load
    from pipeline.problems import ConfigError
    from pipeline.validate import problems

    loaded = load(config, overrides)
    found = problems(loaded)
    if found:
        raise ConfigError(found)
    features = loaded.config.features
    click.echo(
        f"valid: {config} ({features.label.task} on {features.label.column!r}, {len(features.columns())} features, "
        f"{loaded.config.model.family})"
    )


@main.command()
def schema() -> None:
    """Prints the JSON Schema of pipeline.yaml."""
    from pipeline.json_schema import render

    click.echo(render(), nl=False)


@main.command()
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="A CSV or Parquet file.")
@click.option("--label", required=True, help="The column to predict.")
@click.option(
    "--task", type=click.Choice(["binary", "multiclass", "regression"]), help="Taken from the label unless given."
)
@_explains_failures
def init(name: str, data: Path, label: str, task: "Task | None") -> None:
    """Looks at a table and writes NAME/pipeline.yaml and NAME/schema.pbtxt that run as they are."""
    from pipeline.scaffold import propose, write

    proposal = propose(data, label, name=name, task=task)
    path = write(proposal, Path(name))
    for note in proposal.notes:
        click.echo(f"  {note}")
    click.echo(f"wrote {path} and schema.pbtxt beside it\nnext: lockgate run {path}")
