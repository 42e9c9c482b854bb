"""`lockgate predict`: parse, predict, print. The work is in `pipeline.operate.predict`."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Literal

import click

from pipeline.code.heavy_imports import uncollected
from pipeline.commands.completing import completed_files
from pipeline.commands.shared import (
    EXIT_REFUSED,
    config_argument,
    explains_failures,
    noise_kept_back,
    say,
    set_option,
    terminable,
)

_FORMATS = ("parquet", "csv", "jsonl")
_STEP = "Predict"


@click.command("predict")
@config_argument
@click.option(
    "--input",
    "place",
    metavar="PATH",
    help="A file, a folder or a quoted glob; also a URL.",
    shell_complete=completed_files,
)
@click.option("--query", metavar="SQL", help="Instead: what to read from the database of data.sql.")
@click.option(
    "--output",
    required=True,
    metavar="PATH",
    help="A file ending in .parquet, .csv or .jsonl; else a folder.",
    shell_complete=completed_files,
)
@click.option("--format", "fmt", type=click.Choice(_FORMATS), help="Of the files in a folder; parquet.")
@click.option("--keep", metavar="COLUMNS", help="The columns to keep, with commas between them; without it all.")
@click.option("--version", type=click.IntRange(min=0), help="Another version than the one that is served.")
@click.option("--overwrite", is_flag=True, help="Replaces predictions that are there.")
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object; everything else goes to stderr.")
@set_option
@explains_failures
def predict_command(
    config: Path,
    place: str | None,
    query: str | None,
    output: str,
    fmt: Literal["parquet", "csv", "jsonl"] | None,
    keep: str | None,
    version: int | None,
    overwrite: bool,
    as_json: bool,
    overrides: tuple[str, ...],
) -> None:
    """Predicts the rows of a table with the served version.

    Ends with `predicted: PATH`; rows that can't be read are in a file of their own, and the exit code is then 3.

    \b
    Example:
      lockgate predict birds/pipeline.yaml --input new.csv --output predictions.parquet
    """
    if (place is None) == (query is None):
        raise click.UsageError("give either --input or --query")
    from pipeline.config.loader import load
    from pipeline.operate.predict.request import Request, checked
    from pipeline.screen.console import Screen

    with terminable(), contextlib.closing(Screen(sys.stderr if as_json else sys.stdout)) as screen:
        loaded = load(config, overrides)
        request = Request(place, query, output, fmt, keep, version, overwrite)
        asked = checked(loaded, request)
        with noise_kept_back(), screen.following():
            # Here and not at the top: seconds of TensorFlow that a mistake in the places above must not pay.
            with uncollected():
                from pipeline.operate.predict.prediction import predict

            screen.step(_STEP, "running", 0.0)
            predicted = predict(loaded, asked)
            screen.step(_STEP, "done", predicted.seconds)
    for line in predicted.lines():
        say(line, err=as_json)
    if as_json:
        say(json.dumps(predicted.to_json(), indent=1))
    if predicted.bad_rows:
        sys.exit(EXIT_REFUSED)
