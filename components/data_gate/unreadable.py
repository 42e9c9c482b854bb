"""The rule on dates and booleans: preprocessing can read them."""

from collections.abc import Iterator, Mapping
from functools import partial
from operator import eq

from components.data_gate.breach import Breach
from components.data_gate.columns import Columns
from components.data_gate.seen import Seen
from preprocessing.readable import Dates
from preprocessing.text import quoted


def unreadable(seen: Mapping[str, Seen], column: str, columns: Columns, most: float) -> Iterator[Breach]:
    """Splits in which some of the column's values can't be read: they count as missing.

    Args:
      seen: the column by split; `WHOLE` for a table that is not divided yet.
      column: its name.
      columns: says how the column is read.
      most: the share of a split's values up to which they are tolerated.
    """
    reading = columns.readings[column]
    if isinstance(reading, Dates):
        what, hint = f"in the declared format ({reading.format})", "set the group's format as the dates are written"
    else:
        what, hint = "among true_values and false_values", "list the column's words"
    for split, each in seen.items():
        if not each.unreadable:
            continue
        first = quoted(each.first_unreadable or "")
        every = each.unreadable == each.present
        some = f"{each.unreadable:,} of {each.present:,} values are not {what} and count as missing"
        received = f"{f'no value is {what}' if every else some}, the first is {first}"
        limit = f"values {what}" if most == 0 else f"at least {100 * (1 - most):.4g} % of the values {what}"
        yield Breach(
            "unreadable", column, "column", limit, received, f"{hint}; data_gate.unreadable.max_fraction is the limit",
            split, joint=": ", wrong=partial(eq, each.first_unreadable),
            tolerated=each.unreadable <= most * each.present,
        )  # fmt: skip
