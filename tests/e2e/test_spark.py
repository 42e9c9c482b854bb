"""A real Spark of two workers does the work of the steps: the same examples and statistics as in one process."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.brief_pipeline import write_project
from support.engine_results import assert_one_run, rows, statistics
from support.java_cluster import JavaCluster, why_not
from support.spark_cluster import spark_cluster

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one"),
]
SOAK = pytest.mark.skipif(not os.environ.get("LOCKGATE_SOAK"), reason="minutes: set LOCKGATE_SOAK=1")
Run = Callable[..., Any]
_MOST_SECONDS = 600


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JavaCluster]:
    folder = tmp_path_factory.mktemp("spark")
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(spark_cluster(folder))
        except OSError as error:
            pytest.skip(f"Spark's jars can't be had: {error}")
        yield cluster


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project") / "seeds")


def on(spark: JavaCluster, more: str = "") -> list[str]:
    return ["--set", f"beam={{engine: spark, endpoint: '{spark.endpoint}', parallelism: 2{more}}}"]


def test_examples_and_statistics_are_those_of_one_process(
    spark: JavaCluster, config: Path, lockgate_run: Run, tmp_path: Path
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
    spark: JavaCluster, config: Path, lockgate_run: Run, tmp_path: Path
) -> None:
    refused = lockgate_run(config, tmp_path / "root", *on(spark, ", worker_command: /nobody/there"))
    assert refused.code == 1
    assert "ExampleGen: the engine could not start Beam's Python workers" in refused.stderr
    assert "next: beam.worker_command" in refused.stderr
    assert "this is a bug" not in refused.stderr


@SOAK
def test_a_job_ends_when_its_time_is_over(spark: JavaCluster, config: Path, lockgate_run: Run, tmp_path: Path) -> None:
    late = lockgate_run(config, tmp_path / "root", *on(spark, ", timeout_seconds: 2"))
    assert late.code == 1
    assert "beam.timeout_seconds: the engine's job was not done after 2 s" in late.stderr


@SOAK
def test_a_whole_run_is_that_of_one_process(
    spark: JavaCluster, config: Path, lockgate_run: Run, tmp_path: Path
) -> None:
    here = lockgate_run(config, tmp_path / "here", "--set", "engine=beam")
    there = lockgate_run(config, tmp_path / "there", *on(spark))
    assert (here.code, there.code) == (0, 0), there.stderr
    assert_one_run(tmp_path / "there", tmp_path / "here")


@SOAK
def test_a_lost_worker_costs_time_alone(
    config: Path, lockgate_run: Run, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    undisturbed = lockgate_run(config, tmp_path / "here", "--to", "StatisticsGen", "--set", "engine=beam")
    assert undisturbed.code == 0
    lost = list[str]()

    def lose(cluster: JavaCluster) -> None:
        ends = time.monotonic() + _MOST_SECONDS
        while not lost and time.monotonic() < ends:
            threading.Event().wait(0.1)
            lost.extend(each for each in cluster.started("worker-2") if "beam-worker" in each)
        cluster.kill("worker-2")

    # A cluster of its own, which lets a task fail as often as Spark does by default.
    with spark_cluster(tmp_path_factory.mktemp("losing"), failures=4) as cluster:
        thread = threading.Thread(target=lose, args=(cluster,))
        thread.start()
        done = lockgate_run(config, tmp_path / "there", "--to", "StatisticsGen", *on(cluster))
        thread.join()
    assert lost, "one of Beam's workers was at work when its machine was lost"
    assert done.code == 0, done.stderr
    assert rows(tmp_path / "there") == rows(tmp_path / "here")
    assert statistics(tmp_path / "there")[0] == statistics(tmp_path / "here")[0]
