"""The `lockgate` command: parse, delegate, print. Heavy imports happen in the command that needs them."""

import contextlib
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands import reports as report_commands
from pipeline.commands import targets as target_commands
from pipeline.commands.init_options import table_options
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
    from pipeline.config.targets import TargetName
    from preprocessing.config import Task


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lockgate")
def main() -> None:
    """Turns a table and one pipeline.yaml into a model that is safe to serve."""


@main.command()
@config_argument
@set_option
@click.option("--from", "first", metavar="COMPONENT", help="Runs this component and all that depend on it again.")
@click.option("--to", "last", metavar="COMPONENT", help="Stops after this component.")
@click.option("--no-cache", is_flag=True, help="Runs every component again.")
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object; everything else goes to stderr.")
@explains_failures
def run(
    config: Path, overrides: tuple[str, ...], first: str | None, last: str | None, no_cache: bool, as_json: bool
) -> None:
    """Runs the pipeline in CONFIG on this machine.

    Ends with `pushed: PATH` (exit code 0), or `refused: GATE: reason` (exit code 3).
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


@main.command()
@config_argument
@set_option
@click.option("--target", type=click.Choice(TARGETS), help="Also checks whether it can run there.")
@explains_failures
def validate(config: Path, overrides: tuple[str, ...], target: "TargetName | None") -> None:
    """Checks CONFIG and the table's columns without running anything."""
    from pipeline.config.loader import load
    from pipeline.config.problems import ConfigError
    from pipeline.preflight.target_check import target_problems
    from pipeline.preflight.validate import notes, problems
    from preprocessing.text import printable

    loaded = load(config, overrides)
    found = problems(loaded) if target is None else target_problems(loaded, target)
    if found:
        raise ConfigError(found)
    for note in notes(loaded):
        say(f"  {printable(note)}")
    features = loaded.config.features
    say(
        f"valid: {config} ({features.label.task} on {features.label.column!r}, {len(features.columns())} features, "
        f"{loaded.config.model.family}{f', for {target}' if target else ''})"
    )


main.add_command(target_commands.compile_command)
main.add_command(target_commands.submit_command)
main.add_command(report_commands.report_command)
main.add_command(report_commands.runs_command)
main.add_command(report_commands.diff_command)


@main.command("smoke-test")
@click.argument("model_dir", type=click.Path(path_type=Path))
@click.option(
    "--examples", type=click.Path(path_type=Path), help="Raw rows: TFRecord, CSV, Parquet, JSON Lines or Arrow."
)
@click.option("--schema", type=click.Path(path_type=Path), help="Their TFX schema, as text (schema.pbtxt).")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A YAML file with a smoke_test section, or with the fields of one.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Writes the report to this file.")
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path), help="Writes the report as an HTML page to this file."
)
@explains_failures
def smoke_test(
    model_dir: Path,
    examples: Path | None,
    schema: Path | None,
    config: Path | None,
    json_file: Path | None,
    html_file: Path | None,
) -> None:
    """Tests the SavedModel in MODEL_DIR, of any project, as a server would meet it.

    MODEL_DIR may also be a TFX Model artifact, or a server's folder of versions. Without examples the rows are made
    up from the schema, or from the signatures. Ends with `passed: ...` (exit code 0), or `refused: ...` (exit code 3).
    """
    from pipeline.commands.smoke_test import check_writable, run_smoke_test

    with terminable(), noise_kept_back():
        check_writable(json_file, html_file)
        tested = run_smoke_test(model_dir, examples=examples, schema=schema, config=config)
    from components.smoke_test.page import render
    from pipeline.screen.checks_table import rendered
    from pipeline.whole_file import write_whole

    if json_file is not None:
        write_whole(json_file, tested.report.model_dump_json(indent=2))
    if html_file is not None:
        write_whole(html_file, render(tested.report, title=str(tested.model)))
    say(rendered(tested.report, tested.notes, sys.stdout).rstrip("\n"))
    if not tested.report.blessed:
        sys.exit(EXIT_REFUSED)


@main.command()
def schema() -> None:
    """Prints the JSON Schema of pipeline.yaml."""
    from pipeline.config.json_schema import render

    say(render().rstrip("\n"))


@main.command()
@click.argument("name")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="A file, or a folder of files, of any format."
)
@click.option("--label", required=True, help="The column to predict.")
@click.option(
    "--task", type=click.Choice(["binary", "multiclass", "regression"]), help="Taken from the label unless given."
)
@click.option("--tune", is_flag=True, help="Also proposes a search for better settings before the training.")
@table_options
@explains_failures
def init(name: str, data: Path, label: str, task: "Task | None", tune: bool, **table: Any) -> None:
    """Looks at a table and writes NAME/pipeline.yaml and NAME/schema.pbtxt that run as they are."""
    from pipeline.commands.init_options import proposed
    from pipeline.scaffold import write

    proposal = dataclasses.replace(proposed(data, label, name=name, task=task, **table), tune=tune)
    path = write(proposal, Path(name))
    for note in proposal.notes:
        say(f"  {note}")
    say(f"wrote {path} and schema.pbtxt beside it\nnext: lockgate run {path}")


@main.command("accept-schema")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Does not ask.")
@explains_failures
def accept_schema(run: Path, yes: bool) -> None:
    """Makes the schema that a refused run proposes the curated one.

    RUN is the run's folder, as the refused run shows it. The change is shown first.
    """
    from pipeline.commands.accept_schema import read_proposal
    from pipeline.config.problems import shown
    from preprocessing.text import printable

    proposal = read_proposal(run)
    if proposal.accepted_already():
        say(f"{shown(proposal.target)} holds this schema already")
        return
    say("\n".join(map(printable, proposal.diff.splitlines())))
    if not yes and not _confirmed(f"Write this to {shown(proposal.target)}?"):
        say("nothing was changed", err=True)
        sys.exit(EXIT_ERROR)
    proposal.accept()
    say(f"wrote {shown(proposal.target)}")
    if proposal.replaces is None:
        say(f"next: set `data.schema: {proposal.target.name}` in {shown(proposal.config)}; then run it again")
    else:
        say(f"next: lockgate run {shlex.quote(shown(proposal.config))}")


def _confirmed(question: str) -> bool:
    """Whether a person says yes. The end of the input, or a closed one, means no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        say("", err=True)
        return False
