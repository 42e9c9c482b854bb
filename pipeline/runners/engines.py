"""Beam's runners for engines with a job server, whose jobs end when their time is over: Beam's own wait forever.

They are named by their paths in `--runner`, see `pipeline.config.beam_options`, and so in compiled pipelines too.
"""

import contextlib
from typing import Any

import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.flink_runner import FlinkRunner
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.portability.spark_runner import SparkRunner
from apache_beam.runners.runner import PipelineResult, PipelineState

from pipeline.config.beam_options import TIMEOUT
from preprocessing.errors import UserError


class StepOptions(PipelineOptions):
    """Our own options among Beam's, known to its parser in every process that runs a step."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument(f"--{TIMEOUT}", type=int, help="seconds after which the job of a step is cancelled")


class _InTime(PortableRunner):
    """What the runners have in common: TFX's executors wait for their jobs without a limit, so the job has one."""

    def run_portable_pipeline(self, pipeline: Any, options: PipelineOptions) -> PipelineResult:
        job = super().run_portable_pipeline(pipeline, options)
        seconds = getattr(options.view_as(StepOptions), TIMEOUT)
        return job if seconds is None else _JobInTime(job, seconds)


class Portable(_InTime):
    """For a job server that runs already."""


class Flink(_InTime, FlinkRunner):
    """For Flink's own address."""


class Spark(_InTime, SparkRunner):
    """For Spark's own address."""


class _JobInTime(PipelineResult):
    """A job that whoever waits for it waits for no longer than it may take."""

    def __init__(self, job: PipelineResult, seconds: int) -> None:
        self._job, self._seconds = job, seconds

    @property
    def state(self) -> str:
        return self._job.state

    def cancel(self) -> None:
        self._job.cancel()

    def metrics(self) -> Any:
        return self._job.metrics()

    def wait_until_finish(self, duration: float | None = None) -> str:
        """Waits, and cancels the job when its time is over.

        Args:
          duration: milliseconds, to wait for less; the job stays then.

        Raises:
          UserError: the job took longer than it may.
        """
        state = self._job.wait_until_finish(duration or self._seconds * 1000)
        if duration is None and not PipelineState.is_terminal(state):
            with contextlib.suppress(grpc.RpcError):
                self._job.cancel()
            raise UserError(
                f"beam.timeout_seconds: the engine's job was not done after {self._seconds:,} s (it is {state}), and "
                "was cancelled",
                hint="look at the engine's own page for workers that never started; else give it more time",
            )
        return state
