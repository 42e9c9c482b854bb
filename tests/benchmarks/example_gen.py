"""Rows per second and peak memory of our ExampleGen and TFX's CsvExampleGen, on the same CSV file, in one session.

    .venv/bin/python tests/benchmarks/example_gen.py --rows 300000 --rows 3000000

The file is the flights data set (made by `data/flights/prepare.py`), written as CSV and repeated. Each measurement is
the executor's `Do`, from the CSV file to gzipped TFRecords in three splits, in a process of its own, because peak
memory is a process's; importing is not counted. The readers take turns, and the median of the times is shown.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

READERS = ("stock", "arrow")
RUNNER = ["--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"]
FLIGHTS = Path(__file__).parents[2] / "data" / "flights"
MB = 1 << 20


def main() -> None:
    """Parses the command line, measures, prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", help="of the CSV file; may be given several times")
    parser.add_argument("--repeat", type=int, default=1, help="measurements of each reader and size")
    parser.add_argument("--reader", choices=READERS, action="append", help="one alone (default: both)")
    parser.add_argument("--block-mb", type=int, default=16)
    parser.add_argument("--measure", nargs=3, metavar=("READER", "FILE", "OUT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(*args.measure, block_mb=args.block_mb)))
        return
    print(f"{'rows':>10} {'reader':8} {'seconds':>8} {'rows/s':>9} {'peak MiB':>9} {'output MB':>9} {'ratio':>6}")
    for rows in args.rows or [300_000, 3_000_000]:
        compare(rows, tuple(args.reader or READERS), args.repeat, args.block_mb)


def compare(rows: int, readers: tuple[str, ...], repeat: int, block_mb: int) -> None:
    """Measures the readers on a file of this size, by turns, and prints a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_csv(Path(folder) / "table", rows)
        results: dict[str, list[dict[str, Any]]] = {reader: [] for reader in readers}
        for turn in range(repeat):
            for reader in readers:
                out = Path(folder) / f"{reader}-{turn}"
                results[reader].append(child(reader, file, out, block_mb))
        seconds = {reader: statistics.median(each["seconds"] for each in results[reader]) for reader in readers}
        for reader in readers:
            last = results[reader][-1]
            ratio = f"{seconds['stock'] / seconds[reader]:6.1f}" if "stock" in seconds else ""
            print(
                f"{rows:10,} {reader:8} {seconds[reader]:8.1f} {rows / seconds[reader]:9,.0f} "
                f"{max(each['peak_mib'] for each in results[reader]):9,.0f} {last['output_mb']:9.1f} {ratio}",
                flush=True,
            )
            assert last["examples"] == rows, f"{reader} wrote {last['examples']} examples"


def write_csv(folder: Path, rows: int) -> Path:
    """The flights table, repeated up to this number of rows, as one CSV file in a folder of its own."""
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    schema = pq.read_schema(FLIGHTS / "train" / "flights.parquet")
    splits = [pq.read_table(FLIGHTS / split / "flights.parquet").cast(schema) for split in ("train", "eval", "test")]
    table = pa.concat_tables(splits)
    folder.mkdir()
    with pc.CSVWriter(folder / "flights.csv", table.schema) as writer:
        missing = rows
        while missing > 0:
            writer.write_table(table.slice(0, missing))
            missing -= min(missing, table.num_rows)
    return folder / "flights.csv"


def child(reader: str, file: Path, out: Path, block_mb: int) -> dict[str, Any]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, "--block-mb", str(block_mb), "--measure", reader, str(file), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(reader: str, file: str, out: str, block_mb: int) -> dict[str, Any]:
    """Runs one executor and measures it."""
    executor, properties = (stock if reader == "stock" else arrow)(Path(file), block_mb)
    from tfx.types import standard_artifacts

    examples = standard_artifacts.Examples()
    examples.uri = out
    before = _peak_mib()
    began = time.perf_counter()
    executor.Do({}, {"examples": [examples]}, properties)
    seconds = time.perf_counter() - began
    shards = list(Path(out).glob("Split-*/*.gz"))
    return {
        "seconds": seconds,
        "peak_mib": _peak_mib(),
        "imports_mib": before,
        "output_mb": sum(shard.stat().st_size for shard in shards) / 1e6,
        "examples": count(shards),
    }


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB


def count(shards: list[Path]) -> int:
    """The examples in gzipped TFRecord files."""
    import tensorflow as tf

    dataset = tf.data.TFRecordDataset([str(shard) for shard in shards], compression_type="GZIP")
    return int(dataset.batch(10_000).reduce(tf.constant(0, tf.int64), lambda n, batch: n + tf.size(batch, tf.int64)))


def properties_of(file: Path) -> dict[str, Any]:
    """What both executors are given."""
    from tfx.proto import example_gen_pb2
    from tfx.utils import proto_utils

    splits = [
        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=buckets)
        for name, buckets in (("train", 6), ("eval", 2), ("test", 2))
    ]
    return {
        "input_base": str(file.parent),
        "input_config": proto_utils.proto_to_json(
            example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern="*.csv")])
        ),
        "output_config": proto_utils.proto_to_json(
            example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits))
        ),
        "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
        "output_file_format": example_gen_pb2.FORMAT_TFRECORDS_GZIP,
    }


def stock(file: Path, block_mb: int) -> tuple[Any, dict[str, Any]]:
    """TFX's own executor."""
    del block_mb
    from tfx.components.example_gen.csv_example_gen.executor import Executor

    return Executor(_context(Executor)), properties_of(file)


def arrow(file: Path, block_mb: int) -> tuple[Any, dict[str, Any]]:
    """Ours. The types come from the schema, as in a run."""
    from components.example_gen.columns.use import schema_types
    from components.example_gen.config import DataConfig
    from components.example_gen.executor import Executor
    from components.example_gen.job import JOB_KEY, IngestJob

    job = IngestJob(
        data=DataConfig(path=str(file), block_mb=block_mb),
        types=schema_types(FLIGHTS / "schema.pbtxt"),
        required=("late",),
    )
    return Executor(_context(Executor)), properties_of(file) | {JOB_KEY: job.to_json()}


def _context(executor: Any) -> Any:
    return executor.Context(
        beam_pipeline_args=RUNNER, tmp_dir=os.environ.get("TMPDIR", tempfile.gettempdir()), unique_id="1"
    )


if __name__ == "__main__":
    main()
