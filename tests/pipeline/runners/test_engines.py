"""The time that a job may take, on Beam's own job server in this process, and that no cache's key has it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from support.toy_beam import JOB_NAME, graph

from pipeline.config.beam import FlinkBeam
from pipeline.config.beam_options import beam_options, job_limit
from pipeline.runners import local
from pipeline.selection import Selection
from preprocessing.errors import UserError

pytestmark = pytest.mark.slow

LIMITED = FlinkBeam(engine="flink", endpoint="jobs:8099", timeout_seconds=1)
IN_THIS_PROCESS = ("--job_endpoint=embed", "--environment_type=beam:env:embedded_python:v1")

may_end = threading.Event()


@pytest.fixture(autouse=True)
def _none_waits_any_more() -> Iterator[None]:
    may_end.clear()
    yield
    may_end.set()


def options(beam: FlinkBeam) -> PipelineOptions:
    return PipelineOptions([*beam_options(beam), *job_limit(beam), *IN_THIS_PROCESS])


def wait(element: int) -> int:
    assert may_end.wait(60)
    return element


def test_a_job_is_cancelled_when_its_time_is_over() -> None:
    pipeline = beam.Pipeline(options=options(LIMITED))
    _ = pipeline | beam.Create([1]) | beam.Map(wait)
    job = pipeline.run()
    with pytest.raises(UserError, match=r"beam.timeout_seconds: the engine's job was not done after 1 s") as late:
        job.wait_until_finish()
    assert late.value.hint
    assert job.state == "CANCELLED"


def test_who_waits_for_less_leaves_the_job() -> None:
    pipeline = beam.Pipeline(options=options(LIMITED))
    _ = pipeline | beam.Create([1]) | beam.Map(wait)
    job = pipeline.run()
    assert job.wait_until_finish(duration=1) == "RUNNING"
    assert job.state == "RUNNING"


def test_a_job_that_is_done_in_time_says_so() -> None:
    may_end.set()
    with beam.Pipeline(options=options(LIMITED.model_copy(update={"timeout_seconds": 60}))) as pipeline:
        _ = pipeline | beam.Create([1]) | beam.Map(wait)
    assert pipeline.result.state == "DONE"


def test_options_that_are_in_no_key_reach_the_step(tmp_path: Path) -> None:
    def run(run_id: str, *unkeyed: str) -> tuple[str, str]:
        [result] = local.run(graph(tmp_path), run_id, Selection(), lambda _: None, seed=1, unkeyed=unkeyed)
        [examples] = result.outputs["examples"]
        return result.state, Path(examples.uri, JOB_NAME).read_text()

    assert run("first", "--job_name=one") == ("done", "one")
    assert run("second", "--job_name=two") == ("cached", "one")
