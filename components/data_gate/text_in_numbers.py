"""Columns that are declared as numbers and are text: Transform can't go on with them."""

import math
from collections.abc import Iterator, Mapping

from components.data_gate.breach import Breach
from components.data_gate.columns import Columns
from components.data_gate.seen import number_of
from components.data_gate.summary import Summary
from preprocessing.text import listed, quoted

_SHOWN = 3


def text_in_numbers(summaries: Mapping[str, Summary], columns: Columns) -> Iterator[Breach]:
    """Numeric inputs, weights and labels of a regression that the examples hold as text.

    Args:
      summaries: by split.
      columns: what the columns are used for.
    """
    for split, summary in summaries.items():
        for name, role in columns.numbers.items():
            column = summary.columns.get(name)
            if column is None or column.type != "BYTES" or not column.present:
                continue
            words = [value for value in column.shares or {} if math.isnan(number_of(value))]
            shown = f": {listed(words, _SHOWN, quoted)}" if words else ""
            yield Breach(
                "text_in_numbers", name, role, "numbers, as features: declares it", f"text{shown}",
                "correct the cells; or declare the column under categorical, boolean or datetime; or add a word that "
                "means missing to data.csv.null_values", split,
            )  # fmt: skip
