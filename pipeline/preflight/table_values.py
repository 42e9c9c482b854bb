"""The data gate's rules on labels, weights, dates and booleans, held against a table's files before a run.

The gate says the same of what became examples, on every runner; here file and row are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from operator import eq

from components.data_gate.breach import Breach
from components.data_gate.columns import Columns
from components.data_gate.config import DataGateConfig
from components.data_gate.labels import label_values, label_varies
from components.data_gate.leading_zeros import leading_zeros
from components.data_gate.seen import Seen
from components.data_gate.unreadable import unreadable
from components.data_gate.weights import weights
from components.example_gen.columns.use import is_temporal
from components.findings import Severity
from pipeline.preflight.table_profile import TableProfile
from preprocessing.errors import UserError
from preprocessing.text import sentences

_SHOWN = 5


def check_values(table: TableProfile, columns: Columns, config: DataGateConfig) -> Iterator[str]:
    """Yields a warning for every rule that is broken and only warns.

    Args:
      table: what the files hold.
      columns: what the columns are used for.
      config: the gate's severities and limits.

    Raises:
      UserError: a rule is broken that blocks; with the first row that breaks it.
    """
    for breach, configured in _breaches(table, columns, config):
        severity = breach.severity(configured)
        if severity == "off":
            continue
        text = _placed(table, breach)
        if severity == "block":
            raise UserError(text, hint=breach.hint)
        yield f"{text}; {breach.hint}"


def _breaches(table: TableProfile, columns: Columns, config: DataGateConfig) -> Iterator[tuple[Breach, Severity]]:
    # Rows without a label are left out, and counted elsewhere.
    label = {split: table.column(columns.label, split).seen(labelled=True) for split in table.splits}
    for breach in label_varies(label, columns):
        yield breach, config.label_varies.severity
    for breach in label_values(label, columns):
        yield breach, config.label_values.severity
    if columns.weight is not None:
        for breach in weights(_seen(table, columns.weight), columns.weight):
            yield breach, config.weights.severity
    padded = [name for name in table.names if table.column(name).cells.leading_zeros]
    for breach in leading_zeros(padded, columns):
        yield breach, config.leading_zeros.severity
    for name in columns.readings:
        if not is_temporal(table.column(name)):
            for breach in unreadable(_seen(table, name), name, columns, config.unreadable.max_fraction):
                yield breach, config.unreadable.severity


def _seen(table: TableProfile, name: str) -> Mapping[str, Seen]:
    return {split: table.column(name, split).seen() for split in table.splits}


def _placed(table: TableProfile, breach: Breach) -> str:
    """What is wrong, and where: the first row, or the rows of the first values."""
    if breach.values:

        def place(value: str) -> str:
            return f"{table.place(breach.column, partial(eq, value), breach.split)[0]}: {value!r}"

        return f"{breach.sentence()}: {sentences(breach.values, _SHOWN, place)}"
    if breach.wrong is not None:
        return f"{table.place(breach.column, breach.wrong, breach.split)[0]}: {breach.sentence()}"
    return f"{table.part(breach.split)[0].file}: {breach.sentence()}"
