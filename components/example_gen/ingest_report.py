"""What ExampleGen says about its work: `ingest.json` beside the splits of the Examples artifact."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from components.example_gen.block import FeatureType

REPORT_FILE = "ingest.json"
QUARANTINE_FOLDER = "quarantine"
SHOWN_BAD_ROWS = 20
"""So many bad rows are described one by one; all of them are counted, and in quarantine all of them are kept."""


class FileReport(BaseModel):
    """One source file.

    `digest` is the sum of its rows' hashes: the same for the same rows in another order, compression or format.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    input: str
    rows: int = 0
    bad_rows: int = 0
    unlabeled_rows: int = 0
    digest: str = "0" * 16

    def plus(self, other: FileReport) -> Self:
        """The same file's report with another part of it."""
        digest = (int(self.digest, 16) + int(other.digest, 16)) % 2**64
        return self.model_copy(
            update={
                "rows": self.rows + other.rows,
                "bad_rows": self.bad_rows + other.bad_rows,
                "unlabeled_rows": self.unlabeled_rows + other.unlabeled_rows,
                "digest": f"{digest:016x}",
            }
        )


class BadRowReport(BaseModel):
    """One row that can't become an example: where it stands and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    place: int
    reason: str


class IngestReport(BaseModel):
    """Everything that was read.

    Attributes:
      rows: examples by split.
      files: every source file, in order.
      bad_rows: the first of them.
      types: the type of each feature.
      left_out: columns that no example has, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: dict[str, int]
    files: tuple[FileReport, ...]
    bad_rows: tuple[BadRowReport, ...] = ()
    types: dict[str, FeatureType]
    left_out: dict[str, str] = {}

    @property
    def bad(self) -> int:
        """Rows that could not become examples."""
        return sum(file.bad_rows for file in self.files)

    @property
    def read(self) -> int:
        """All rows that were read, with those that became no examples."""
        return sum(file.rows + file.unlabeled_rows + file.bad_rows for file in self.files)

    @property
    def unlabeled(self) -> int:
        """Rows without a label, which no split has."""
        return sum(file.unlabeled_rows for file in self.files)
