"""What one check found, and how checks are run: side by side, and none for longer than it may."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warning", "missing"]
SECONDS = 4.0
"""For one program or server that is asked."""


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


Check = Callable[[], Sequence[Diagnosis]]


def run_all(checks: Sequence[Check]) -> list[Diagnosis]:
    """Runs the checks side by side, and keeps their order."""
    with ThreadPoolExecutor(max_workers=max(1, len(checks)), thread_name_prefix="doctor") as pool:
        return [each for found in pool.map(lambda check: check(), checks) for each in found]


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
