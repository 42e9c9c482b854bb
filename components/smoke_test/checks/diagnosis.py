"""Why a row's answer depends on more than the row: told by a few more requests, never by a guess.

Each cause leaves its own trace: answers that are those of other rows, answers that move when one certain row of the
batch is another one, answers that only copies of a row get, or only a certain number of rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd

import numpy as np

from components.smoke_test.bench.asked import Asked, Places
from components.smoke_test.bench.probe import Influence, Moved, numbers, probe, same
from components.smoke_test.bench.relations import Again, Alone
from components.smoke_test.bench.requests import Array
from components.smoke_test.bench.shrink import Parts, parts_of, smallest
from components.smoke_test.bench.suspects import Suspicion, suspects
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult, Smallest
from components.smoke_test.sandbox.session import Answer, ModelError
from preprocessing.text import listed

_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 31, 32, 33, 64)
_MOST_ROWS = 5000
_SHOWN_SIZES = 8
_FEWEST_SIZES = 4
"""By chance a dimension is as large as one batch or two."""
_REPEATS = 12
_SECONDS = 5.0
"""A slow model is asked for fewer sizes, or not at all."""

_INFLUENCE: Mapping[Influence, tuple[str, Suspicion]] = {
    "all": (
        "every row of the batch changes the answers to the others: a mean, a sum or a norm over the batch, such as "
        "batch normalisation in training mode or a softmax along the wrong axis",
        "mean",
    ),
    "some": (
        "some rows of the batch change the answers to the others, wherever they stand, and the rest don't: the largest "
        "or smallest of the batch counts (a maximum or minimum over the rows, a ranking)",
        "extreme",
    ),
    "last": ("the last row of the batch changes the answers to the others", "order"),
    "first": ("the first row of the batch changes the answers to the others", "order"),
    "next": (
        "the rows next to a row in the batch change its answer: a difference or a window over the rows",
        "before",
    ),
    "before": (
        "the rows that stand before a row in the batch change its answer, those after it don't: a cumulative sum, or a "
        "state that goes from row to row",
        "before",
    ),
    "after": (
        "the rows that stand after a row in the batch change its answer, those before it don't: a cumulative sum in "
        "reverse, or a state that goes from row to row",
        "before",
    ),
}
_MOVED: Mapping[Moved, str] = {
    "last": "every row gets the answer of the last row of the batch: only that one is kept, or read",
    "first": "every row gets the answer of the first row of the batch: only that one is read",
    "before": "each row gets the answer of the row before it: off by one",
    "after": "each row gets the answer of the row after it: off by one",
    "reversed": "the answers come in reverse order",
    "sorted": "the answers come back sorted, and not in the order of the rows: a sort or a ranking over the batch",
    "permuted": "the rows get each other's answers: they come back in another order",
    "others": "rows get the answers of other rows of the batch: a gather with the wrong places, or a lookup by value",
}
_DUPLICATES = (
    "only rows that are in the batch more than once get other answers: duplicates are merged and not put back "
    "(tf.unique, a set of the batch's rows)"
)
_PLACE = (
    "the answer depends on the place of the row in the batch, not on the other rows: a range, an alternation or a "
    "position is added along the rows"
)
SIZE = "the answer depends on how many rows the batch has, not on what they are: see the smallest request that fails"
UNKNOWN = "the answer to a row depends on the other rows of the batch: see the smallest request that fails"
NOT_SIZE = "it is not the size"
"""How the hint begins where as many copies of one row are answered."""
_OTHER_DIMENSION = "another dimension"
_ACROSS = (
    _OTHER_DIMENSION
    + " of {name} (number {dimension}) is the number of rows of the batch too: each row is set against every row of "
    "the batch (a matrix product with the transposed batch, as in training with in-batch negatives)"
)
_FIXED = "is the batch size fixed in the graph, by a reshape for example? Use -1, or tf.shape(...)[0]"
_ONE_ROW = "a batch of one row loses its dimension: tf.squeeze without an axis?"
_RANDOM = (
    "the answers to the same request are random: is dropout left on, or is there noise? Call the model with "
    "training=False in the export"
)
_STATE = "a variable changes with each call: the answer to a row must not depend on what was asked before"
_PREVIOUS = (
    "the answer depends on the request that was asked before it, which leaves something behind in a variable: the same "
    "request gets the same answer again, and another one after a different request"
)


@dataclass
class Diagnosis:
    """What is wrong with one signature, found once for each kind of fault.

    Attributes:
      asked: the signature.
      steady: whether it answers the same to the same request.
    """

    asked: Asked
    steady: bool = True
    _known: dict[str, str] = field(default_factory=dict)
    _shown: set[str] = field(default_factory=set)

    def of_batch(self, result: CheckResult, places: Places, answer: Answer) -> CheckResult:
        """The result of asking for these rows in one batch; a failure with the hint and the request that prove it."""
        if result.status != "failed" or not self.steady or self.asked.one_at_a_time or not len(places):
            return result
        kind = "error" if answer.error is not None else "shape" if result.row is None else "value"
        if kind not in self._known:
            if kind == "value":
                self._known[kind] = self._of_values(result.check, places)
            else:
                self._known[kind] = self._of_sizes(places, answer.error) or result.hint
        found = None
        if kind not in self._shown:
            found = self._smallest(result.check, places)
            self._shown.add(kind)
        return result.model_copy(update={"hint": self._known[kind], "smallest": found})

    def of_repeats(self, result: CheckResult, same: Places, other: Places) -> CheckResult:
        """The result of asking the same request again and again, and after another one."""
        if result.status != "failed":
            return result
        asked = [*[same] * _REPEATS, other, same, same, other, same, same]
        answers = self.asked.ask(asked, "repeats")
        if any(each.error is not None for each in answers):
            return result
        rows = [numbers(self.asked, each) for each in answers]
        if any(each.shape != rows[0].shape for each in rows[:_REPEATS]):
            return result
        settled = all(self._same(one, other) for one, other in pairwise(rows[1:_REPEATS]))
        previous = settled and self._same(rows[-1], rows[-4]) and not self._same(rows[-5], rows[-4])
        kind: Suspicion
        if previous:
            words, kind = _PREVIOUS, "state"
        elif self._random(rows[:_REPEATS]):
            words, kind = _RANDOM, "random"
        else:
            words, kind = _STATE, "state"
        relation = Again(Alone(self.asked, result.check), self.asked.request(other) if previous else None)
        with self.asked.bench.search_time.smallest() as slot:
            found = smallest(self.asked.bench, relation, self._parts(same), slot)
        return result.model_copy(update={"hint": self._named(words, kind), "smallest": found})

    def _random(self, rows: Sequence[Array]) -> bool:
        """Whether the answers go back and forth by chance; a counter moves them one way, or begins anew."""
        name, export = self.asked.signature.name, self.asked.bench.export
        has_random, has_state = (bool(suspects(export, name, kind)) for kind in ("random", "state"))
        way = np.nan_to_num(rows[-1] - rows[0])
        steps = np.diff([float(np.sum(np.nan_to_num(each - rows[0]) * way)) for each in rows])
        one_way = bool(np.all(steps >= 0))
        return has_random and not has_state if one_way else has_random or not has_state

    def _smallest(self, check: CheckName, places: Places) -> Smallest | None:
        """The smallest batch whose rows are not answered as they are alone: of these rows, or of all."""
        bench = self.asked.bench
        everyone = np.arange(self.asked.rows)
        with bench.search_time.smallest() as slot:
            for rows in (places[:_MOST_ROWS], everyone):
                distinct = len(set(rows.tolist()))
                if not slot.fits(self.asked.seconds_per_row * (len(rows) + distinct)):
                    return None
                if (found := smallest(bench, Alone(self.asked, check), self._parts(rows), slot)) is not None:
                    return found
        return None

    def _parts(self, places: Places) -> Parts:
        return parts_of(self.asked.bench.rows.rows, places, self.asked.bench.contract.label)

    def _of_values(self, check: CheckName, places: Places) -> str:
        """The hint for rows that get another answer in one batch than in another."""
        if (shape := self._known.get("shape", "")).startswith(_OTHER_DIMENSION):
            return shape
        found = probe(self.asked, check)
        if found is None:
            return UNKNOWN
        if (moved := found.moved()) is not None:
            return self._named(_MOVED[moved], "order")
        if (influence := found.influence()) is not None:
            return self._named(*_INFLUENCE[influence])
        count = len(found.copies)
        copies_right = same(found.alone[[0] * count], found.copies, found.tolerance)
        if found.right and not copies_right:
            return self._named(_DUPLICATES, "duplicates")
        if not same(found.copies[[0] * count], found.copies, found.tolerance):
            return _PLACE
        return SIZE if not copies_right or self._copies_fail(check, places) else UNKNOWN

    def _copies_fail(self, check: CheckName, places: Places) -> bool:
        """Whether so many copies of one row are answered wrongly too."""
        one = places[:1]
        answers = self.asked.ask([one, np.repeat(one, min(len(places), _MOST_ROWS))], "batches")
        if any(each.error is not None for each in answers):
            return False
        return Alone(self.asked, check).compared(answers[1], [answers[0]] * min(len(places), _MOST_ROWS)) is not None

    def _of_sizes(self, places: Places, error: ModelError | None) -> str:
        """The hint for batches that are an error, or whose answer has another shape; empty where sizes don't tell."""
        wanted = dict.fromkeys((len(places), self.asked.rows, *_SIZES, len(places) + 1))
        rows = np.cumsum([*wanted]) * self.asked.seconds_per_row
        sizes = sorted(
            size for size, seconds in zip(wanted, rows, strict=True) if seconds <= _SECONDS and size <= _MOST_ROWS
        )
        if not sizes:
            return ""
        answers = self.asked.ask([np.zeros(each, np.int64) for each in sizes], "batches")
        if across := self._across(sizes, answers):
            return across
        good = [size for size, answer in zip(sizes, answers, strict=True) if self._fits(answer, size)]
        bad = [size for size in sizes if size not in good]
        if len(places) in good or not bad:
            said = f": {error.code}" if error is not None else ""
            return f"{NOT_SIZE}: so many copies of one row are answered; some rows of the batch are not{said}"
        return said_of_sizes(good, bad)

    def _across(self, sizes: Sequence[int], answers: Sequence[Answer]) -> str:
        """The hint where another dimension of an output is the number of rows too; empty where none is."""
        answered = [(size, each) for size, each in zip(sizes, answers, strict=True) if each.error is None]
        if len(answered) < _FEWEST_SIZES:
            return ""
        for name in self.asked.by_row:
            shapes = [(size, each.outputs[name].shape) for size, each in answered if name in each.outputs]
            for axis in range(1, min((len(shape) for _, shape in shapes), default=0)):
                if all(shape[axis] == size for size, shape in shapes):
                    return _ACROSS.format(name=name, dimension=axis + 1)
        return ""

    def _fits(self, answer: Answer, size: int) -> bool:
        by_row = self.asked.by_row
        arrays = [answer.outputs[name] for name in by_row if name in answer.outputs]
        return answer.error is None and all(each.ndim > 0 and len(each) == size for each in arrays)

    def _named(self, words: str, kind: Suspicion) -> str:
        return words + suspects(self.asked.bench.export, self.asked.signature.name, kind)

    def _same(self, one: Array, other: Array) -> bool:
        return same(one, other, self.asked.bench.tolerance("repeatable"))


def said_of_sizes(good: Sequence[int], bad: Sequence[int]) -> str:
    """What sizes of batches that are answered, and sizes that are not, have in common.

    >>> said_of_sizes([4, 8], [1, 2, 3])[:47]
    'only batches of a multiple of 4 rows are answer'
    """
    if not good:
        return f"no batch of any size is answered as it should be: {_FIXED}"
    step, failing = gcd(*good), gcd(*bad)
    if len(good) == 1:
        return f"only a batch of {good[0]:,} rows is answered: {_FIXED}"
    if set(bad) == {1}:
        return _ONE_ROW
    if step > 1 and not any(each % step == 0 for each in bad):
        return f"only batches of a multiple of {step:,} rows are answered: {_FIXED}"
    if min(bad) == max(good) + 1:
        return f"batches of more than {max(good):,} rows are not answered: a limit, or a fixed size?"
    if min(bad) > max(good):
        return (
            f"batches of up to {max(good):,} rows are answered, and not one of {min(bad):,}: a limit, or a fixed size?"
        )
    if max(bad) < min(good):
        return f"batches of fewer than {min(good):,} rows are not answered: does an operation need several rows?"
    if failing > 1 and not any(each % failing == 0 for each in good):
        return f"batches of a multiple of {failing:,} rows are not answered"
    return (
        f"batches of {listed(bad, _SHOWN_SIZES)} rows are not answered, of {listed(good, _SHOWN_SIZES)} rows they are"
    )
