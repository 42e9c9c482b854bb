"""What the webhook of `notify:` is told about a run on this machine."""

import logging
from dataclasses import asdict
from pathlib import Path, PurePath

from components.cloud.webhook import Notification, send
from pipeline.config.loader import LoadedConfig
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.results.runs import RunRecord, RunResult
from preprocessing.text import shortened

_log = logging.getLogger("lockgate")
_LONGEST = 1000
"""Characters of an error; the run's log has all of it."""


class EndNotice:
    """Is told how a run ended, and tells the webhook when the root is free again.

    Attributes:
      log: the run's; None before it has ended.
    """

    def __init__(self, loaded: LoadedConfig) -> None:
        """Nothing has ended yet."""
        self._loaded = loaded
        self._notification: Notification | None = None
        self.log: Path | None = None

    def ended(self, record: RunRecord, result: RunResult) -> None:
        """A run has reached its end; that somebody wanted only a part of it is not told.

        Args:
          record: the run's.
          result: how it ended.
        """
        if result.state == "stopped":
            return
        self.log = record.log
        refusals = [f"{gate.name}: {gate.reason}" for gate in result.gates if gate.passed is False]
        self._notification = Notification(
            event=result.state,
            pipeline=self._loaded.config.name,
            run=record.run_id,
            runner="local",
            reason="; ".join(refusals),
            gates=[asdict(gate) for gate in result.gates],
            metrics=result.metrics,
            pushed_version=PurePath(result.pushed).name if result.pushed else None,
        )

    def failed(self, record: RunRecord, error: str, component: str | None) -> None:
        """A run has ended with an error.

        Args:
          record: the run's.
          error: what the screen says.
          component: the one that was running, if one was.
        """
        self.log = record.log
        place = f"{component}: " if component else ""
        self._notification = Notification(
            event="failed",
            pipeline=self._loaded.config.name,
            run=record.run_id,
            runner="local",
            reason=shortened(f"{place}{error.partition(chr(10))[0]}", _LONGEST),
        )

    def send(self) -> str:
        """Tells the webhook, once.

        Returns:
          Why it was not told, in one line; "" where it was, or where there is nothing to tell.
        """
        notification, self._notification = self._notification, None
        if notification is None or self._loaded.config.notify is None:
            return ""
        return send(self._loaded.config.notify, notification)


def tell_of_failure(config: PipelineConfig, run: str, reason: str) -> None:
    """Tells the webhook that a run on Kubeflow failed: there nothing runs after a failure that could.

    Args:
      config: of the pipeline.
      run: the run's id.
      reason: in one line.
    """
    if config.notify is None:
        return
    notification = Notification("failed", config.name, run, "kubeflow", reason=shortened(reason, _LONGEST))
    if why := send(config.notify, notification):
        _log.warning("the webhook was not told: %s", why)
