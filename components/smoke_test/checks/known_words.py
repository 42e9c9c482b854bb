"""What the graph's own tables know, and no row has: each of their words and numbers deserves a finite answer.

A table of prices with a NaN, a standard deviation of 0 for one category, an embedding that is shorter than the
vocabulary: the rows of a test may have none of these words, and production will.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.smoke_test.bench.altered import Taken
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.compare import text
from components.smoke_test.bench.probes import Prober, finite_outputs, good_rows, not_finite
from components.smoke_test.bench.requests import Row, strings
from components.smoke_test.export.tables import Uses
from components.smoke_test.report import LONGEST_MESSAGE
from components.smoke_test.sandbox.session import REFUSED
from preprocessing.text import counted, decoded, listed, one_line, quoted

Known = bytes | int
_MOST_WORDS = 10_000
_SHOWN = 5
_MOST_REFUSED = 0.5
"""Where more is refused, the table is not one of what may be sent: a list of what is forbidden, say."""
_NOT_FINITE = (
    "what the graph has for this value makes no finite answer: NaN or infinity in a table, a division by a deviation "
    "of 0: look at its numbers, and export again"
)
_REFUSES = (
    "the table knows more than what is looked up by its places: an embedding or a list that is too short; export the "
    "vocabulary and the weights of the same training"
)


@dataclass(frozen=True)
class Spoilt:
    """What is wrong with some of the known values of a column.

    Attributes:
      expected, received: in words.
      hint: what to do.
    """

    expected: str
    received: str
    hint: str


def known_values(bench: Bench, signature: str, taken: Taken, own: Counter[bytes]) -> list[Known]:
    """What the tables know that a column is looked up in.

    Args:
      bench: with what stands in the graph.
      signature: its name.
      taken: a column of texts, or of whole numbers.
      own: its words in the rows; empty of numbers.
    """
    constants = bench.constants
    found: list[Known] = []
    for each in constants.uses.get((signature, taken.argument or ""), Uses()).lookups:
        keys = [] if each.table.keys is None else each.table.keys.reshape(-1)[:_MOST_WORDS].tolist()
        if taken.dtype == "string":
            found += [key for key in keys if isinstance(key, bytes)]
        else:
            found += [int(key) for key in keys if isinstance(key, int) or key.isdigit()]
    if not found:
        # Of a tf.Example it can't be told which column goes where, but by its words.
        found = [
            word
            for each in constants.vocabularies
            if each.of_table and own.keys() & {*each.words}
            for word in each.words
        ]
    return list(dict.fromkeys(found))[:_MOST_WORDS]


def spoilt(
    bench: Bench, prober: Prober, taken: Taken, values: Sequence[Known], says_nothing: Callable[[bytes], bool]
) -> Spoilt | None:
    """Whether any of the known values gets an error, or NaN or infinity where the rows have numbers.

    Args:
      bench: the model.
      prober: asks its signature.
      taken: the column.
      values: what its tables know.
      says_nothing: whether a word is a mark, for a missing value or for padding.
    """
    tried = [each for each in values if isinstance(each, int) or not says_nothing(each)]
    if not tried:
        return None
    [row] = good_rows(bench, 1, taken.column)
    answers = prober.ask([_with(row, taken, each) for each in tried])
    wrong: dict[Known, str] = {}
    refused: dict[Known, str] = {}
    finite = finite_outputs(bench, prober.signature)
    for value, answer in zip(tried, answers, strict=True):
        if answer is None:
            continue
        if answer.error is not None:
            (refused if answer.error.code == REFUSED else wrong)[value] = one_line(answer.error, LONGEST_MESSAGE)
        elif name := not_finite(answer, finite):
            wrong[value] = f"{name} {text(answer.outputs[name])}"
    if len(refused) <= _MOST_REFUSED * len(tried):
        wrong = refused | wrong
    if not wrong:
        return None
    first = next(iter(wrong))
    # Alone: a neighbour in the batch may be at fault.
    alone = prober.alone(_with(row, taken, first))
    if alone.error is None and not not_finite(alone, finite):
        return None
    others = [_shown(each) for each in [*wrong][1:]]
    also = f" (and for {listed(others, _SHOWN)})" if others else ""
    return Spoilt(
        f"a finite answer to each of the {counted(len(tried), 'value')} that the graph's tables know",
        f"{taken.column} = {_shown(first)}: {wrong[first]}{also}",
        _REFUSES if alone.error is not None else _NOT_FINITE,
    )


def _with(row: Row, taken: Taken, value: Known) -> Row:
    before = row.get(taken.column)
    size = taken.size if before is None else len(before)
    if isinstance(value, bytes):
        return {**row, taken.column: strings([value] * size)}
    dtype: Any = np.int64 if before is None else before.dtype
    return {**row, taken.column: np.full(size, value, dtype)}


def _shown(value: Known) -> str:
    return quoted(decoded(value)) if isinstance(value, bytes) else str(value)
