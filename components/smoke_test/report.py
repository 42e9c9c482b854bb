"""The gate's verdict as data: what was checked, what was expected, what came back.

No TensorFlow here: the command line reads reports of finished runs.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

REPORT_FILE = "report.json"
PROCESS_CHECK = "process"
"""The check that the model's process came to its end."""


class CheckResult(BaseModel):
    """One check on one signature."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    check: str
    """What was checked, for example `parity`."""
    signature: str | None = None
    """The signature that was asked; none for checks on the model as a whole."""
    row: int | None = None
    """The first row that fails, counted from 0 in the order in which the split is read."""
    expected: str
    actual: str
    tolerance: float | None = None
    """The largest difference allowed, for checks that compare numbers."""
    passed: bool
    hint: str = ""
    """What to do next, for a check that failed."""
    seconds: float = 0.0
    """What the check took; for `loads` and `answers` the model's own time."""

    def line(self) -> str:
        """The result in one line: check, signature, row, expected, received."""
        place = [part for part in (self.signature, None if self.row is None else f"row {self.row}") if part]
        where = f" ({', '.join(place)})" if place else ""
        return " ".join(f"{self.check}{where}: expected {self.expected}, received {self.actual}".split())


class Report(BaseModel):
    """Everything that one smoke test found."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    blessed: bool
    checks: tuple[CheckResult, ...]
    seconds: dict[str, float]
    """`total`, and the phases of the model's process: import, load, and one for each signature."""
    log_tail: str = ""
    """The end of what the model's process printed, when the model was not blessed."""

    @classmethod
    def of(cls, checks: list[CheckResult], *, seconds: dict[str, float], log_tail: str = "") -> Self:
        """The report on these checks: blessed when there is one and none failed."""
        blessed = bool(checks) and all(check.passed for check in checks)
        return cls(blessed=blessed, checks=tuple(checks), seconds=seconds, log_tail="" if blessed else log_tail)

    def first_failure(self) -> CheckResult | None:
        """The check that decided against the model, or none."""
        return next((check for check in self.checks if not check.passed), None)

    def process_failed(self) -> bool:
        """Whether the model's process did not finish: time-out, kill, crash."""
        return any(check.check == PROCESS_CHECK and not check.passed for check in self.checks)

    def reason(self) -> str:
        """One line: the first failing check with its row, or that all passed."""
        failure = self.first_failure()
        return f"{len(self.checks)} checks passed" if failure is None else failure.line()


def read(uri: str) -> Report:
    """The report of a finished smoke test.

    Args:
      uri: the local folder of the SmokeTestReport artifact.

    Raises:
      FileNotFoundError: the folder holds no report, for example because the run was killed.
      pydantic.ValidationError: the file is not a report of this version.
    """
    return Report.model_validate_json((Path(uri) / REPORT_FILE).read_text(encoding="utf-8"))
