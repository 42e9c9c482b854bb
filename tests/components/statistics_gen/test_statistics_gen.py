"""The fast path's artifact is that of TFX's stock executor on Beam."""

import json
import logging
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from support.beam import BEAM_ARGS
from support.gated import write_records
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.components.statistics_gen import executor as stock
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact

from components.artifacts.ingest import IngestReport
from components.example_gen.encode import encoded, value_lists
from components.statistics_gen import executor as ours

Rows = list[dict[str, Any]]
KINDS = {
    "whole": pa.int64(), "number": pa.float64(), "weight": pa.float64(), "odd": pa.float64(), "constant": pa.int64(),
    "word": pa.string(), "id": pa.string(), "bytes": pa.binary(), "nothing": pa.string(), "rare": pa.string(),
    "numbers": pa.list_(pa.float64()), "wholes": pa.list_(pa.int64()), "words": pa.list_(pa.string()),
}  # fmt: skip
TYPES = {
    name: "int64" if kind in (pa.int64(), pa.list_(pa.int64())) else
    "double" if kind in (pa.float64(), pa.list_(pa.float64())) else "string"
    for name, kind in KINDS.items()
}  # fmt: skip


def table(rows: int, seed: int) -> Rows:
    """Every kind of feature, with missing values; more different ids than TFDV's sketch would hold."""
    rng = np.random.default_rng(seed)

    def some(values: list[Any], missing: float = 0.2) -> list[Any]:
        return [None if gone else value for gone, value in zip(rng.random(rows) < missing, values, strict=True)]

    def lists(values: list[Any]) -> list[list[Any]]:
        return [values[at : at + 1 + at % 3] for at in range(rows)]

    numbers = rng.lognormal(3, 2, rows).tolist()
    wholes = rng.integers(-1000, 10**6, rows).tolist()
    words = rng.choice(["a", "b", "ü", "", "a longer one", "long" * 400], rows).tolist()
    columns = {
        "whole": some(wholes),
        "number": some(numbers),
        "weight": rng.random(rows).round(3).tolist(),
        "odd": some(rng.choice([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e30, -1.5], rows).tolist()),
        "constant": [7] * rows,
        "word": some(words),
        "id": [f"id {number}" for number in rng.integers(0, 2 * rows, rows)],
        "bytes": some(rng.choice([b"\xff\x00", b"\xc3", b"fine"], rows).tolist()),
        "nothing": [None] * rows,
        "rare": [f"only {row}" if row == rows // 2 else None for row in range(rows)],
        "numbers": some(lists(numbers)),
        "wholes": some(lists(wholes)),
        "words": some(lists(words)),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def serialized(rows: Rows) -> list[bytes]:
    """As ExampleGen writes them."""
    arrays = [pa.array([row[name] for row in rows], kind) for name, kind in KINDS.items()]
    return encoded(value_lists(pa.RecordBatch.from_arrays(arrays, list(KINDS)))) if rows else []


def artifact(folder: Path, splits: Mapping[str, list[bytes]], types: dict[str, Any] | None) -> Artifact:
    """Examples in two shards a split, and ingest.json where the types are known."""
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names, examples.span = str(folder), json.dumps(list(splits)), 3
    for split, records in splits.items():
        for shard, part in enumerate((records[: len(records) // 2], records[len(records) // 2 :])):
            write_records(folder / f"Split-{split}" / f"data_tfrecord-0000{shard}-of-00002.gz", part)
    if types is not None:
        report = IngestReport(rows={split: len(records) for split, records in splits.items()}, files=(), types=types)
        (folder / "ingest.json").write_text(report.model_dump_json())
    return examples


def statistics(executor: Any, examples: Artifact, folder: Path, **properties: Any) -> Artifact:
    """Runs an executor as the launcher does."""
    found = standard_artifacts.ExampleStatistics()
    found.uri = str(folder)
    context = executor.Executor.Context(
        beam_pipeline_args=BEAM_ARGS, tmp_dir=str(folder.parent / f"{folder.name}-tmp"), unique_id="1"
    )
    executor.Executor(context).Do(
        {"examples": [examples]}, {"statistics": [found]}, {"exclude_splits": "[]"} | properties
    )
    return found


def leaves(message: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(message, dict | list):
        for name, value in message.items() if isinstance(message, dict) else enumerate(message):
            yield from leaves(value, (*path, name))
    else:
        yield path, message


def by_name(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, Any]:
    """The one data set, its features by name: their order follows from how Beam cuts the batches."""
    # With what is 0 in it: -0.0 is written down and 0.0 is not, and which of them is the median is a matter of chance.
    [found] = json_format.MessageToDict(statistics, always_print_fields_with_no_presence=True)["datasets"]
    features = {feature["path"]["step"][0]: feature for feature in found.pop("features", [])}
    return dict(leaves(found | {"features": features}))


def read(uri: str, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    content = (Path(uri) / f"Split-{split}" / "FeatureStats.pb").read_bytes()
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(content)


def assert_same(found: Artifact, expected: Artifact) -> None:
    """Artifacts with the same properties and files; numbers may differ by 1e-9 of themselves."""
    one, other = (json_format.MessageToDict(each.mlmd_artifact) for each in (found, expected))
    assert one | {"uri": ""} == other | {"uri": ""}
    files = [sorted(file.relative_to(each.uri) for file in Path(each.uri).rglob("*.*")) for each in (found, expected)]
    assert files[0] == files[1]
    for split in json.loads(expected.split_names):
        one, other = (by_name(read(each.uri, split)) for each in (found, expected))
        assert one.keys() ^ other.keys() == set(), split
        for path, value in other.items():
            if isinstance(value, float):
                assert one[path] == pytest.approx(value, rel=1e-9, abs=0), (split, path)
            else:
                assert one[path] == value, (split, path)


SPLITS = {"train": table(3000, 1), "eval": table(40, 2), "tiny": table(1, 3), "empty": [], "mixed": table(700, 4)}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, Artifact]:
    """Examples as ExampleGen writes them, and what the stock executor makes of them."""
    folder = tmp_path_factory.mktemp("known")
    examples = artifact(folder / "examples", {split: serialized(rows) for split, rows in SPLITS.items()}, TYPES)
    return examples, statistics(stock, examples, folder / "stock")


@pytest.mark.slow
def test_every_kind_of_feature(known: tuple[Artifact, Artifact], tmp_path: Path) -> None:
    found = statistics(ours, known[0], tmp_path / "ours", engine="auto")
    assert_same(found, known[1])
    train = {each.path.step[0]: each for each in read(found.uri, "train").datasets[0].features}
    assert list(train) == sorted(KINDS), "in the order that the schema gets too"
    assert train["id"].string_stats.unique > 2000, "more than a sketch counts"
    assert train["bytes"].string_stats.invalid_utf8_count > 0
    assert read(found.uri, "empty").datasets[0].num_examples == 0


@pytest.mark.slow
def test_examples_of_another_origin(tmp_path: Path) -> None:
    """Empty lists, features that come late or never have a kind, in a file of which nothing is known."""

    def row(**lists: list[Any] | None) -> bytes:
        features = {}
        for name, values in lists.items():
            feature = tf.train.Feature()
            if values is not None and name.startswith("text"):
                feature.bytes_list.value.extend(values)
            if values is not None and name.startswith("number"):
                feature.float_list.value.extend(values)
            if values is not None and not values:
                (feature.bytes_list if name.startswith("text") else feature.float_list).SetInParent()
            features[name] = feature
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    first = [row(text=[b"a", b"b"], number=[0.5 * at], kindless=None) for at in range(20)]
    later = [row(text=[], number=None, number_late=[1.0, 2.0], text_empty=[]) for _ in range(15)]
    splits = {"train": first + later, "eval": later}
    examples = artifact(tmp_path / "examples", splits, None)
    expected = statistics(stock, examples, tmp_path / "stock")
    assert_same(statistics(ours, examples, tmp_path / "ours", engine="auto"), expected)


ROW = st.fixed_dictionaries(
    {name: st.none() for name in KINDS}
    | {
        "whole": st.none() | st.integers(-(2**53), 2**53),
        "number": st.none() | st.floats(width=32),
        "word": st.none() | st.text(max_size=5),
        "bytes": st.none() | st.binary(max_size=5),
        "wholes": st.none() | st.lists(st.integers(-9, 9), min_size=1, max_size=4),
        "words": st.none() | st.lists(st.text(max_size=2), min_size=1, max_size=4),
    }
)


@pytest.mark.slow
@settings(max_examples=2, deadline=None)
@given(tables=st.lists(st.lists(ROW, max_size=20), min_size=6, max_size=6))
def test_random_tables(tmp_path_factory: pytest.TempPathFactory, tables: list[Rows]) -> None:
    """Six tables at a time, as splits: Beam takes most of its time before the first of them."""
    folder = tmp_path_factory.mktemp("random")
    splits = {f"table-{number}": serialized(rows) for number, rows in enumerate(tables)}
    examples = artifact(folder / "examples", splits, TYPES)
    expected = statistics(stock, examples, folder / "stock")
    assert_same(statistics(ours, examples, folder / "ours", engine="auto"), expected)


def test_excluded_splits(known_tiny: Artifact, tmp_path: Path) -> None:
    found = statistics(ours, known_tiny, tmp_path / "ours", engine="auto", exclude_splits='["eval"]')
    assert json.loads(found.split_names) == ["train"]
    assert [path.name for path in Path(found.uri).iterdir()] == ["Split-train"]
    assert found.span == 3


@pytest.fixture
def known_tiny(tmp_path: Path) -> Artifact:
    return artifact(tmp_path / "examples", {"train": serialized(table(9, 1)), "eval": serialized(table(3, 2))}, TYPES)


@pytest.fixture
def on_beam(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the stock executor was asked; it is not run."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(stock.Executor, "Do", lambda _self, _inputs, _outputs, properties: asked.append(properties))
    return asked


@pytest.mark.parametrize(
    ("change", "properties", "reason"),
    [
        ({}, {"stats_options_json": tfdv.StatsOptions(weight_feature="weight").to_json()}, "stats_options_json"),
        ({}, {"sharded_stats_output": True}, "sharded_stats_output"),
        ({}, {"sample_rate_by_split": '{"train": 0.5}'}, "sample_rate_by_split"),
        ({"payload_format": "FORMAT_PROTO"}, {}, "FORMAT_PROTO in tfrecords_gzip"),
        ({"file_format": "FILE_FORMAT_PARQUET"}, {}, "FORMAT_TF_EXAMPLE in FILE_FORMAT_PARQUET"),
        ({"custom_split_pattern": '{"train": "x*"}'}, {}, "custom_split_pattern"),
    ],
)
def test_what_goes_to_beam_and_why(
    known_tiny: Artifact,
    tmp_path: Path,
    on_beam: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    change: dict[str, str],
    properties: dict[str, Any],
    reason: str,
) -> None:
    for name, value in change.items():
        known_tiny.set_string_custom_property(name, value)
    with caplog.at_level(logging.WARNING, "lockgate"):
        statistics(ours, known_tiny, tmp_path / "ours", engine="auto", **properties)
    assert len(on_beam) == 1
    assert not (tmp_path / "ours").exists()
    [message] = [record.getMessage() for record in caplog.records if record.name == "lockgate"]
    assert message.startswith("StatisticsGen runs on Beam through TFX's stock executor: ")
    assert reason in message


def test_files_that_tensorflow_does_not_read_go_to_beam(
    known_tiny: Artifact, tmp_path: Path, on_beam: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    file = Path(known_tiny.uri) / "Split-eval" / "data_tfrecord-00001-of-00002.gz"
    file.rename(file.with_suffix(".bz2"))
    statistics(ours, known_tiny, tmp_path / "ours", engine="auto")
    assert "can't read the compression" in caplog.text
    for path in (Path(known_tiny.uri) / "Split-eval").iterdir():
        path.unlink()
    statistics(ours, known_tiny, tmp_path / "ours", engine="auto")
    assert "the split 'eval' has no files" in caplog.text
    known_tiny.uri = "hdfs://somewhere/examples"
    statistics(ours, known_tiny, tmp_path / "ours", engine="auto")
    assert "TensorFlow can't read hdfs://" in caplog.text
    assert len(on_beam) == 3


def test_engine_beam_asks_nobody(known_tiny: Artifact, tmp_path: Path, on_beam: list[dict[str, Any]]) -> None:
    statistics(ours, known_tiny, tmp_path / "ours", engine="beam")
    assert len(on_beam) == 1


def test_another_version_of_tfdv_goes_to_beam(
    known_tiny: Artifact,
    tmp_path: Path,
    on_beam: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(tfdv, "__version__", "9.9.9")
    for name in ("local", "tfdv_private"):
        monkeypatch.delitem(sys.modules, f"components.statistics_gen.{name}", raising=False)
    monkeypatch.delattr("components.statistics_gen.tfdv_private", raising=False)
    statistics(ours, known_tiny, tmp_path / "ours", engine="auto")
    assert "written for TensorFlow Data Validation 1.16.1, installed is 9.9.9; engine: beam" in caplog.text
    assert len(on_beam) == 1
