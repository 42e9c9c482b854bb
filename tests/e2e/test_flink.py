"""A real Flink of two task managers: a whole run to the push, and one that loses a task manager.

Several minutes each, so by hand: LOCKGATE_SOAK=1.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.brief_pipeline import write_project, write_wide_project
from support.engine_results import assert_one_run, result, rows, statistics
from support.flink_cluster import FlinkCluster, flink_cluster
from support.java_cluster import why_not

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one"),
    pytest.mark.skipif(not os.environ.get("LOCKGATE_SOAK"), reason="minutes: set LOCKGATE_SOAK=1"),
]
Run = Callable[..., Any]
_MOST_SECONDS = 600


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(flink_cluster(tmp_path_factory.mktemp("flink")))
        except OSError as error:
            pytest.skip(f"Flink's jars can't be had: {error}")
        yield cluster


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project") / "seeds")


def on(flink: FlinkCluster) -> list[str]:
    return ["--set", f"beam={{engine: flink, endpoint: '{flink.endpoint}', parallelism: 2}}"]


def test_a_whole_run_is_that_of_one_process(
    flink: FlinkCluster, config: Path, lockgate_run: Run, tmp_path: Path
) -> None:
    here = lockgate_run(config, tmp_path / "here", "--set", "engine=beam")
    there = lockgate_run(config, tmp_path / "there", *on(flink))
    assert (here.code, there.code) == (0, 0), there.stderr
    assert_one_run(tmp_path / "there", tmp_path / "here")


def test_a_lost_task_manager_costs_time_alone(
    flink: FlinkCluster, config: Path, lockgate_run: Run, tmp_path: Path
) -> None:
    undisturbed = lockgate_run(config, tmp_path / "here", "--to", "StatisticsGen", "--set", "engine=beam")
    assert undisturbed.code == 0
    lost = list[str]()

    def lose() -> None:
        ends = time.monotonic() + _MOST_SECONDS
        while not flink.running() and time.monotonic() < ends:
            threading.Event().wait(0.1)
        lost.extend(flink.running())
        flink.kill("task-manager-2")
        flink.add_task_manager("task-manager-3")

    thread = threading.Thread(target=lose)
    thread.start()
    done = lockgate_run(config, tmp_path / "there", "--to", "StatisticsGen", *on(flink))
    thread.join()
    assert len(lost) == 1, "one job was running when its machine was lost"
    assert done.code == 0, done.stderr
    assert rows(tmp_path / "there") == rows(tmp_path / "here")
    assert statistics(tmp_path / "there")[0] == statistics(tmp_path / "here")[0]


def test_no_step_has_more_outputs_than_flink_takes(flink: FlinkCluster, lockgate_run: Run, tmp_path: Path) -> None:
    """Flink refuses a step with more than 64, and tf.Transform gives each analyzer one of its own."""
    config = write_wide_project(tmp_path / "wide", 200)
    done = lockgate_run(config, tmp_path / "there", "--to", "Transform", *on(flink))
    assert done.code == 0, done.stderr
    assert result(tmp_path / "there")["states"]["Transform"] == "done"
