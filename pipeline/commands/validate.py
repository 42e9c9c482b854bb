"""`lockgate validate`: what can be known to be wrong before anything runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.shared import config_argument, explains_failures, say, set_option
from pipeline.config.targets import TARGETS

if TYPE_CHECKING:
    from pipeline.config.problems import Problem
    from pipeline.config.targets import TargetName


@click.command("validate")
@config_argument
@set_option
@click.option("--target", type=click.Choice(TARGETS), help="Also checks whether it can run there.")
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object, of a configuration with problems too.")
@explains_failures
def validate_command(config: Path, overrides: tuple[str, ...], target: "TargetName | None", as_json: bool) -> None:
    """Checks CONFIG and the table's columns without running anything.

    \b
    Example:
      lockgate validate data/penguins/pipeline.yaml --set train.epochs=3
    """
    from pipeline.config.loader import load
    from pipeline.config.problems import ConfigError
    from pipeline.preflight.metadata_check import on_cluster
    from pipeline.preflight.notify_check import unset
    from pipeline.preflight.target_check import target_problems
    from pipeline.preflight.validate import notes, problems
    from preprocessing.text import printable

    try:
        loaded = load(config, overrides)
    except ConfigError as error:
        _say_problems(error.problems, as_json=as_json)
        raise
    if found := problems(loaded) if target is None else target_problems(loaded, target):
        _say_problems(found, as_json=as_json)
        raise ConfigError(found)
    told = [*notes(loaded), *(unset(loaded) if target is None else on_cluster(loaded, target))]
    features = loaded.config.features
    if as_json:
        facts = {"valid": True, "problems": [], "notes": told, "task": features.label.task}
        facts |= {"label": features.label.column, "features": len(features.columns())}
        say(json.dumps(facts | {"family": loaded.config.model.family, "target": target}, indent=1))
        return
    for note in told:
        say(f"  {printable(note)}")
    say(
        f"valid: {config} ({features.label.task} on {features.label.column!r}, {len(features.columns())} features, "
        f"{loaded.config.model.family}{f', for {target}' if target else ''})"
    )


def _say_problems(found: "Sequence[Problem]", *, as_json: bool) -> None:
    if as_json:
        say(json.dumps({"valid": False, "problems": [_plain(each) for each in found]}, indent=1))


def _plain(problem: "Problem") -> dict[str, Any]:
    """A problem as plain data; its message is the one on the screen."""
    return {
        "file": None if problem.file is None else str(problem.file),
        "line": problem.line,
        "field": problem.field,
        "message": problem.message,
        "received": problem.received,
        "allowed": list(problem.allowed),
        "nearest": problem.nearest,
        "hint": problem.hint,
    }
