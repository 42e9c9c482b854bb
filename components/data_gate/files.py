"""Input files that were delivered twice, by what ExampleGen noted about each file that it read."""

from collections import defaultdict
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from components.data_gate.config import DuplicateFiles
from components.data_gate.report import Finding

INGEST_FILE = "ingest.json"
"""Beside the splits of an Examples artifact."""


class InputFile(BaseModel):
    """One file that was read."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    file: str
    rows: int
    """Those that became examples."""
    digest: str
    """A hash of the rows that does not depend on their order."""


class Ingest(BaseModel):
    """The part of ingest.json that the gate reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    files: tuple[InputFile, ...]


def duplicate_files(files: Iterable[InputFile], config: DuplicateFiles) -> list[Finding]:
    """Files with the same rows as an earlier one. A file of a single row may well be like another."""
    if config.severity == "off":
        return []
    same: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for each in files:
        if each.rows > 1:
            same[each.rows, each.digest].append(each.file)
    return [
        Finding(
            check="duplicate_files",
            expected="every file to have rows of its own",
            received=f"the same {rows} rows in {', '.join(names)}",
            severity=config.severity,
            hint="remove the copy; if both are meant to be there, set data_gate.duplicate_files.severity: warn",
        )
        for (rows, _), names in same.items()
        if len(names) > 1
    ]
