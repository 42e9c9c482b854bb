"""Whether the splits have enough rows."""

from collections.abc import Iterator, Mapping

from components.data_gate.config import MinRows
from components.data_gate.report import DataFinding


def few_rows(rows: Mapping[str, int], config: MinRows) -> Iterator[DataFinding]:
    """Splits with fewer rows than `data_gate.min_rows` asks for.

    Args:
      rows: by split, the three that a run needs; 0 for one that is not there.
      config: the limits.
    """
    if config.severity == "off":
        return
    for split, found in rows.items():
        least: int = getattr(config, split)
        if found < least:
            yield DataFinding(
                check="min_rows",
                split=split,
                expected=f"at least {least} rows",
                received=f"{found} rows",
                severity=config.severity,
                hint=f"check that the table is complete and data.split; data_gate.min_rows.{split} is the limit",
            )
