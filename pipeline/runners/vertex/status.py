"""What Vertex says about a pipeline job."""

from typing import Any

from pipeline.runners.answers import said
from pipeline.runners.outcome import RunState, RunStatus, TaskState, TaskStatus
from pipeline.runners.times import seconds_between

_RUN_STATES: dict[str, RunState] = {
    "": "running",
    "PIPELINE_STATE_UNSPECIFIED": "running",
    "PIPELINE_STATE_QUEUED": "running",
    "PIPELINE_STATE_PENDING": "running",
    "PIPELINE_STATE_RUNNING": "running",
    "PIPELINE_STATE_CANCELLING": "running",
    "PIPELINE_STATE_SUCCEEDED": "succeeded",
    "PIPELINE_STATE_FAILED": "failed",
    "PIPELINE_STATE_CANCELLED": "cancelled",
    "PIPELINE_STATE_PAUSED": "paused",
}
_TASK_STATES: dict[str, TaskState] = {
    "": "waiting",
    "STATE_UNSPECIFIED": "waiting",
    "PENDING": "waiting",
    "RUNNING": "running",
    "CANCEL_PENDING": "running",
    "CANCELLING": "running",
    "SUCCEEDED": "done",
    "SKIPPED": "cached",
    "NOT_TRIGGERED": "skipped",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}


def read(job: dict[str, Any]) -> RunStatus:
    """The status in an answer of GetPipelineJob."""
    state = job.get("state") or ""
    details = (job.get("jobDetail") or {}).get("taskDetails") or ()
    unknown = [state] if state not in _RUN_STATES else []
    unknown += [each["state"] for each in details if (each.get("state") or "") not in _TASK_STATES]
    tasks = {each.get("taskName") or "": _task(each) for each in details}
    return RunStatus(_RUN_STATES.get(state, "running"), tasks, _error(job), tuple(unknown))


def _task(detail: dict[str, Any]) -> TaskStatus:
    state = _TASK_STATES.get(detail.get("state") or "", "running")
    outputs = {
        name: each["artifacts"][0].get("metadata") or {}
        for name, each in (detail.get("outputs") or {}).items()
        if each.get("artifacts")
    }
    # Vertex documents SKIPPED for the cache, and then there are outputs; without any, a condition said no.
    if state == "cached" and not outputs:
        state = "skipped"
    started = detail.get("startTime") or ""
    seconds = seconds_between(started, detail.get("endTime") or "")
    return TaskStatus(state, started, seconds, _error(detail), outputs)


def _error(thing: dict[str, Any]) -> str:
    return said(str((thing.get("error") or {}).get("message") or ""))
