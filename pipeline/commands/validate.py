"""`lockgate validate`: what can be known to be wrong before anything runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.shared import config_argument, explains_failures, say, set_option
from pipeline.config.targets import TARGETS

if TYPE_CHECKING:
    from pipeline.config.targets import TargetName


@click.command("validate")
@config_argument
@set_option
@click.option("--target", type=click.Choice(TARGETS), help="Also checks whether it can run there.")
@explains_failures
def validate_command(config: Path, overrides: tuple[str, ...], target: "TargetName | None") -> None:
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
