"""How a run on a cluster or in the cloud is going, and how it ended."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from components.artifacts.pushed_version import WITHDRAWN
from pipeline.runners.compile.compiled import EXIT_HANDLER

ServiceRunState = Literal["running", "succeeded", "failed", "cancelled", "paused"]
TaskState = Literal["waiting", "running", "done", "cached", "failed", "skipped", "cancelled"]

DATA_STOP = "DataStop"
_VERDICTS = {"DataGate": "verdict", "Evaluator": "blessing", "SmokeTest": "blessing"}
"""The gates, and the output that says yes or no."""


@dataclass(frozen=True)
class TaskStatus:
    """How one step is going.

    Attributes:
      state: `skipped` where a condition said so.
      started: the time, in the service's words (RFC 3339); empty before.
      seconds: from the start to the end, 0 before that.
      error: the service's words; empty where it has none.
      outputs: the metadata of each output's artifact, where the service gives it.
    """

    state: TaskState
    started: str = ""
    seconds: float = 0
    error: str = ""
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunStatus:
    """How a run is going.

    Attributes:
      state: the whole run's.
      tasks: by the step's name; a step that has not begun may be missing.
      error: the service's words about the run.
      unknown: states in the answer that this program doesn't know; they count as running.
    """

    state: ServiceRunState
    tasks: Mapping[str, TaskStatus]
    error: str = ""
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
      state: `refused` where a gate refused.
      reason: in one line: where to the model was pushed (empty where the service doesn't say), which gate refused
        and why, or what failed.
    """

    state: Literal["pushed", "refused", "failed", "cancelled", "paused"]
    reason: str


def decide(run: RunStatus, steps: Collection[str], link: str) -> Outcome:
    """How a run ended.

    Args:
      run: not running any more.
      steps: the names of the pipeline's components.
      link: the page that shows the run.
    """
    if run.state == "cancelled":
        return Outcome("cancelled", f"the run was cancelled; see {link}")
    if run.state == "paused":
        return Outcome("paused", f"the run is paused; resume it at {link}")
    if run.state == "failed":
        return _refused_by_data_gate(run, link) or Outcome("failed", _failures(run, steps, link))
    pusher = run.tasks.get("Pusher", TaskStatus("waiting"))
    if pusher.state in ("done", "cached"):
        if why := pusher.outputs.get("pushed_model", {}).get(WITHDRAWN):
            return Outcome("refused", f"Pusher: {why}")
        return Outcome("pushed", _destination(pusher))
    if pusher.state == "skipped":
        return Outcome("refused", _refusal(run, steps, link))
    return Outcome("failed", f"the run succeeded, but whether Pusher pushed is not known ({pusher.state}); see {link}")


def _refused_by_data_gate(run: RunStatus, link: str) -> Outcome | None:
    """The refusal, where DataStop failed and DataGate did not say yes."""
    stop, gate = run.tasks.get(DATA_STOP), run.tasks.get("DataGate")
    if stop is None or stop.state != "failed" or gate is None or gate.state not in ("done", "cached"):
        return None
    blessed = _blessed(run, "DataGate")
    if blessed:
        return None
    if blessed is None:
        return Outcome(
            "refused", f"DataGate: it refused the data, or {DATA_STOP} itself failed; see their logs at {link}"
        )
    return Outcome("refused", f"DataGate: it refuses the data; see its report at {link}")


def _refusal(run: RunStatus, steps: Collection[str], link: str) -> str:
    gates = [name for name in ("Evaluator", "SmokeTest") if name in steps]
    refusing = [name for name in gates if _blessed(run, name) is False]
    if refusing:
        return f"{'; '.join(f'{name}: not blessed' for name in refusing)}; see the reports at {link}"
    return f"{' or '.join(gates)} did not bless the model; see their logs at {link}"


def _failures(run: RunStatus, steps: Collection[str], link: str) -> str:
    failed = [
        f"{name}: {task.error or 'failed'}"
        for name, task in run.tasks.items()
        if task.state == "failed" and (name in steps or name == EXIT_HANDLER)
    ]
    reason = "; ".join(failed) or run.error or "the service names no failed step"
    pusher = run.tasks.get("Pusher")
    if pusher is not None and pusher.state in ("done", "cached"):
        reason += f"; but the model was pushed: {_destination(pusher) or 'see Pusher'}"
    return f"{reason}; see the logs at {link}"


def _blessed(run: RunStatus, gate: str) -> bool | None:
    """A gate's verdict; None where the service doesn't give it."""
    task = run.tasks.get(gate)
    verdict = None if task is None else task.outputs.get(_VERDICTS[gate], {}).get("blessed")
    return None if verdict is None else bool(verdict)


def _destination(pusher: TaskStatus) -> str:
    return str(pusher.outputs.get("pushed_model", {}).get("pushed_destination", ""))
