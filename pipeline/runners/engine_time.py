"""Ends a job that runs on one of Beam's engines for too long, which Beam itself never does."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.portable_runner import PipelineResult
from apache_beam.runners.runner import PipelineState

from pipeline.config.beam_options import TIMEOUT
from preprocessing.errors import UserError


class StepOptions(PipelineOptions):
    """Our own options among Beam's, known to its parser in every process that runs a step."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument(f"--{TIMEOUT}", type=int, help="seconds after which the job of a step is cancelled")


@contextlib.contextmanager
def ended_in_time(beam_args: Sequence[str]) -> Iterator[None]:
    """Inside, Beam's jobs on an engine are cancelled when their time is over.

    TFX's executors wait for their pipelines without a limit, and take none: so the limit is put where they wait.

    Args:
      beam_args: of the component.

    Raises:
      UserError: a job ran for longer.
    """
    seconds = PipelineOptions(list(beam_args)).view_as(StepOptions).get_all_options().get(TIMEOUT)
    if not seconds:
        yield
        return
    wait = PipelineResult.wait_until_finish

    def wait_in_time(result: PipelineResult, duration: float | None = None) -> str:
        state = wait(result, duration or seconds * 1000)
        if duration is None and not PipelineState.is_terminal(state):
            with contextlib.suppress(grpc.RpcError):
                result.cancel()
            raise UserError(
                f"beam.timeout_seconds: the engine's job was not done after {seconds:,} s (it is {state}), and was "
                "cancelled",
                hint="look at the engine's own page for workers that never started; else give it more time",
            )
        return state

    PipelineResult.wait_until_finish = wait_in_time
    try:
        yield
    finally:
        PipelineResult.wait_until_finish = wait
