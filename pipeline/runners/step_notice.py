"""What steps on a cluster tell the webhook of `notify:`, where no process is there from a run's beginning to its end.

Pusher tells of a push and of a model that a rollback had withdrawn, DataStop and Report of the gates' refusals, and on
Vertex the exit handler of a failure. On Kubeflow nothing runs after a failure: `lockgate submit --wait` tells of it.
"""

import logging
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from components.artifacts.pushed_version import WITHDRAWN
from components.cloud.notify_config import Event, NotifyConfig
from components.cloud.secret_manager import looked_up
from components.cloud.webhook import Notification, send
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.targets import Cluster, KubeflowTarget, VertexTarget
from preprocessing.settings import Settings

RUN_PARAMETER = "run"
"""Holds the run's name, which the service puts in."""

_log = logging.getLogger("lockgate")


class StepNotice(Settings):
    """How a step reaches the webhook, and what it calls the pipeline."""

    config: NotifyConfig
    pipeline: str
    runner: str
    secrets: dict[str, str] = Field(default_factory=dict)
    """By variable, the names of versions of secrets in Google's Secret Manager."""

    def tell(self, event: Event, run: str, **more: Any) -> None:
        """Tells the webhook. That it can't be told stands in the step's log, and changes nothing about the step.

        Args:
          event: what happened.
          run: the run's name.
          more: of `Notification`.
        """
        notification = Notification(event, self.pipeline, run, self.runner, **more)
        if why := send(self.config, notification, lookup=looked_up(self.secrets)):
            _log.warning("the webhook was not told: %s", why)


def notice_of(config: PipelineConfig, target: Cluster) -> StepNotice | None:
    """The notice of a pipeline's steps on a target; None where nobody is told."""
    if config.notify is None:
        return None
    kubeflow = isinstance(target, KubeflowTarget)
    return StepNotice(
        config=config.notify,
        pipeline=config.name,
        runner="kubeflow" if kubeflow else "vertex",
        secrets=dict(target.secrets) if isinstance(target, VertexTarget) else {},
    )


def tell_push(notice: StepNotice, properties: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    """Tells of a push, from what the step Pusher reports, or that a rollback had withdrawn the model; else of nothing.

    Args:
      notice: the step's.
      properties: its parameters, among them the run's name.
      report: its ExecutorOutput.
    """
    listed: Sequence[Mapping[str, Any]] = report.get("artifacts", {}).get("pushed_model", {}).get("artifacts", [])
    metadata = listed[0].get("metadata", {}) if listed else {}
    if why := metadata.get(WITHDRAWN):
        tell_refusal(notice, properties, f"Pusher: {why}")
    if metadata.get("pushed") != 1:
        return
    destination = str(metadata.get("pushed_destination", "")).rstrip("/")
    version = str(metadata.get("pushed_version") or posixpath.basename(destination))
    notice.tell("pushed", str(properties.get(RUN_PARAMETER, "")), pushed_version=version)


def tell_refusal(notice: StepNotice, properties: Mapping[str, Any], reason: str) -> None:
    """Tells of a refusal: the data gate's, by which the step DataStop fails, or Pusher's.

    Args:
      notice: the step's.
      properties: its parameters, among them the run's name.
      reason: the step's name, a colon, and why.
    """
    gate, _, why = reason.partition(": ")
    gates = [{"name": gate, "passed": False, "reason": why}]
    notice.tell("refused", str(properties.get(RUN_PARAMETER, "")), reason=reason, gates=gates)


def tell_end(notice: StepNotice, line: Mapping[str, str], data_stop: str) -> None:
    """Tells of a failure, from the exit handler's line; the failure by which the data gate refuses was told already.

    Args:
      notice: the step's.
      line: see `components.final_state.executor.final_state`.
      data_stop: the name of the step that fails then.
    """
    if line["state"] == "FAILED" and f"[{data_stop}]" not in line["error"]:
        notice.tell("failed", line["job"], reason=line["error"])
