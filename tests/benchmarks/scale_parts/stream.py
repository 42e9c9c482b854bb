"""Rows from a generator, in no file, through ExampleGen's own executor, and its shards through StatisticsGen's."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa

from components.example_gen.block import Block, FeatureType, Rows

from ..whole.results import commit
from .process import Meter, forked
from .results import Stream

TYPES: Mapping[str, FeatureType] = {
    "label": "string", "number": "double", "whole": "int64", "category": "string", "reference": "string",
}  # fmt: skip
BLOCK_ROWS = 400_000
"""Rows of one block: about 16 MB of values, as `data.block_mb` has it by default."""
FILE_ROWS = 4_000_000
"""Rows of one file that isn't there."""
ROW_BYTES = 48
"""Of a row in a file that isn't there, so that ExampleGen divides the work as it would that of real files."""
_PIECE_ROWS = 8192
"""As the readers of real formats give them."""
_CATEGORIES = pa.array([f"category {each}" for each in range(40)])
_SEED = 23


@dataclass(frozen=True)
class GeneratedReader:
    """A reader whose rows are drawn and not read: a `components.example_gen.block.Reader`.

    A file's first line is the number of its rows; these depend on the file's name and on where they stand in it.
    """

    def columns(self, file: str) -> list[str]:
        """The column names."""
        del file
        return list(TYPES)

    def plan(self, file: str) -> Iterator[Block]:
        """Blocks of `BLOCK_ROWS` rows."""
        with Path(file).open("rb") as source:
            rows = int(source.readline())
        for number, start in enumerate(range(0, rows, BLOCK_ROWS)):
            yield Block(file, number, start, min(start + BLOCK_ROWS, rows), start + 1)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The rows of one block, `_PIECE_ROWS` at a time."""
        del types
        file = int(Path(block.file).stem.rpartition("-")[2])
        for start in range(block.start, block.end, _PIECE_ROWS):
            rows = min(_PIECE_ROWS, block.end - start)
            yield Rows(drawn(file, start, rows), np.arange(start + 1, start + rows + 1))


def drawn(file: int, start: int, rows: int) -> pa.RecordBatch:
    """Some rows of a file: a label, a number, a whole number, a category, and a text that no other row has."""
    random = np.random.default_rng([_SEED, file, start])
    positions = np.arange(start, start + rows)
    columns = {
        "label": pa.array(np.where(positions % 2 == 0, "no", "yes")),
        "number": pa.array(random.normal(10, 2, rows)),
        "whole": pa.array(random.poisson(20, rows)),
        "category": _CATEGORIES.take(pa.array(random.integers(0, len(_CATEGORIES), rows))),
        # Multiplied by an odd number the positions stay different, and look like references.
        "reference": pa.array([f"{file:03d}-{each:08x}" for each in (positions * 2654435761) % 2**32]),
    }
    return pa.RecordBatch.from_pydict(columns)


def measure(rows: int, work: Path, *, quiet: bool, limit_s: float) -> Iterator[Stream]:
    """ExampleGen on so many generated rows, then StatisticsGen on what it wrote; each in a fork.

    Args:
      rows: of the source.
      work: a folder for the shards, which go when both are measured.
      quiet: whether nothing else works on the machine.
      limit_s: seconds that a component may take.

    Raises:
      ForkError: one of them failed or took too long.
    """
    root = work.resolve() / f"stream-{rows}"
    shutil.rmtree(root, ignore_errors=True)
    write_source(root / "source", rows)
    for component, make in (("ExampleGen", make_examples), ("StatisticsGen", make_statistics)):
        found = forked(lambda make=make: make(root), root / "log.txt", limit_s)
        shards = sum(path.stat().st_size for path in (root / "examples").glob("Split-*/*.gz"))
        date = datetime.now(UTC).isoformat(timespec="seconds")
        yield Stream(
            rows, component, **found, shards_mb=round(shards / 1e6, 1), quiet=quiet, commit=commit(), date=date
        )
    shutil.rmtree(root)


def write_source(folder: Path, rows: int) -> None:
    """Files that say how many rows they stand for, `FILE_ROWS` each at most.

    They are as long as these rows would be, and take no room: all after the first line is a hole.
    """
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, rows, FILE_ROWS)):
        count = min(FILE_ROWS, rows - start)
        path = folder / f"part-{number:05d}.parquet"
        path.write_text(f"{count}\n", encoding="ascii")
        os.truncate(path, count * ROW_BYTES)


def make_examples(root: Path) -> dict[str, float]:
    """Runs ExampleGen's executor on the source of a root; what it took."""
    from tfx.proto import example_gen_pb2
    from tfx.utils import proto_utils

    from components.example_gen.config import DataConfig
    from components.example_gen.executor import Executor
    from components.example_gen.job import JOB_KEY, IngestJob

    split = example_gen_pb2.Input.Split(name="all", pattern="*.parquet")
    data = DataConfig(path=str(root / "source" / "*.parquet"))
    properties = {
        "input_base": str(root / "source"),
        "input_config": proto_utils.proto_to_json(example_gen_pb2.Input(splits=[split])),
        JOB_KEY: IngestJob(data=data, types=dict(TYPES), required=("label",)).to_json(),
    }
    meter, executor = Meter(), _executor(Executor, root)
    with generated():
        meter.begin()
        executor.Do({}, {"examples": [examples(root)]}, properties)
        return meter.end()


def make_statistics(root: Path) -> dict[str, float]:
    """Runs StatisticsGen's executor, on its fast path, on what ExampleGen wrote; what it took."""
    from tfx.types import standard_artifacts

    from components.engine import ENGINE_KEY
    from components.statistics_gen.executor import Executor

    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(root / "statistics")
    meter, executor = Meter(), _executor(Executor, root)
    meter.begin()
    executor.Do({"examples": [examples(root)]}, {"statistics": [statistics]}, {ENGINE_KEY: "auto"})
    return meter.end()


@contextlib.contextmanager
def generated() -> Iterator[None]:
    """Has ExampleGen read files by `GeneratedReader`; all else of it is as it is."""
    with mock.patch("components.example_gen.formats.registry._as_written", return_value=GeneratedReader()):
        yield


def examples(root: Path) -> Any:
    """The artifact that ExampleGen writes, as it is when it is done."""
    from tfx.components.util import examples_utils
    from tfx.proto import example_gen_pb2
    from tfx.types import artifact_utils, standard_artifacts

    from components.artifacts.splits import SPLITS

    artifact = standard_artifacts.Examples()
    artifact.uri = str(root / "examples")
    artifact.split_names = artifact_utils.encode_split_names(list(SPLITS))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, "tfrecords_gzip")
    return artifact


def _executor(kind: Any, root: Path) -> Any:
    runner = "--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
    # The second one keeps TFX from packing itself for workers elsewhere.
    options = [runner, "--sdk_container_image=none"]
    return kind(kind.Context(beam_pipeline_args=options, tmp_dir=str(root / "temporary"), unique_id="1"))
