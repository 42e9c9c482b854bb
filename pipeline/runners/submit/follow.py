"""Follows a run on Kubeflow or Vertex to its end."""

import logging
from collections.abc import Callable

from components.cloud.http import Api, Patience, RequestError
from pipeline.config.targets import KubeflowTarget, VertexTarget
from pipeline.runners.compile.compiled import EXIT_HANDLER, Compiled
from pipeline.runners.submit import credentials
from pipeline.runners.submit.options import Options, Submitted
from pipeline.runners.submit.outcome import Outcome, RunStatus, TaskState, TaskStatus, decide
from pipeline.runners.submit.submission import Service, service_of
from preprocessing.errors import UserError

Listener = Callable[[str, str, float], None]
"""Hears of a step's name, its new state (`running`, `done`, `cached`, `failed` or `skipped`) and its seconds."""

_log = logging.getLogger("lockgate")
_TOLERATED = 5
"""Polls in a row that may fail, after the tries of each."""
_HEARD: dict[TaskState, str] = {
    "running": "running",
    "done": "done",
    "cached": "cached",
    "failed": "failed",
    "skipped": "skipped",
    "cancelled": "skipped",
}


def follow(
    target: KubeflowTarget | VertexTarget,
    compiled: Compiled,
    submitted: Submitted,
    say: Listener,
    *,
    interval: float = 10,
    patience: Patience | None = None,
) -> Outcome:
    """Asks for a run's state until it has ended: also where it was cancelled or paused.

    Args:
      target: where it runs.
      compiled: the pipeline that was submitted.
      submitted: the run.
      say: hears of each change of a step's state.
      interval: seconds between two polls; never less.
      patience: None is the usual.

    Raises:
      UserError: the server can't be asked any more; the run goes on.
    """
    service, patience = service_of(target, compiled, Options()), patience or Patience()
    steps = (*compiled.tasks, EXIT_HANDLER)
    said: dict[str, str] = {}
    unknown: set[str] = set()
    try:
        with Api(service.address, credentials.of_target(target), service.hints, patience) as api:
            poll = _Poll(service, api, submitted.id)
            while True:
                if (run := poll()) is not None:
                    _tell(run, steps, said, say)
                    _warn(run, unknown)
                    if run.state != "running":
                        return decide(run, compiled.tasks, submitted.link)
                patience.sleep(interval)
    except UserError as error:
        raise UserError(
            f"{error.message}; the run can't be followed any more, but goes on",
            hint=f"{error.hint or 'see above'}; look at {submitted.link}",
        ) from error


class _Poll:
    """Asks once; a failure that may pass gives None, a few times in a row."""

    def __init__(self, service: Service, api: Api, run: str) -> None:
        self._service, self._api, self._run = service, api, run
        self._failures = 0

    def __call__(self) -> RunStatus | None:
        try:
            status = self._service.status(self._api, self._run)
        except RequestError as error:
            self._failures += 1
            if not error.passing or self._failures > _TOLERATED:
                raise
            _log.warning("%s; the run goes on, and its state is asked for again", error.message)
            return None
        self._failures = 0
        return status


def _tell(run: RunStatus, steps: tuple[str, ...], said: dict[str, str], say: Listener) -> None:
    def began(step: tuple[str, TaskStatus]) -> str:
        return step[1].started

    for name, task in sorted(run.tasks.items(), key=began):
        state = _HEARD.get(task.state, "")
        if name in steps and state and said.get(name) != state:
            said[name] = state
            say(name, state, task.seconds)


def _warn(run: RunStatus, known: set[str]) -> None:
    for state in sorted({*run.unknown} - known):
        known.add(state)
        _log.warning("the service reports the state %s, which is not known here; the run is treated as running", state)
