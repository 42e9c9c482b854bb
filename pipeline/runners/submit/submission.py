"""Submits a compiled pipeline to Kubeflow or Vertex: one run, or a schedule of runs."""

import datetime
from collections.abc import Callable, Mapping
from typing import Protocol

from components.cloud.http import Api, Patience
from pipeline.config.targets import KubeflowTarget, VertexTarget
from pipeline.runners.compile.compiled import Compiled
from pipeline.runners.submit import credentials
from pipeline.runners.submit.kubeflow.service import Kubeflow
from pipeline.runners.submit.options import Options, Submitted, new_run_name
from pipeline.runners.submit.outcome import RunStatus
from pipeline.runners.submit.planned import Planned
from pipeline.runners.submit.vertex.service import Vertex
from preprocessing.errors import UserError


class Service(Protocol):
    """A place that runs one compiled pipeline."""

    @property
    def address(self) -> str:
        """The address of the server's API."""

    @property
    def hints(self) -> Mapping[int, str]:
        """The next step by HTTP status."""

    def plan(self) -> list[Planned]:
        """Every request of `submit`, in order."""

    def submit(self, api: Api, patience: Patience, made: Callable[[Submitted], None]) -> Submitted:
        """Makes one run, or the schedule; `made` hears of it before anything more is waited for."""

    def status(self, api: Api, run: str) -> RunStatus:
        """How a run is going."""

    def run_link(self, run: str) -> str:
        """The page that shows a run."""


def service_of(target: KubeflowTarget | VertexTarget, compiled: Compiled, options: Options) -> Service:
    """Makes the service of the target.

    Raises:
      UserError: the options ask for a schedule, and the target has none; the service doesn't take the run's name.
    """
    if options.schedule and target.schedule is None:
        raise UserError(
            "there is no schedule to submit: the target's `schedule` is missing",
            hint='add `schedule: {cron: "0 3 * * 1"}` to the target, or submit one run',
        )
    name = options.run_name or new_run_name(compiled.name, datetime.datetime.now(datetime.UTC))
    if isinstance(target, KubeflowTarget):
        return Kubeflow(target, compiled, options, name)
    return Vertex(target, compiled, options, name)


def plan(target: KubeflowTarget | VertexTarget, compiled: Compiled, options: Options) -> list[Planned]:
    """Every request that `submit` makes, in order, with nothing sent and no credentials needed.

    What an earlier answer will say stands in braces (`{experiment_id}`); a request that hangs on one says so (`only`).

    Raises:
      UserError: see `service_of`.
    """
    return service_of(target, compiled, options).plan()


def printed(target: KubeflowTarget | VertexTarget, requests: list[Planned]) -> str:
    """The requests as `--dry-run` prints them; the Authorization header says where its token comes from."""
    authorization = credentials.in_words(target)
    return "\n".join(request.text(authorization) for request in requests)


def submit(
    target: KubeflowTarget | VertexTarget,
    compiled: Compiled,
    options: Options,
    patience: Patience | None = None,
    made: Callable[[Submitted], None] = lambda _: None,
) -> Submitted:
    """Creates one run, or the target's schedule in the place of the one that is there.

    Never two runs: what can't be sent twice is not, and after a failure that leaves open whether the run was made, the
    run is looked for.

    Args:
      target: where to.
      compiled: the pipeline.
      options: what differs from submission to submission.
      patience: None is the usual.
      made: hears of the run or the schedule as soon as it is certain; the note may come later.

    Raises:
      UserError: nothing was made, or the message says that this is not known, and where to look.
      KeyboardInterrupt: it was cut short; its notes (`__notes__`) say what may be there all the same, and where.
    """
    service, patience = service_of(target, compiled, options), patience or Patience()
    with Api(service.address, credentials.of_target(target), service.hints, patience) as api:
        return service.submit(api, patience, made)
