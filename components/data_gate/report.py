"""The gate's verdict on the data: what each check found, what was expected, what was seen.

No TensorFlow here: the command line reads verdicts of finished runs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from components import findings
from components.artifacts.reports import REPORT_FILE
from preprocessing.text import counted, sentences


class DataFinding(findings.Finding):
    """One thing about the data that is not as it should be."""

    check: str
    """What was broken: the check's name (`drift`), or the anomaly's kind as TFDV names it (`SCHEMA_NEW_COLUMN`)."""
    split: str | None = None
    """The split that it was found in; none for findings on several splits or files."""
    feature: str | None = None
    """The column; none for findings on the whole table."""
    severity: Literal["block", "warn"]
    hint: str = ""
    """What to do next: how to repair the data, or how to accept it."""

    def what(self) -> str:
        """The column and the split."""
        return ", ".join(part for part in (self.feature, self.split and f"split {self.split}") if part)


class CheckRun(BaseModel):
    """Whether a check ran; a check that did not run found nothing, which is not the same as nothing wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """The check's name in the `data_gate:` section."""
    state: Literal["ran", "skipped", "off"]
    """`skipped`: it had nothing to work on; `off`: the configuration turned it off."""
    reason: str = ""
    """Why it was skipped, or what it did (rows read, say)."""
    seconds: float = 0.0


class Verdict(BaseModel):
    """Everything that the gate has to say about the data of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    blessed: bool
    """No finding blocks."""
    findings: tuple[DataFinding, ...]
    """Those that block first."""
    checks: tuple[CheckRun, ...]
    seconds: float
    proposal: bool = False
    """Whether a schema that would accept the blocking schema anomalies lies beside the report."""

    @classmethod
    def of(
        cls, findings: Sequence[DataFinding], checks: Sequence[CheckRun], *, seconds: float, proposal: bool = False
    ) -> Self:
        """The verdict on these findings: blessed when none of them blocks."""
        ordered = sorted(findings, key=lambda finding: finding.severity != "block")
        return cls(
            blessed=not any(finding.severity == "block" for finding in findings),
            findings=tuple(ordered),
            checks=tuple(checks),
            seconds=seconds,
            proposal=proposal,
        )

    def blocking(self) -> tuple[DataFinding, ...]:
        """The findings that decided against the data."""
        return tuple(finding for finding in self.findings if finding.severity == "block")

    def warnings(self) -> tuple[DataFinding, ...]:
        """The findings that do not stop the run."""
        return tuple(finding for finding in self.findings if finding.severity == "warn")

    def reason(self) -> str:
        """One line: the first blocking finding and how many more, or what passed."""
        if blocking := self.blocking():
            return sentences([finding.line() for finding in blocking], 1)
        ran = sum(check.state == "ran" for check in self.checks)
        warned = f", {counted(len(self.findings), 'warning')}" if self.findings else ""
        return f"{counted(ran, 'check')} passed{warned}"


def read(uri: str) -> Verdict:
    """The verdict of a finished gate.

    Args:
      uri: the local folder of the DataVerdict artifact.

    Raises:
      FileNotFoundError: the folder holds no report, for example because the run was killed.
      pydantic.ValidationError: the file is not a report of this version.
    """
    return Verdict.model_validate_json((Path(uri) / REPORT_FILE).read_text(encoding="utf-8"))
