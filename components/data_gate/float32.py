"""Numbers that a model can't tell apart, by what ExampleGen saw of them before they became float32."""

from collections.abc import Iterator, Mapping

from components.artifacts.ingest import Collapse
from components.data_gate.columns import Columns
from components.data_gate.config import Float32
from components.data_gate.report import DataFinding
from preprocessing.text import counted


def lost_values(collapsed: Mapping[str, Collapse], columns: Columns, config: Float32) -> Iterator[DataFinding]:
    """Columns used as numbers of which too many different values become the same float32.

    Args:
      collapsed: by column, what is left of its different values.
      columns: the label and the inputs.
      config: limits and severity.
    """
    for name, found in collapsed.items():
        is_number = columns.inputs.get(name) == "number" or (name == columns.label and columns.task == "regression")
        lost = (found.distinct - found.left) / found.distinct
        if not is_number or lost <= config.max_lost or config.severity == "off":
            continue
        blocks = (found.whole and lost > config.block_above) or found.left == 1
        yield DataFinding(
            check="float32",
            feature=name,
            expected=f"at most {100 * config.max_lost:g} % of the different values to become one with another "
            "as float32, the type that a model computes with",
            received=f"of {counted(found.distinct, 'different value')} in a sample {found.left:,} are left; "
            f"{found.example[0]} and {found.example[1]} become one",
            severity=config.severity if blocks else "warn",
            hint="if they are codes or keys, declare the column under features.categorical; if they are quantities, "
            "write them with fewer digits (as a difference from a fixed number, say), or raise the limits in "
            "data_gate.float32",
        )
