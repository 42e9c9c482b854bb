"""The check `integers`: two whole numbers that the model should tell apart, and that are one number on the way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from components.smoke_test.bench.altered import Taken, evenly
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.interventions import taken_of
from components.smoke_test.bench.probes import Prober, RowAnswer, distance, good_rows
from components.smoke_test.bench.requests import MISSING, Row
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.checks.by_signature import by_signature
from components.smoke_test.export.contract import Signature
from components.smoke_test.export.tables import Uses, written
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult
from preprocessing.text import counted, decoded, quoted, sentences

_CHECK: CheckName = "integers"
_MOST_COLUMNS = 32
_NUMBERS = 8
_FEWEST = 3
_SAME = 1e-6
"""Distance of two answers that rounding may explain."""
_EFFECT = 1e-4
"""Distance from which a column has an effect."""
_JUMP = 0.05
"""Share of the column's whole effect that no small step of a measured quantity makes."""
_FLOAT32, _FLOAT64 = 2**24, 2**53
_GROWS = 2**20
"""Identifiers of this size will reach the next millions."""
_LARGEST = 2**61
_EXPECTED = "other answers to other whole numbers, where the rows' own numbers have other answers"
_NEXT = "keep the column int64 until it is looked up, hashed or divided into buckets"
Rounding = Callable[[Any], Any]


@dataclass(frozen=True)
class _Column:
    """A column of whole numbers.

    Attributes:
      taken: as the signature takes it.
      numbers: some of the rows' own, different ones.
      largest: the largest absolute value in the rows.
    """

    taken: Taken
    numbers: tuple[int, ...]
    largest: int


def check_integers(bench: Bench) -> Iterator[CheckResult]:
    """`integers`: by signature, whether an int64 goes through int32 or a float on its way.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    yield from by_signature(bench, _CHECK, lambda *asked: [_of_signature(*asked)])


def _of_signature(bench: Bench, signature: Signature, slot: Slot) -> CheckResult:
    varying = _columns(bench, signature)
    columns = evenly(varying, _MOST_COLUMNS)
    if not columns:
        return CheckResult.skips(_CHECK, "it takes no int64 that varies", signature=signature.name)
    prober = Prober(bench, signature, _CHECK, slot)
    found = [
        fault
        for column in columns
        for row in good_rows(bench, 2, column.taken.column)
        if (fault := _Numbers(bench, prober, column, row).fault())
    ]
    if found:
        hint = f"{_NEXT}: rows with such numbers share their answers"
        return CheckResult.fails(
            _CHECK, _EXPECTED, sentences(list(dict.fromkeys(found)), 3), signature=signature.name, hint=hint
        )
    left = f"; {prober.left_out:,} rows left out for want of time" if prober.left_out else ""
    more = f" of {len(varying)}" if len(varying) > len(columns) else ""
    received = f"true of {counted(len(columns), 'column')}{more}{left}"
    return CheckResult.passes(_CHECK, _EXPECTED, received, signature=signature.name)


def _columns(bench: Bench, signature: Signature) -> list[_Column]:
    found = []
    for each in taken_of(bench.rows.rows, signature, bench.contract):
        if each.dtype != "int64":
            continue
        present = [row[each.column] for row in bench.rows.rows if each.column in row]
        # Of several values in a row the first one is changed.
        values = {int(array[0]) for array in present if array.dtype.kind in "iu" and len(array)}
        ordered = sorted(values - {int(MISSING["int64"])})
        if len(ordered) > 1 and max(map(abs, ordered)) < _LARGEST:
            places = np.unique(np.linspace(0, len(ordered) - 1, _NUMBERS).astype(int))
            numbers = tuple(ordered[place] for place in places)
            found.append(_Column(each, numbers, max(map(abs, ordered))))
    return found


@dataclass
class _Numbers:
    """What one column does in one row.

    Attributes:
      bench, prober: the model, and who asks it.
      column: the one that changes.
      row: all else.
    """

    bench: Bench
    prober: Prober
    column: _Column
    row: Row

    def fault(self) -> str:
        """What two numbers have in common that they should not; empty where nothing."""
        own = self._ask(self.column.numbers)
        distances = [self._distance(own[0], each) for each in own]
        effect = max((each for each in distances if each == each), default=0.0)
        if effect <= _EFFECT:
            return self._not_found()
        hashed = self._is_hashed(effect)
        grows = hashed and self.column.largest >= _GROWS
        for kind, bits in self._narrower(hashed):
            if self._wraps(own, bits):
                first = self.column.numbers[0]
                same = f"{self.column.taken.column} = {first} and {first + 2**bits} get the same answer"
                return f"{same}: {kind} on the way"
        # The wider one first: what it makes one number is one number for the other too.
        for limit, rounding, name in ((_FLOAT64, np.float64, "float64"), (_FLOAT32, np.float32, "float32")):
            large = [each for each in self.column.numbers if abs(each) > limit]
            if not large and limit == _FLOAT32 and (grows or (hashed and self._is_promised)):
                large = [limit + 2 * (37 * i + 11) for i in range(_NUMBERS)]
            if (pair := self._rounded(large, rounding, effect)) is not None:
                one, other = pair
                return f"{self.column.taken.column} = {one} and {other} get the same answer: {name} on the way"
        return self._same_text(effect)

    @property
    def _uses(self) -> Uses:
        taken = self.column.taken
        return self.bench.constants.uses.get((self.prober.signature.name, taken.argument or ""), Uses())

    def _same_text(self, effect: float) -> str:
        """Two numbers that are written as one text, of 6 digits for example, before it is looked up or hashed."""
        for converts in self._uses.texts:
            rounding = partial(written, converts=converts)
            if (pair := self._rounded(self.column.numbers, rounding, effect)) is not None:
                one, other = pair
                text = _shown(written(one, converts))
                return f"{self.column.taken.column} = {one} and {other} get the same answer: both are the text {text}"
        return ""

    def _not_found(self) -> str:
        """How the rows' numbers are looked up in another form than the table has them in, so that none is found."""
        numbers, column = self.column.numbers, self.column.taken.column
        for each in self._uses.lookups:
            if each.converts is None or each.table.keys is None:
                continue
            keys = set(each.table.keys.reshape(-1).tolist())
            listed = [number for number in numbers if number in keys or str(number).encode() in keys]
            if 2 * len(listed) >= len(numbers) and not any(written(one, each.converts) in keys for one in numbers):
                sought = _shown(written(listed[0], each.converts))
                return (
                    f"no number of {column} is found in {each.table.where}: {listed[0]} is looked up as {sought}, and "
                    f"the table has it as {listed[0]}"
                )
        return ""

    @property
    def _is_promised(self) -> bool:
        return self.prober.signature.name in self.bench.contract.promised

    def _narrower(self, hashed: bool) -> Iterator[tuple[str, int]]:
        """Integers through which a number may go that it does not fit into, and their bits.

        A remainder of 2^16 or 2^8 may be meant, so the graph must also say that it casts.
        """
        if self._is_promised or hashed or self.column.largest >= _FLOAT32:
            yield "int32", 32
        for bits in (16, 8):
            casts = sorted({f"int{bits}", f"uint{bits}"} & self.bench.constants.narrowed)
            if casts and self.column.largest >= 2**bits:
                yield casts[0], bits

    def _wraps(self, own: Sequence[RowAnswer | None], bits: int) -> bool:
        """Whether adding 2^bits changes nothing, and adding half of it does, as it does not for a smaller remainder."""
        later = self._ask([each + 2**bits for each in self.column.numbers])
        half = self._ask([each + 2 ** (bits - 1) for each in self.column.numbers])
        same = [self._distance(*pair) <= _SAME for pair in zip(own, later, strict=True)]
        return all(same) and any(self._distance(*pair) > _EFFECT for pair in zip(own, half, strict=True))

    def _is_hashed(self, effect: float) -> bool:
        """Whether neighbours far from all that the rows have get unlike answers: buckets of a hash."""
        far = [2 * self.column.largest + 101 + i for i in range(_NUMBERS)]
        answers = self._ask(far)
        if any(each is None or each.error is not None for each in answers):
            return False
        jumps = [self._distance(one, other) >= _JUMP * effect for one, other in pairwise(answers)]
        return sum(jumps) >= len(jumps) / 2

    def _rounded(self, numbers: Sequence[int], rounding: Rounding, effect: float) -> tuple[int, int] | None:
        """Two numbers that rounding makes one, where the next number that it keeps gets quite another answer.

        A measured quantity changes its answer little from one number to the next, and may be rounded.
        """
        pairs = [(each, mate) for each in numbers if (mate := _mate(each, rounding)) is not None]
        if len(pairs) < _FEWEST:
            return None
        own, mates = self._ask([one for one, _ in pairs]), self._ask([other for _, other in pairs])
        following = self._ask([_following(one, rounding) for one, _ in pairs])
        jumps = [self._distance(*each) >= _JUMP * effect for each in zip(own, following, strict=True)]
        same = [self._distance(*each) <= _SAME for each in zip(own, mates, strict=True)]
        telling = [equal for equal, jump in zip(same, jumps, strict=True) if jump]
        if len(telling) < _FEWEST or not all(telling):
            return None
        return pairs[jumps.index(True)]

    def _ask(self, numbers: Sequence[int]) -> list[RowAnswer | None]:
        before = self.row.get(self.column.taken.column)
        rows = []
        for number in numbers:
            values = np.zeros(1, np.int64) if before is None else before.astype(np.int64)
            values[0] = number
            rows.append({**self.row, self.column.taken.column: values})
        return self.prober.ask(rows)

    def _distance(self, one: RowAnswer | None, other: RowAnswer | None) -> float:
        """How far two answers are apart; NaN where one of them is not known, which is evidence of nothing."""
        if one is None or other is None or one.error is not None or other.error is not None:
            return float("nan")
        return distance(one, other)


def _shown(value: int | float | bytes) -> str:
    return quoted(decoded(value)) if isinstance(value, bytes) else str(value)


def _mate(number: int, rounding: Rounding) -> int | None:
    """A neighbour that is the same number once rounded."""
    return next((each for each in (number + 1, number - 1) if rounding(each) == rounding(number)), None)


def _following(number: int, rounding: Rounding) -> int:
    """The next larger number that rounding keeps; of texts one of the next larger numbers that has another."""
    kept = rounding(number)
    if isinstance(kept, bytes):
        return next(number + 10**i for i in range(1, 20) if rounding(number + 10**i) != kept)
    return int(np.nextafter(kept, type(kept)(np.inf)))
