"""What Vertex says about a pipeline job."""

from typing import Any

from components.cloud.answers import error_text, fields, objects, text_of
from pipeline.runners.submit.outcome import RunStatus, ServiceRunState, TaskState, TaskStatus
from pipeline.runners.submit.times import seconds_between

_RUN_STATES: dict[str, ServiceRunState] = {
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
    """The status in an answer of GetPipelineJob.

    Raises:
      UserError: it is not built as one.
    """
    state = text_of(job.get("state"))
    details = objects(fields(job.get("jobDetail"), "jobDetail").get("taskDetails"), "jobDetail.taskDetails")
    unknown = [state] if state not in _RUN_STATES else []
    unknown += [each for each in (text_of(detail.get("state")) for detail in details) if each not in _TASK_STATES]
    tasks = {text_of(each.get("taskName")): _task(each) for each in details}
    return RunStatus(_RUN_STATES.get(state, "running"), tasks, error_text(job.get("error")), tuple(unknown))


def _task(detail: dict[str, Any]) -> TaskStatus:
    state = _TASK_STATES.get(text_of(detail.get("state")), "running")
    outputs = {
        name: fields(artifacts[0].get("metadata"), f"outputs.{name}.metadata")
        for name, output in fields(detail.get("outputs"), "outputs").items()
        if (artifacts := objects(fields(output, f"outputs.{name}").get("artifacts"), f"outputs.{name}.artifacts"))
    }
    # Vertex documents SKIPPED for the cache, and then there are outputs; without any, a condition said no.
    if state == "cached" and not outputs:
        state = "skipped"
    started = text_of(detail.get("startTime"))
    seconds = seconds_between(started, text_of(detail.get("endTime")))
    return TaskStatus(state, started, seconds, error_text(detail.get("error")), outputs)
