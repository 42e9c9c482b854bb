"""The rule on example weights: one in every row, finite and not negative, and in no split all of them 0."""

from collections.abc import Iterator, Mapping
from functools import partial
from operator import contains

from components.data_gate.breach import Breach, share
from components.data_gate.seen import Seen, is_infinite, number_of

_HINT = "give every row a weight of 0 or more: such a row would count as 0"


def weights(seen: Mapping[str, Seen], column: str) -> Iterator[Breach]:
    """Weights that training and evaluation can't use.

    Args:
      seen: the weight by split; `WHOLE` for a table that is not divided yet.
      column: its name.
    """
    about = partial(Breach, "weights", column, "weight")
    for split, each in seen.items():
        if each.missing:
            received = f"missing in {share(each.missing, each.rows)}"
            yield about("a weight in every row", received, _HINT, split, wrong=partial(contains, ("",)))
        if each.infinite:
            received = f"infinite in {share(each.infinite, each.rows)}"
            yield about("finite numbers", received, _HINT, split, wrong=is_infinite)
        if each.below:
            low = f"{each.low:g}{'' if each.below == 1 else ' at the lowest, and negative'}"
            received = f"{low} in {share(each.below, each.rows)}"
            yield about("numbers of 0 or more", received, _HINT, split, wrong=lambda cell: number_of(cell) < 0)
        if each.low == each.high == 0 and not each.infinite:
            hint = "no row would count: correct it, give the split other rows (data.split), or remove features.weight"
            yield about("a weight above 0 in some row", "0 in every row", hint, split, rows=each.rows)
