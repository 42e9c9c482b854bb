"""The page that a step leaves which fails on a cluster, where nothing runs after a failure that could write one.

The step is told at compilation which function of `pipeline/report/` writes the page. Nothing here changes how the step
ends: what goes wrong is one line in its log, and a store that does not answer is waited for no longer than `WAIT`.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from components import named_function
from pipeline.failures.mistakes import explain, hint_of
from preprocessing.errors import UserError
from preprocessing.text import one_line, without_passwords

ExecutorInput = dict[str, Any]

WAIT = 120.0
"""Seconds. TensorFlow tries again and again for minutes where Google's storage does not answer."""
_TRACE = 8000
"""Characters of a stack trace that the page shows, of its end."""
_LONGEST = 300


@dataclass(frozen=True)
class Failure:
    """Why a step failed.

    Attributes:
      reason: in words; of a bug the error's name and text.
      next_step: what to do.
      details: the whole message, or the end of the stack trace.
    """

    reason: str
    next_step: str
    details: str


@dataclass(frozen=True)
class StepSeen:
    """What a step of a cluster sees of its run.

    Attributes:
      outputs: the URLs of its outputs by name, as the cluster's store knows them.
      inputs: the URLs of its inputs likewise.
      read: the same inputs where the step reads them: folders, where a launcher shows a store as such.
      marks: what the producers noted on the inputs, by the input's name.
      parameters: its parameters.
    """

    outputs: Mapping[str, str]
    inputs: Mapping[str, str]
    read: Mapping[str, str]
    marks: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any]


def failure_of(error: Exception) -> Failure:
    """The failure that an error means."""
    message = explain(error)
    if message is not None:
        next_step = hint_of(error) or "do what the message below says"
        return Failure(without_passwords(message.splitlines()[0]), next_step, without_passwords(message))
    trace = "".join(traceback.format_exception(error))
    return Failure(
        without_passwords(one_line(f"{type(error).__name__}: {error}", _LONGEST)),
        "read the stack trace, which is in the step's log too: this is a bug, of Lockgate or of code of your own",
        without_passwords(trace[-_TRACE:]),
    )


def seen(original: ExecutorInput, prepared: ExecutorInput) -> StepSeen:
    """What a step sees of its run.

    Args:
      original: the ExecutorInput as the launcher gives it.
      prepared: the same as TFX takes it.
    """
    inputs, outputs = prepared["inputs"]["artifacts"], prepared["outputs"]["artifacts"]
    return StepSeen(
        outputs=_urls(original["outputs"].get("artifacts", {}), outputs),
        inputs=_urls(original.get("inputs", {}).get("artifacts", {}), inputs),
        read=_urls(inputs, inputs),
        marks={
            name: each["artifacts"][0].get("metadata", {}) for name, each in inputs.items() if each.get("artifacts")
        },
        parameters=prepared["inputs"]["parameterValues"],
    )


def _urls(artifacts: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """The URL of the first artifact of each of these names."""
    return {name: artifacts[name]["artifacts"][0]["uri"] for name in names if artifacts[name].get("artifacts")}


def leave(job: str, error: Exception, look: Callable[[], StepSeen], say: Callable[[str], None], exit_code: int) -> None:
    """Writes the page of a failed step and says where it is, or why it is not there.

    Ends the process where the store keeps it waiting: a thread that hangs must not hold the step's end.

    Args:
      job: which function writes it, and what it is told; of `components.named_function.job`.
      error: that ended the step.
      look: makes what the step sees of its run; an error of it is one of the page.
      say: prints a line into the step's log.
      exit_code: of the step.
    """

    def write() -> None:
        try:
            function, given = named_function.told(job, "writes the page of a failed step")
            said = f"report: {function(failure_of(error), look(), given)}"
        except Exception as why:  # noqa: BLE001 - a page that can't be written must not stop what it tells of
            text = str(why) if isinstance(why, UserError) else f"{type(why).__name__}: {why}"
            said = f"report: not written: {without_passwords(one_line(text, _LONGEST))}"
        say(said)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    writer.join(WAIT)
    if writer.is_alive():
        say(f"report: not written: the store did not answer within {WAIT:.0f} s")
        sys.stdout.flush()
        os._exit(exit_code)
