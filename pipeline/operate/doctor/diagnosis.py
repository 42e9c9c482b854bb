"""What one check found, and how checks are run: side by side, and none for longer than it may."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warning", "missing"]
SECONDS = 4.0
"""For one program or server that is asked."""
ALL_SECONDS = 4.5
"""For all checks together."""


@dataclass(frozen=True)
class Diagnosis:
    """What one check found.

    Attributes:
      name: what was looked at.
      state: `warning`: it is there, and something about it will be noticed.
      found: what is there.
      gives: what it is for, or what it would give.
      install: the command, or the next step, that changes the state; "" where all is well.
      required: nothing runs without it.
    """

    name: str
    state: State
    found: str
    gives: str
    install: str = ""
    required: bool = False

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """Something to look at.

    Attributes:
      name: of the diagnosis, where the check does not come to an end.
      look: gives what it finds.
    """

    name: str
    look: Callable[[], Sequence[Diagnosis]]


def run_all(checks: Sequence[Check], seconds: float = ALL_SECONDS) -> list[Diagnosis]:
    """Runs the checks side by side, and keeps their order.

    Args:
      checks: what to look at.
      seconds: after which those that still run are left alone: a look-up of a host's name can't be ended.
    """
    answers: list[Future[Sequence[Diagnosis]]] = [Future() for _ in checks]
    for check, answer in zip(checks, answers, strict=True):
        # Not an executor's threads, for which the interpreter would wait at its end.
        threading.Thread(target=_answered, args=(check, answer), name=f"doctor: {check.name}", daemon=True).start()
    wait(answers, timeout=seconds)
    late = "try again when the machine or the network has less to do"
    return [
        each
        for check, answer in zip(checks, answers, strict=True)
        for each in (
            answer.result()
            if answer.done()
            else [Diagnosis(check.name, "warning", f"no answer within {seconds:g} s", "not known", late)]
        )
    ]


def _answered(check: Check, answer: "Future[Sequence[Diagnosis]]") -> None:
    try:
        answer.set_result(check.look())
    except Exception as error:  # noqa: BLE001 - raised again where the answer is read
        answer.set_exception(error)


def works(found: Sequence[Diagnosis]) -> bool:
    """Whether everything that is required is there."""
    return not any(each.required and each.state == "missing" for each in found)


def program(name: str) -> str | None:
    """The path of a program; None where it is not installed."""
    return shutil.which(name)


def asked(command: Sequence[str], seconds: float = SECONDS) -> tuple[int | None, list[str]]:
    """Runs a program.

    Args:
      command: its path and its arguments.
      seconds: after which it is killed.

    Returns:
      Its exit code, None where it did not come to an end; and the lines that it printed, without empty ones, the last
      of which then says what is wrong.
    """
    try:
        done = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""  # bytes, whatever the encoding
        return None, [*_lines(printed.decode("utf-8", "replace")), f"no answer within {seconds:g} s"]
    except OSError as error:
        return None, [error.strerror or str(error)]
    return done.returncode, _lines(done.stdout)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
