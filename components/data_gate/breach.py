"""A rule on a table that does not hold: the data gate makes a finding of it, the preflight an error with its row."""

from collections.abc import Callable
from dataclasses import dataclass

from components.data_gate.report import DataFinding
from components.findings import Severity
from preprocessing.text import counted

WHOLE = "all"
"""Stands for the split of a table that is not divided yet."""


@dataclass(frozen=True)
class Breach:
    """What is wrong with a column, worded once for both.

    Attributes:
      check: the check's name in the report and in `data_gate:`.
      column: the column.
      role: what it is: "label", "weight", "column".
      expected: what it should be.
      received: what it is, to be read after the column and `joint`.
      hint: what to do next.
      split: where; None for the whole table, `WHOLE` for one that is not divided yet.
      rows: in how many, where `received` is of all of them and does not say it.
      joint: stands between the column and `received`.
      values: the wrong values, where they are few and told apart.
      wrong: tells a wrong cell by its text, "" where it is missing; None where no single row is wrong.
      tolerated: it stays within a limit and only warns.
    """

    check: str
    column: str
    role: str
    expected: str
    received: str
    hint: str
    split: str | None = None
    rows: int | None = None
    joint: str = " is "
    values: tuple[str, ...] = ()
    wrong: Callable[[str], bool] | None = None
    tolerated: bool = False

    def sentence(self) -> str:
        """What is wrong, in one sentence."""
        where = "" if self.split in (None, WHOLE) else f" of the {self.split} split"
        if self.role == "column":
            return f"column {self.column!r}{where}{self.joint}{self.received}"
        named = f"the {self.role} {self.column!r}"
        return f"{named}{self.joint}{self.received}{where}{self._counted()}"

    def _counted(self) -> str:
        return "" if self.rows is None else f" ({counted(self.rows, 'row')})"

    def severity(self, configured: Severity) -> Severity:
        """How serious it is where breaches of its check are as serious as configured."""
        return "warn" if self.tolerated and configured == "block" else configured

    def finding(self, configured: Severity) -> DataFinding | None:
        """The data gate's finding; None where its check is off."""
        severity = self.severity(configured)
        if severity == "off":
            return None
        return DataFinding(
            check=self.check,
            split=None if self.split == WHOLE else self.split,
            feature=self.column,
            expected=self.expected,
            received=f"{self.received}{self._counted()}",
            severity=severity,
            hint=self.hint,
        )


def share(rows: int, all_rows: int) -> str:
    """Some of the rows, in words."""
    return f"{rows:,} of {counted(all_rows, 'row')}"
