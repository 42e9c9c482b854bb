"""A real Spark of two workers does the work of the steps: the same examples and statistics as in one process."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from support.brief_pipeline import write_project
from support.spark_cluster import SparkCluster, jars, spark_cluster, why_not
from tensorflow_metadata.proto.v0 import statistics_pb2

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one"),
]
SOAK = pytest.mark.skipif(not os.environ.get("LOCKGATE_SOAK"), reason="minutes: set LOCKGATE_SOAK=1")
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    folder = tmp_path_factory.mktemp("spark")
    try:
        class_path = jars(folder)
    except OSError as error:
        pytest.skip(f"Spark's jars can't be had: {error}")
    with spark_cluster(folder, class_path) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project") / "seeds")


def on(spark: SparkCluster, more: str = "") -> list[str]:
    return ["--set", f"beam={{engine: spark, endpoint: '{spark.endpoint}', parallelism: 2{more}}}"]


def rows(root: Path) -> dict[str, list[bytes]]:
    """The examples of each split, sorted: an engine writes them, and the features of each, in an order of its own."""
    files = sorted(root.glob("ExampleGen/examples/*/Split-*/*.gz"))
    found: dict[str, list[bytes]] = {}
    for file in files:
        records = tf.data.TFRecordDataset(str(file), compression_type="GZIP").as_numpy_iterator()
        examples = (tf.train.Example.FromString(each) for each in records)
        found.setdefault(file.parent.name, []).extend(each.SerializeToString(deterministic=True) for each in examples)
    return {split: sorted(records) for split, records in found.items()}


def statistics(root: Path) -> tuple[dict[str, statistics_pb2.DatasetFeatureStatisticsList], dict[str, list[float]]]:
    """The statistics of each split, the features sorted by name, and apart from them means and deviations.

    The last bits of these depend on the order of the rows. Quantiles are left out: sketches depend on batches.
    """
    found, means = {}, {}
    for file in root.glob("StatisticsGen/statistics/*/Split-*/FeatureStats.pb"):
        stats = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        for dataset in stats.datasets:
            dataset.features.sort(key=lambda each: each.path.step[0])
            numbers = [each.num_stats for each in dataset.features if each.HasField("num_stats")]
            means[file.parent.name] = [value for each in numbers for value in (each.mean, each.std_dev)]
            for each in numbers:
                for name in ("mean", "std_dev", "median", "histograms"):
                    each.ClearField(name)
                each.common_stats.ClearField("num_values_histogram")
            for feature in dataset.features:
                if feature.HasField("string_stats"):
                    feature.string_stats.common_stats.ClearField("num_values_histogram")
        found[file.parent.name] = stats
    return found, means


def test_examples_and_statistics_are_those_of_one_process(
    spark: SparkCluster, config: Path, lockgate_run: Run, tmp_path: Path
) -> None:
    here = lockgate_run(config, tmp_path / "here", "--to", "StatisticsGen", "--set", "engine=beam")
    there = lockgate_run(config, tmp_path / "there", "--to", "StatisticsGen", *on(spark))
    assert (here.code, there.code) == (0, 0), there.stderr
    assert rows(tmp_path / "there") == rows(tmp_path / "here")
    assert sum(map(len, rows(tmp_path / "there").values())) == 240
    (there_found, there_means), (here_found, here_means) = (statistics(tmp_path / name) for name in ("there", "here"))
    assert there_found == here_found
    assert there_found.keys() == {"Split-train", "Split-eval", "Split-test"}
    assert there_means.keys() == here_means.keys()
    for split, expected in here_means.items():
        assert len(expected) >= 4, "length and width"
        assert there_means[split] == pytest.approx(expected, rel=1e-9)


def test_workers_that_do_not_start_are_told(
    spark: SparkCluster, config: Path, lockgate_run: Run, tmp_path: Path
) -> None:
    refused = lockgate_run(config, tmp_path / "root", *on(spark, ", worker_command: /nobody/there"))
    assert refused.code == 1
    assert "ExampleGen: the engine could not start Beam's Python workers" in refused.stderr
    assert "next: beam.worker_command" in refused.stderr
    assert "this is a bug" not in refused.stderr


@SOAK
def test_a_job_ends_when_its_time_is_over(spark: SparkCluster, config: Path, lockgate_run: Run, tmp_path: Path) -> None:
    late = lockgate_run(config, tmp_path / "root", *on(spark, ", timeout_seconds: 2"))
    assert late.code == 1
    assert "beam.timeout_seconds: the engine's job was not done after 2 s" in late.stderr
