"""Rows a minute and peak memory of `lockgate predict`, on the table of a run repeated to several sizes.

    .venv/bin/python tests/benchmarks/prediction.py data/penguins/pipeline.yaml --rows 200000 --rows 2000000

The configuration has a pushed version (`lockgate run` first), and its table is CSV or Parquet. Each measurement is the
whole command in a process of its own: imports, the loading of the model, and the writing count.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.config.loader import load
from pipeline.preflight.table_files import table_files

LOCKGATE = [sys.executable, "-c", "from pipeline.cli import main; main(prog_name='lockgate')"]


def repeated(config: Path, rows: int, folder: Path) -> Path:
    """The table's rows as text or as they are, one after the other up to this number, in the table's own format."""
    loaded = load(config)
    files = [file for found in table_files(loaded.config.data, loaded.base).values() for file in found]
    suffix = files[0].suffix
    if suffix == ".csv":
        text = pa_csv.ConvertOptions(column_types=dict.fromkeys(_names(files[0]), pa.string()))
        table = pa.concat_tables(pa_csv.read_csv(file, convert_options=text) for file in files)
    else:
        table = pa.concat_tables([pq.read_table(file) for file in files], promote_options="permissive")
    path = folder / f"rows-{rows}{suffix}"
    writer = pa_csv.CSVWriter if suffix == ".csv" else pq.ParquetWriter
    with writer(path, table.schema) as out:
        missing = rows
        while missing > 0:
            out.write_table(table.slice(0, missing))
            missing -= min(missing, table.num_rows)
    return path


def _names(file: Path) -> list[str]:
    with pa_csv.open_csv(file) as reader:
        return list(reader.schema.names)


def measured(config: Path, place: Path, output: Path, options: Sequence[str]) -> dict[str, Any]:
    """One prediction in a process of its own."""
    command = [*LOCKGATE, "predict", str(config), "--input", str(place), "--output", str(output), "--json", *options]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    result = json.loads(printed)
    seconds = time.perf_counter() - began
    return {
        "rows": result["rows"],
        "bad_rows": result["bad_rows"],
        "engine": result["engine"],
        "output": output.suffix[1:],
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "rows_a_minute": round(60 * result["rows"] / seconds),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "input_mb": round(place.stat().st_size / 1e6, 1),
    }


def markdown(found: Sequence[dict[str, Any]]) -> str:
    """The numbers as the table of docs/benchmarks.md."""
    names = ("rows", "input", "output", "engine", "seconds", "CPU", "rows a minute", "peak memory")
    head = f"| {' | '.join(names)} |\n{'|---' * len(names)}|"
    lines = (
        f"| {each['rows']:,} | {each['input_mb']:g} MB | {each['output']} | {each['engine']} | {each['seconds']} | "
        f"{each['cpu_seconds']} | {each['rows_a_minute']:,} | {each['peak_mib']:,} MiB |"
        for each in found
    )
    return "\n".join([head, *lines])


@click.command(help=__doc__)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--rows", multiple=True, type=int, default=(200_000, 2_000_000), help="Of the input; several times.")
@click.option("--output", "outputs", multiple=True, default=("parquet",), help="Formats of the output.")
@click.option("--set", "overrides", multiple=True, help="As for lockgate predict, e.g. engine=beam.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Writes the numbers there.")
def main(
    config: Path, rows: Sequence[int], outputs: Sequence[str], overrides: Sequence[str], json_file: Path | None
) -> None:
    """Measures, prints, and writes."""
    options = [word for override in overrides for word in ("--set", override)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        found = []
        for count in rows:
            place = repeated(config, count, folder)
            found += [measured(config, place, folder / f"out-{count}.{output}", options) for output in outputs]
    click.echo(markdown(found))
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
