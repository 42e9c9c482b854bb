"""Values that are probably one, written differently."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from components.data_gate.columns import Columns
from components.data_gate.config import SimilarValues
from components.data_gate.report import DataFinding
from components.data_gate.summary import Summary
from preprocessing.nearest import alike
from preprocessing.text import counted, quoted, sentences

_SHOWN = 4


def similar_values(summaries: Mapping[str, Summary], columns: Columns, config: SimilarValues) -> Iterator[DataFinding]:
    """The label's classes and the inputs' categories that differ only in blanks, case or a final point.

    Args:
      summaries: of all splits.
      columns: the label and the inputs.
      config: the severity.
    """
    if config.severity == "off":
        return
    names = [columns.label] if columns.task != "regression" else []
    for name in (*names, *(name for name, kind in columns.inputs.items() if kind == "category")):
        rows = _rows(name, summaries.values())
        groups = alike(rows)
        if not groups:
            continue
        shown = [
            ", ".join(f"{quoted(value)} ({counted(rows[value], 'row')})" for value in (first, *others))
            for first, others in groups.items()
        ]
        replace = {other: first for first, others in groups.items() for other in others}
        hint = "write each in one way, in the table and in requests"
        if name == columns.label:
            hint = f"join those that are one class: data.columns.{name}.replace: {dict(list(replace.items())[:_SHOWN])}"
        yield DataFinding(
            check="similar_values",
            feature=name,
            expected="values that differ in more than blanks, case and a final point",
            received=sentences(shown, _SHOWN),
            severity=config.severity,
            hint=f"{hint}; data_gate.similar_values has the severity",
        )


def _rows(name: str, summaries: Iterable[Summary]) -> Counter[str]:
    """The rows of each text of a column, in all splits."""
    rows = Counter[str]()
    for summary in summaries:
        column = summary.columns.get(name)
        if column is not None and column.type == "BYTES" and column.shares is not None:
            rows.update({value: round(share * column.present) for value, share in column.shares.items()})
    return rows
