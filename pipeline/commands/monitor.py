"""`lockgate monitor`: parse, compare, print. What is compared stands in `pipeline.operate.monitor`."""

import json
import sys
from pathlib import Path

import click

from pipeline.code.heavy_imports import uncollected
from pipeline.commands.completing import completed_files
from pipeline.commands.shared import EXIT_REFUSED, config_argument, explains_failures, noise_kept_back, say, set_option
from pipeline.config.loader import load
from preprocessing.errors import UserError


@click.command("monitor")
@config_argument
@set_option
@click.option(
    "--requests",
    metavar="PLACE",
    shell_complete=completed_files,
    help="A request log's folder, or a CSV, Parquet or TFRecord file; else serving.request_log.folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object.")
@explains_failures
def monitor_command(config: Path, overrides: tuple[str, ...], requests: str | None, as_json: bool) -> None:
    """Compares the requests that a server kept with the data that the model learned from.

    The limits are those of data_gate.serving. Exit code 3 when one that blocks is exceeded.

    \b
    Example:
      lockgate monitor birds/pipeline.yaml --requests birds/requests
    """
    loaded = load(config, overrides)
    place = requests
    if place is None:
        folder = loaded.config.serving.request_log.folder
        if folder is None:
            raise UserError(
                "no requests were named", hint="give --requests FOLDER, or set serving.request_log.folder in the YAML"
            )
        place = str(loaded.resolve(folder))
    with noise_kept_back():
        # Here and not at the top: seconds of TFX that a mistake above need not pay.
        with uncollected():
            from pipeline.operate.monitor.comparing import monitor
            from pipeline.operate.monitor.table import text

        found = monitor(loaded, place)
    say(json.dumps(found.to_json(), indent=1) if as_json else text(found, sys.stdout))
    if found.exceeded:
        sys.exit(EXIT_REFUSED)
