"""`lockgate init`: a table in, a pipeline.yaml and a schema out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.artifacts.schema import SCHEMA_FILE
from pipeline.commands.init_options import proposed, table_options
from pipeline.commands.shared import explains_failures, say

if TYPE_CHECKING:
    from preprocessing.config import Task


@click.command("init")
@click.argument("name")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="A file, a folder of files, of any format, or an SQLite database.",
)
@click.option("--label", required=True, help="The column to predict.")
@click.option(
    "--task", type=click.Choice(["binary", "multiclass", "regression"]), help="Taken from the label unless given."
)
@click.option("--tune", is_flag=True, help="Also proposes a search for better settings before the training.")
@click.option("--fast", is_flag=True, help="Proposes a small network that trains and answers fast, not the best model.")
@table_options
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object.")
@explains_failures
def init_command(
    name: str, data: Path, label: str, task: "Task | None", tune: bool, fast: bool, as_json: bool, **table: Any
) -> None:
    """Looks at a table and writes NAME/pipeline.yaml and NAME/schema.pbtxt that run as they are.

    \b
    Example:
      lockgate init birds --data data/penguins/penguins.csv --label species
    """
    from pipeline.scaffold import write

    proposal = proposed(data, label, name=name, task=task, fast=fast, tune=tune, **table)
    path = write(proposal, Path(name))
    if as_json:
        written = {"config": str(path), "schema": str(path.with_name(SCHEMA_FILE)), "notes": list(proposal.notes)}
        say(json.dumps(written, indent=1))
        return
    for note in proposal.notes:
        say(f"  {note}")
    say(f"wrote {path} and schema.pbtxt beside it\nnext: lockgate run {path}")
