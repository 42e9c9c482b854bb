"""The gate's verdict on the data: what each check found, what was expected, what was seen.

No TensorFlow here: the command line reads verdicts of finished runs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

REPORT_FILE = "report.json"
SCHEMA_FILE = "schema.pbtxt"
"""The proposed schema, in full; there when the verdict says `proposal`."""
DIFF_FILE = "schema.diff"
"""The same as a unified diff against the schema of the run."""


class Finding(BaseModel):
    """One thing that is not as it should be."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rule: str
    """What was broken: the check's name (`drift`), or the anomaly's kind as TFDV names it (`SCHEMA_NEW_COLUMN`)."""
    split: str | None = None
    """The split that it was found in; none for findings on several splits or files."""
    feature: str | None = None
    expected: str
    observed: str
    severity: Literal["block", "warn"]
    hint: str = ""
    """What to do next: how to repair the data, or how to accept it."""

    def line(self) -> str:
        """The finding in one line: rule, split, feature, expected, observed."""
        place = ", ".join(part for part in (self.feature, self.split and f"split {self.split}") if part)
        where = f" ({place})" if place else ""
        return " ".join(f"{self.rule}{where}: expected {self.expected}, observed {self.observed}".split())


class CheckRun(BaseModel):
    """Whether a check ran; a check that did not run found nothing, which is not the same as nothing wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """As in the `data_gate:` section."""
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
    findings: tuple[Finding, ...]
    """Those that block first."""
    checks: tuple[CheckRun, ...]
    seconds: float
    proposal: bool = False
    """Whether a schema that would accept the blocking schema anomalies lies beside the report."""

    @classmethod
    def of(
        cls, findings: Sequence[Finding], checks: Sequence[CheckRun], *, seconds: float, proposal: bool = False
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

    def blocking(self) -> tuple[Finding, ...]:
        """The findings that decided against the data."""
        return tuple(finding for finding in self.findings if finding.severity == "block")

    def warnings(self) -> tuple[Finding, ...]:
        """The findings that do not stop the run."""
        return tuple(finding for finding in self.findings if finding.severity == "warn")

    def reason(self) -> str:
        """One line: the first blocking finding and how many more, or what passed."""
        if blocking := self.blocking():
            more = f" (and {len(blocking) - 1} more)" if len(blocking) > 1 else ""
            return blocking[0].line() + more
        ran = sum(check.state == "ran" for check in self.checks)
        warned = f", {len(self.findings)} warnings" if self.findings else ""
        return f"{ran} checks passed{warned}"


def read(uri: str) -> Verdict:
    """The verdict of a finished gate.

    Args:
      uri: the local folder of the DataVerdict artifact.

    Raises:
      FileNotFoundError: the folder holds no report, for example because the run was killed.
      pydantic.ValidationError: the file is not a report of this version.
    """
    return Verdict.model_validate_json((Path(uri) / REPORT_FILE).read_text(encoding="utf-8"))
