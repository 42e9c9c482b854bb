"""Input files that were delivered twice, by what ExampleGen noted about each file that it read."""

from collections import defaultdict
from collections.abc import Iterable

from components.artifacts.ingest import FileReport
from components.data_gate.config import DuplicateFiles
from components.data_gate.report import DataFinding


def duplicate_files(files: Iterable[FileReport], config: DuplicateFiles) -> list[DataFinding]:
    """Files with the same rows as an earlier one. A file of a single row may well be like another."""
    if config.severity == "off":
        return []
    same: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for each in files:
        if each.rows > 1:
            same[each.rows, each.digest].append(each.file)
    return [
        DataFinding(
            check="duplicate_files",
            expected="every file to have rows of its own",
            received=f"the same {rows} rows in {', '.join(names)}",
            severity=config.severity,
            hint="remove the copy; if both are meant to be there, set data_gate.duplicate_files.severity: warn",
        )
        for (rows, _), names in same.items()
        if len(names) > 1
    ]
