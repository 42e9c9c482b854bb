"""The gate's verdict as data: what was checked, what was expected, what came back.

No TensorFlow here: the command line reads reports of finished runs.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from components.artifacts.reports import REPORT_FILE
from components.findings import Finding, Severity
from components.smoke_test.names import CheckName
from preprocessing.text import counted, one_line, sentences

PROCESS_CHECK: CheckName = "process"
"""The check that the model's process came to its end."""
LONGEST_MESSAGE = 400
"""Characters of somebody else's message in a result: a model's error may hold the whole request."""


class FailingRow(BaseModel):
    """One row of a request that fails."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    row: int
    """The row that it is, or was made of, counted from 0 in the order in which the split is read."""
    values: dict[str, str] = Field(default_factory=dict)
    """Its values in the columns that matter, shortened, as texts; `missing` where it has none."""
    times: int = 1
    """How many times in succession the request has this row."""

    def words(self) -> str:
        """The row in a few words."""
        values = ", ".join(f"{name} = {value}" for name, value in self.values.items())
        times = f"{self.times:,} times " if self.times > 1 else ""
        return f"{times}row {self.row}{f' ({values})' if values else ''}"


class Smallest(BaseModel):
    """The smallest request that was found to fail in the way of a check."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    signature: str
    """The signature that it goes to."""
    rows: tuple[FailingRow, ...]
    """In the order of the request."""
    others: str = ""
    """What stands in the columns that don't matter, in words; empty where all columns are given above."""
    more_columns: int = 0
    """How many columns matter beside those given above."""
    expected: str
    """What should be answered."""
    received: str
    """What is answered."""
    requests: int
    """How many requests were sent to find it."""

    def size(self) -> int:
        """How many rows it has."""
        return sum(each.times for each in self.rows)

    def columns(self) -> tuple[str, ...]:
        """The columns that matter, in which any row's value is given."""
        return tuple(dict.fromkeys(name for each in self.rows for name in each.values))

    def request(self) -> str:
        """What is sent, in one line."""
        more = [counted(self.more_columns, "more column")] if self.more_columns else []
        rows = ", ".join(each.words() for each in self.rows)
        others = "; ".join([*more, *([self.others] if self.others else [])])
        return f"{counted(self.size(), 'row')}: {rows}{f'; {others}' if others else ''}"

    def line(self) -> str:
        """The request, and what is wrong with its answer, in one line."""
        return one_line(f"{self.request()}: expected {self.expected}, received {self.received}")


class Measured(BaseModel):
    """The numbers behind a result, for a plot."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    unit: Literal["ms", "MiB"]
    values: tuple[float, ...]
    """A latency's quantiles, at equal distances up to the slowest request; or what is held after each part of the
    requests."""
    champion: tuple[float, ...] = ()
    """The same of the champion."""


class CheckResult(Finding):
    """One check, on one signature or on the model as a whole, whether it found something or not."""

    check: CheckName
    """What was checked, for example `parity`."""
    status: Literal["passed", "failed", "skipped"]
    """`skipped`: it had nothing to work on, or was turned off; the reason is in `received`."""
    severity: Severity = "block"
    """What a failure means: `block` refuses the model."""
    case: str = ""
    """Which of several forms of the check: the kind of harm, the batch size, the percentile, and the like."""
    signature: str | None = None
    """The signature that was asked; none for checks on the model as a whole."""
    row: int | None = None
    """The first row that fails, counted from 0 in the order in which the split is read."""
    expected: str
    """What a sound model does, in words."""
    received: str
    """What this one did; of a skipped check the reason."""
    tolerance: float | None = None
    """The largest difference allowed, for checks that compare numbers."""
    hint: str = ""
    """What to do next, for a check that failed."""
    smallest: Smallest | None = None
    """The smallest request that fails in this way, where it was searched for and found."""
    measured: Measured | None = None
    """What a plot shows of a latency (the case `p50`) or of `endurance`, where it was measured."""
    follows: CheckName | None = None
    """The check whose failure probably explains this one."""
    seconds: float = 0.0
    """What the check took, the model's own time included."""

    @classmethod
    def passes(cls, check: CheckName, expected: str, received: str = "", **more: Any) -> Self:
        """The check passed; without a `received`, what was expected is what was seen."""
        return cls(check=check, status="passed", expected=expected, received=received or expected, **more)

    @classmethod
    def fails(cls, check: CheckName, expected: str, received: str, **more: Any) -> Self:
        """The check failed; give a `hint`."""
        return cls(check=check, status="failed", expected=expected, received=received, **more)

    @classmethod
    def skips(cls, check: CheckName, reason: str, **more: Any) -> Self:
        """The check did not run."""
        return cls(check=check, status="skipped", expected="", received=reason, **more)

    @property
    def blocks(self) -> bool:
        """Whether it refuses the model."""
        return self.status == "failed" and self.severity == "block"

    def name(self) -> str:
        """The check with its case."""
        return f"{self.check}: {self.case}" if self.case else self.check

    def what(self) -> str:
        """The case, the signature and the row."""
        parts = [self.case, self.signature, None if self.row is None else f"row {self.row}"]
        return ", ".join(part for part in parts if part)

    def more(self) -> str:
        """The smallest request that fails, where it is known."""
        return f"the smallest request that fails: {self.smallest.line()}" if self.smallest is not None else ""

    def line(self) -> str:
        """The result in one line: check, what, expected, received; of a skipped check the reason."""
        return one_line(f"{self.head()}: skipped, {self.received}") if self.status == "skipped" else super().line()


class Report(BaseModel):
    """Everything that one smoke test found."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal[4] = 4
    """The version of this form of the report."""
    blessed: bool
    """No check of severity `block` failed, and at least one passed."""
    checks: tuple[CheckResult, ...]
    seconds: dict[str, float]
    """`total`, and the phases of the model's process: start, load, and one for each group of checks."""
    log_tail: str = ""
    """The end of what the model's process printed, when a check failed."""

    @classmethod
    def of(cls, checks: Sequence[CheckResult], *, seconds: dict[str, float], log_tail: str = "") -> Self:
        """The report on these checks."""
        blessed = any(check.status == "passed" for check in checks) and not any(check.blocks for check in checks)
        failed = any(check.status == "failed" for check in checks)
        return cls(blessed=blessed, checks=tuple(checks), seconds=seconds, log_tail=log_tail if failed else "")

    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that decided against the model; those that another one probably explains come last."""
        return tuple(
            sorted((check for check in self.checks if check.blocks), key=lambda each: each.follows is not None)
        )

    def warnings(self) -> tuple[CheckResult, ...]:
        """The checks that failed without refusing the model."""
        return tuple(check for check in self.checks if check.status == "failed" and check.severity == "warn")

    def process_failed(self) -> bool:
        """Whether the model's process did not finish: time-out, kill, crash."""
        return any(check.check == PROCESS_CHECK and check.status == "failed" for check in self.checks)

    def reason(self) -> str:
        """One line: the first check that refuses the model and how many more, or what passed."""
        if failures := self.failures():
            return sentences([check.line() for check in failures], 1)
        count = Counter(check.status for check in self.checks)
        if not count["passed"]:
            return "no check could run"
        warned = f", {counted(len(self.warnings()), 'warning')}" if self.warnings() else ""
        skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
        return f"{counted(count['passed'], 'check')} passed{warned}{skipped}"


def read(uri: str) -> Report:
    """The report of a finished smoke test.

    Args:
      uri: the local folder of the SmokeTestReport artifact.

    Raises:
      FileNotFoundError: the folder holds no report, for example because the run was killed.
      pydantic.ValidationError: the file is not a report of this version.
    """
    return Report.model_validate_json((Path(uri) / REPORT_FILE).read_text(encoding="utf-8"))
