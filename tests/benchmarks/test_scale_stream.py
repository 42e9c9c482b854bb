"""Rows from a generator through ExampleGen and StatisticsGen: all of them, and in flat memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scale_parts import stream, table
from tensorflow_metadata.proto.v0 import statistics_pb2

ROWS = 20_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two files of three blocks and of one, all through both components."""
    root = tmp_path_factory.mktemp("stream")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "FILE_ROWS", 15_000)
        patch.setattr(stream, "BLOCK_ROWS", 6000)
        # So that both files are larger than a block, and ExampleGen divides them.
        patch.setattr(stream, "ROW_BYTES", 4000)
        stream.write_source(root / "source", ROWS)
        stream.make_examples(root)
        stream.make_statistics(root)
    return root


def test_the_source_is_no_table(made: Path):
    found = [file.stat() for file in sorted((made / "source").iterdir())]
    assert [each.st_size for each in found] == [15_000 * 4000, 5000 * 4000]
    assert sum(each.st_blocks for each in found) * 512 < 100_000


def test_examplegen_writes_every_generated_row(made: Path):
    report = json.loads((made / "examples" / "ingest.json").read_text())
    assert sum(report["rows"].values()) == ROWS
    assert [each["rows"] for each in report["files"]] == [15_000, 5000]
    assert report["types"] == dict(stream.TYPES)
    # A shard of each split for each of the 3 + 1 blocks.
    assert len(list((made / "examples" / "Split-train").glob("*.gz"))) == 4


def test_statisticsgen_counts_what_was_generated(made: Path):
    counted, labels, references = 0, {"no": 0.0, "yes": 0.0}, 0
    for split in ("train", "eval", "test"):
        content = (made / "statistics" / f"Split-{split}" / "FeatureStats.pb").read_bytes()
        [found] = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets
        features = {each.path.step[0]: each for each in found.features}
        counted += found.num_examples
        references += features["reference"].string_stats.unique
        for value in features["label"].string_stats.top_values:
            labels[value.value] += value.frequency
    assert counted == ROWS
    assert labels == {"no": ROWS / 2, "yes": ROWS / 2}
    assert references == ROWS


def test_blocks_give_the_same_rows_whoever_reads_them(tmp_path: Path):
    stream.write_source(tmp_path / "source", 20_000)
    [file] = map(str, (tmp_path / "source").iterdir())
    reader = stream.GeneratedReader()
    [block] = reader.plan(file)
    once, again = (list(reader.read(block)) for _ in range(2))
    assert [each.batch for each in once] == [each.batch for each in again]
    assert np.concatenate([each.places for each in once]).tolist() == list(range(1, 20_001))
    assert max(each.batch.num_rows for each in once) <= 8192


@pytest.mark.parametrize("columns", [2, 10, 40])
def test_a_table_has_the_columns_that_its_configuration_names(columns: int):
    drawn = table.piece(table.Shape(500, columns), 0)
    config = table.config(table.Shape(500, columns), Path("t.parquet"), Path("root"), "auto")
    named = [
        name for part in ("numeric", "categorical") for each in config["features"][part] for name in each["columns"]
    ]
    assert sorted([*named, table.LABEL]) == sorted(drawn.schema.names)
    assert drawn.num_columns == columns
    assert set(drawn[table.LABEL].to_pylist()) == set(table.CLASSES)


def test_a_table_is_the_same_each_time_and_as_long_as_was_asked_for(monkeypatch):
    monkeypatch.setattr(table, "PIECE", 400)
    shape = table.Shape(1000, 10)
    pieces = list(table.pieces(shape))
    assert [each.num_rows for each in pieces] == [400, 400, 200]
    assert pieces[1].equals(table.piece(shape, 400))
    assert not pieces[1].equals(pieces[0])


@pytest.mark.slow
def test_more_rows_take_no_more_memory(tmp_path: Path):
    """Seven times the rows, of which each takes about 70 bytes as an example: 42 MB, if one were kept."""
    script = Path(stream.__file__).parents[1] / "scale.py"
    options = ["--stream=100000", "--stream=700000", f"--work={tmp_path}", f"--results={tmp_path / 'scale.json'}"]
    done = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "scale.json").read_text())["streams"]
    peaks = {(each["component"], each["rows"]): each["peak_mib"] for each in found}
    assert peaks["ExampleGen", 700_000] < peaks["ExampleGen", 100_000] + 20
