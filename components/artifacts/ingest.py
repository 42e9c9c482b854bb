"""What ExampleGen says about its work, beside the splits of the Examples artifact: `ingest.json`, `quarantine/` and
`row_hashes/`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from components.artifacts.splits import split_folder

INGEST_FILE = "ingest.json"
"""The file of the `IngestReport`."""
QUARANTINE_FOLDER = "quarantine"
"""The rows that became no examples, as they stand in their files."""

ROW_HASHES_FOLDER = "row_hashes"
"""A file beside each shard, below the folder of its split: the `preprocessing.row_hash` of each of its examples as they
are decoded, in order, 8 bytes each, little-endian."""

FeatureType = Literal["int64", "double", "string"]
"""What a column is to tf.Example: INT, FLOAT (stored as float32) or BYTES."""


def row_hashes_file(uri: str, split: str, shard: str) -> str:
    """The file with the hashes of a shard's rows.

    Args:
      uri: of the Examples artifact.
      split: the shard's split.
      shard: its path, or its name.
    """
    return f"{uri}/{ROW_HASHES_FOLDER}/{split_folder(split)}/{shard.rpartition('/')[2]}.u64"


class FileReport(BaseModel):
    """What reading one source file gave.

    Attributes:
      file: its path or URL.
      input: the input that it belongs to: a split's name, or `all`.
      rows: those that became examples.
      bad_rows: those that could not.
      unlabeled_rows: those without a label.
      digest: the sum of the hashes of its rows, 16 hexadecimal digits: the same for the same rows in another order,
        compression or format.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    input: str
    rows: int
    bad_rows: int
    unlabeled_rows: int = 0
    digest: str

    def plus(self, other: FileReport) -> Self:
        """Adds the report of another part of the same file."""
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

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    place: int
    reason: str


class Collapse(BaseModel):
    """What becomes of the different numbers of a column, in a sample of its rows, as float32.

    Attributes:
      distinct: how many there are.
      left: how many of them are different float32 values.
      whole: all of them are whole numbers.
      example: two of them that become one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    distinct: int
    left: int
    whole: bool
    example: tuple[str, str]


class IngestReport(BaseModel):
    """Everything that was read.

    Attributes:
      rows: examples by split.
      files: every source file, in order.
      bad_rows: the first of them.
      types: the type of each feature.
      left_out: columns that no example has, and why.
      collapsed: the columns of numbers of which different values become the same float32.
      leading_zeros: the columns of numbers that are written with leading zeros, which no number keeps.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    rows: dict[str, int]
    files: tuple[FileReport, ...]
    bad_rows: tuple[BadRowReport, ...] = ()
    types: dict[str, FeatureType]
    left_out: dict[str, str] = {}
    collapsed: dict[str, Collapse] = {}
    leading_zeros: tuple[str, ...] = ()

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
