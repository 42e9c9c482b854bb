"""`lockgate schema`: what editors check a pipeline.yaml with."""

import click

from pipeline.commands.shared import say


@click.command("schema")
def schema_command() -> None:
    """Prints the JSON Schema of pipeline.yaml.

    \b
    Example:
      lockgate schema > pipeline.schema.json
    """
    from pipeline.config.json_schema import render

    say(render().rstrip("\n"))
