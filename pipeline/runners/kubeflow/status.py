"""What Kubeflow says about a run.

A task's state is that of its Argo node. Beside a step's own node there are its driver's (`Trainer-driver`) and its
pod's (`executor`); a step from the cache looks like one that ran; a step that an earlier failure keeps from running has
no state. There is no error text and no artifact's metadata.
"""

from typing import Any

from pipeline.runners.answers import said
from pipeline.runners.outcome import RunState, RunStatus, TaskState, TaskStatus
from pipeline.runners.times import seconds_between

_RUN_STATES: dict[str, RunState] = {
    "": "running",
    "RUNTIME_STATE_UNSPECIFIED": "running",
    "PENDING": "running",
    "RUNNING": "running",
    "CANCELING": "running",
    "SUCCEEDED": "succeeded",
    "SKIPPED": "succeeded",
    "FAILED": "failed",
    "CANCELED": "cancelled",
    "PAUSED": "paused",
}
_TASK_STATES: dict[str, TaskState] = {
    "": "waiting",
    "RUNTIME_STATE_UNSPECIFIED": "waiting",
    "PENDING": "waiting",
    "RUNNING": "running",
    "CANCELING": "running",
    "PAUSED": "waiting",
    "SUCCEEDED": "done",
    "SKIPPED": "skipped",
    "FAILED": "failed",
    "CANCELED": "cancelled",
}
_DRIVER = "-driver"


def read(run: dict[str, Any]) -> RunStatus:
    """The status in an answer of GetRun."""
    state = run.get("state") or ""
    status = _RUN_STATES.get(state, "running")
    # A run that was terminated ends as failed.
    if status == "failed" and any(each.get("state") == "CANCELING" for each in run.get("state_history") or ()):
        status = "cancelled"
    details = (run.get("run_details") or {}).get("task_details") or ()
    tasks = {each.get("display_name") or "": _task(each) for each in details}
    for name, task in list(tasks.items()):
        # Argo leaves out the step itself, which then has no state.
        if name.endswith(_DRIVER) and task.state == "failed":
            tasks[name.removesuffix(_DRIVER)] = TaskStatus("failed", task.started, error="its driver failed")
    unknown = [state] if state not in _RUN_STATES else []
    unknown += [each["state"] for each in details if (each.get("state") or "") not in _TASK_STATES]
    return RunStatus(status, tasks, _error(run), tuple(unknown))


def _task(detail: dict[str, Any]) -> TaskStatus:
    started = detail.get("start_time") or ""
    seconds = seconds_between(started, detail.get("end_time") or "")
    return TaskStatus(_TASK_STATES.get(detail.get("state") or "", "running"), started, seconds, _error(detail))


def _error(thing: dict[str, Any]) -> str:
    return said(str((thing.get("error") or {}).get("message") or ""))
