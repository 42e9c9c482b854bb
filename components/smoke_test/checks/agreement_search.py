"""Whether two signatures that agree on the rows agree on what the rows lack: words of either one's vocabulary, words in
another case, numbers on both sides of the constants in the graph.

A clip, a lower case or a longer vocabulary in only one of them shows at such values alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from components.smoke_test.bench.altered import Taken, evenly
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.interventions import taken_of
from components.smoke_test.bench.probes import Prober, RowAnswer, good_rows
from components.smoke_test.bench.relations import Agree, Failure
from components.smoke_test.bench.requests import Row, strings
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.values import Column, numeric_columns, suspicious_values, with_value
from components.smoke_test.bench.words import UNKNOWN, own_words, variants
from components.smoke_test.checks.known_words import known_values
from preprocessing.text import decoded, quoted

_PHASE = "parity"
_MOST_COLUMNS = 64
_MOST_WORDS = 1000
_VARIED_WORDS = 6
_WIDTHS = 2.0
"""Numbers are tried up to so many widths of a column's range beyond it: rounding may explain what larger ones get."""
_STEP = 0.1
_MOST_CONSTANTS = 64
_CASE = "only one of the two changes the case of {0}, strips it, or cleans it in another way: prepare it alike in both"
_WORD = "the word stands in the vocabulary of only one of the two: give both the same"
_NUMBER = (
    "one of the two clips, rounds or divides {0} into buckets, or fills it in, where the other does not: prepare it "
    "alike in both"
)


@dataclass(frozen=True)
class Found:
    """A value for which the two disagree.

    Attributes:
      column, value: which, in words.
      row: the request\'s row.
      failure: how they differ.
      hint: why, as far as the value says it.
      tried: how many values were tried.
    """

    column: str
    value: str
    row: Row
    failure: Failure
    hint: str
    tried: int


@dataclass(frozen=True)
class _Probe:
    column: str
    value: str
    row: Row
    hint: str


def searched(bench: Bench, relation: Agree, seconds: float) -> Found | int:
    """The first value for which two signatures disagree, or how many were tried.

    Args:
      bench: the model.
      relation: between the two; it holds for the rows.
      seconds: how long each of them may take.

    Raises:
      ProcessEnded: the model\'s process ended over a request.
    """
    probes = list(_probes(bench, relation))
    one, other = relation.signatures()
    firsts = Prober(bench, one, _PHASE, Slot.of(seconds)).ask([each.row for each in probes])
    asked = [(probe, first) for probe, first in zip(probes, firsts, strict=True) if first is not None]
    # As long again: what one of them was asked is of no use without the other's answer.
    again = Prober(bench, other, _PHASE, Slot.of(2 * seconds)).ask([probe.row for probe, _ in asked])
    pairs = [
        (probe, (first.outputs, second.outputs))
        for (probe, first), second in zip(asked, again, strict=True)
        if second is not None and _both(first, second, relation.outputs)
    ]
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, (_, outputs) in enumerate(pairs):
        shapes = tuple(each[name].shape for each in outputs for name in relation.outputs)
        groups.setdefault(shapes, []).append(i)
    for places in groups.values():
        stacked = [
            {name: np.stack([pairs[i][1][side][name] for i in places]) for name in relation.outputs} for side in (0, 1)
        ]
        failure = relation.compared(*stacked)
        if failure is None:
            continue
        probe = pairs[places[failure.row or 0]][0]
        # Alone: a neighbour in the batch may be at fault.
        rows = [probe.row]
        alone = relation.judge(rows, bench.session.ask(relation.requests(rows), phase=_PHASE))
        if alone is not None:
            return Found(probe.column, probe.value, probe.row, failure, probe.hint, len(pairs))
    return len(pairs)


def _both(one: RowAnswer, other: RowAnswer, names: Sequence[str]) -> bool:
    """Whether both answered, with every output that is compared."""
    return all(each.error is None and {*names} <= {*each.outputs} for each in (one, other))


def _probes(bench: Bench, relation: Agree) -> Iterator[_Probe]:
    """What is tried: of every column the most suspicious value before the next of any."""
    together = zip_longest(*_by_column(bench, relation))
    yield from (probe for probes in together for probe in probes if probe is not None)


def _by_column(bench: Bench, relation: Agree) -> Iterator[Iterator[_Probe]]:
    taken = [taken_of(bench.rows.rows, each, bench.contract) for each in relation.signatures()]
    both = {each.column for each in taken[0]} & {each.column for each in taken[1]}
    first = [each for each in taken[0] if each.column in both]
    second = {each.column: each for each in taken[1]}
    for each in evenly([each for each in first if each.dtype == "string"], _MOST_COLUMNS):
        yield _of_words(bench, relation, each, second[each.column])
    for column in evenly(numeric_columns(first, bench.rows.rows, made=bench.rows.made), _MOST_COLUMNS):
        yield _of_numbers(bench, column)


def _of_words(bench: Bench, relation: Agree, one: Taken, other: Taken) -> Iterator[_Probe]:
    [row] = good_rows(bench, 1, one.column)
    own = own_words(bench.rows.rows, one.column)
    frequent = [word for word, _ in own.most_common(_VARIED_WORDS)]
    hint = _CASE.format(one.column)
    words = {word: hint for each in frequent for word in variants(each) if word not in own}
    words |= {UNKNOWN[0]: _NUMBER.format(one.column)}
    names = [each.name for each in relation.signatures()]
    known = [
        word
        for name, taken in zip(names, (one, other), strict=True)
        for word in known_values(bench, name, taken, own)
        if isinstance(word, bytes) and word not in own
    ]
    words |= dict.fromkeys(evenly(list(dict.fromkeys(known)), _MOST_WORDS), _WORD)
    for word, why in words.items():
        before = row.get(one.column)
        size = one.size if before is None else len(before)
        yield _Probe(one.column, quoted(decoded(word)), {**row, one.column: strings([word] * size)}, why)


def _of_numbers(bench: Bench, column: Column) -> Iterator[_Probe]:
    [row] = good_rows(bench, 1, column.name)
    hint = _NUMBER.format(column.name)
    for value, where in _values(bench, column).items():
        why = f"{hint}; the graph holds a number next to it in {where}" if where else hint
        yield _Probe(column.name, f"{value:.9g}", with_value(row, column, value), why)


def _values(bench: Bench, column: Column) -> dict[float, str]:
    """Numbers near the range of the rows: on both sides of each constant of the graph, with its place, then others."""
    width = max(column.high - column.low, abs(column.high) * _STEP, 1.0)
    low, high = column.low - _WIDTHS * width, column.high + _WIDTHS * width
    whole = np.dtype(column.taken.dtype).kind in "iu"
    if whole:
        limits = np.iinfo(column.taken.dtype)
        low, high = max(low, float(limits.min)), min(high, float(limits.max))
    found: dict[float, str] = {}
    known = [*bench.constants.floats.items(), *bench.constants.integers.items()]
    for constant, where in [(float(each), where) for each, where in known if low <= each <= high][:_MOST_CONSTANTS]:
        for value in (constant + _STEP * width, constant - _STEP * width):
            found.setdefault(float(np.round(value)) if whole else value, where)
    found |= {each: found.get(each, "") for each in suspicious_values(column, bench.constants)}
    return {value: where for value, where in found.items() if low <= value <= high}
