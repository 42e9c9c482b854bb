"""Whether the splits have enough rows."""

from collections.abc import Iterator, Mapping

from components.data_gate.config import MinRows
from components.data_gate.report import DataFinding
from preprocessing.text import counted


def few_rows(rows: Mapping[str, int | None], config: MinRows) -> Iterator[DataFinding]:
    """Splits with fewer rows than `data_gate.min_rows` asks for.

    An empty one blocks whatever is configured: nothing could be learnt from it, or measured.

    Args:
      rows: by split, the three that a run needs; None for one that is not there.
      config: the limits.
    """
    for split, found in rows.items():
        least: int = max(getattr(config, split), 1)
        severity = "block" if found == 0 else config.severity
        if (found or 0) < least and severity != "off":
            yield DataFinding(
                check="min_rows",
                split=split,
                expected=f"at least {counted(least, 'row')}",
                received=counted(found or 0, "row"),
                severity=severity,
                hint=f"check that the table is complete and data.split; data_gate.min_rows.{split} is the limit",
            )
