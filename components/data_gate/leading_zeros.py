"""The rule on numbers that are written with leading zeros, as codes are: a number does not keep them."""

import re
from collections.abc import Collection, Iterator

from components.data_gate.breach import Breach
from components.data_gate.columns import Columns

_PADDED = re.compile(r"[ \t]*[+-]?0[0-9]")


def leading_zeros(padded: Collection[str], columns: Columns) -> Iterator[Breach]:
    """Numeric inputs, weights and labels of a regression that look like codes.

    Args:
      padded: the columns that became numbers although some of them are written with leading zeros.
      columns: what the columns are used for.
    """
    for name, role in columns.numbers.items():
        if name in padded:
            yield Breach(
                "leading_zeros", name, role, "numbers without leading zeros",
                "declared as a number and has leading zeros, which are lost: 007.1 and 7.1 become one",
                "declare it under features.categorical if these are codes; data_gate.leading_zeros has the severity",
                wrong=lambda cell: _PADDED.match(cell) is not None,
            )  # fmt: skip
