"""What Kubeflow says about a run.

A task's state is that of its Argo node. Beside a step's own node there are its driver's (`Trainer-driver`) and its
pod's (`executor`); a step from the cache looks like one that ran; a step that an earlier failure keeps from running has
no state. There is no error text and no artifact's metadata.
"""

from typing import Any

from components.cloud.answers import error_text, fields, objects, text_of
from pipeline.runners.submit.outcome import RunStatus, ServiceRunState, TaskState, TaskStatus
from pipeline.runners.submit.times import seconds_between

_RUN_STATES: dict[str, ServiceRunState] = {
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
    """The status in an answer of GetRun.

    Raises:
      UserError: it is not built as one.
    """
    state = text_of(run.get("state"))
    status = _RUN_STATES.get(state, "running")
    # A run that was terminated ends as failed.
    if status == "failed" and any(each.get("state") == "CANCELING" for each in _history(run)):
        status = "cancelled"
    details = objects(fields(run.get("run_details"), "run_details").get("task_details"), "run_details.task_details")
    tasks = {text_of(each.get("display_name")): _task(each) for each in details}
    for name, task in list(tasks.items()):
        # Argo leaves out the step itself, which then has no state.
        if name.endswith(_DRIVER) and task.state == "failed":
            tasks[name.removesuffix(_DRIVER)] = TaskStatus("failed", task.started, error="its driver failed")
    unknown = [state] if state not in _RUN_STATES else []
    unknown += [each for each in (text_of(detail.get("state")) for detail in details) if each not in _TASK_STATES]
    return RunStatus(status, tasks, error_text(run.get("error")), tuple(unknown))


def _history(run: dict[str, Any]) -> list[dict[str, Any]]:
    return objects(run.get("state_history"), "state_history")


def _task(detail: dict[str, Any]) -> TaskStatus:
    started = text_of(detail.get("start_time"))
    seconds = seconds_between(started, text_of(detail.get("end_time")))
    state = _TASK_STATES.get(text_of(detail.get("state")), "running")
    return TaskStatus(state, started, seconds, error_text(detail.get("error")))
