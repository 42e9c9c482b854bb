"""What a submission is asked for, and what it gives."""

import datetime
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

_LONGEST_NAME = 128
_RANDOM_BYTES = 4


@dataclass(frozen=True)
class Options:
    """What can differ from submission to submission.

    Attributes:
      run_name: must be new; None makes one of the pipeline's name, the time and something random. A schedule has the
        pipeline's name instead.
      parameters: values of runtime parameters, in place of the compiled defaults.
      schedule: create the target's schedule, instead of one run.
    """

    run_name: str | None = None
    parameters: Mapping[str, str | int] = field(default_factory=dict)
    schedule: bool = False


@dataclass(frozen=True)
class Submitted:
    """A run, or a schedule, that the service has.

    Attributes:
      id: the service's.
      link: the page that shows it.
      note: what is left to say, in one line: something beside it that did not work; empty where all did.
    """

    id: str
    link: str
    note: str = ""


def new_run_name(pipeline: str, now: datetime.datetime) -> str:
    """A name that no other run has, which Vertex takes as the job's ID too: `[a-z][-a-z0-9]{0,127}`.

    Args:
      pipeline: its name, of lower-case letters, digits and hyphens.
      now: the time, in UTC.
    """
    ending = f"-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(_RANDOM_BYTES)}"
    beginning = pipeline if pipeline[:1].isalpha() else f"run-{pipeline}"
    return f"{beginning[: _LONGEST_NAME - len(ending)]}{ending}"
