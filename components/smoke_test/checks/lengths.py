"""The check `lengths`: lists and texts longer than those of the rows are answered, where no length is declared.

A table of 128 positions, or a buffer of 64 words, is a limit that no signature shows, and one longer text fails its
whole batch. So the rows' lists are made longer, to one more than each size that stands in the graph first.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from components.smoke_test.bench.altered import without_label
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.compare import text
from components.smoke_test.bench.probes import Prober, RowAnswer, finite_outputs, not_finite
from components.smoke_test.bench.requests import Row, column_of, strings
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.sizes import boundary
from components.smoke_test.checks.by_signature import by_signature
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import OUT_OF_MEMORY
from preprocessing.text import counted, listed, one_line

_CHECK: CheckName = "lengths"
_WITHIN = 8
"""A limit within so many times the longest of the rows is one that production will meet."""
_USUAL_MOST = 1025
_LARGEST_ROW = 2**22
_CONSTANTS = 24
_FEWEST_WORDS, _FEWEST_LENGTHS = 4, 3
"""Texts are free where the rows have this many words, and this many different numbers of them."""
_SPLITS = re.compile(r"String(Split|NGrams)|Unicode(Decode|Transcode)|RegexSplit|Wordpiece|Sentencepiece|Tokenize")
_STATED = "assertion failed"
"""How TensorFlow begins the message of tf.debugging.assert_..."""
_EXPECTED = "an answer to lists and texts of any length, where the signature declares none"
_HINT = (
    "cut what is longer off inside the graph (x[:, :{0}]), or declare the length in the signature; a limit that is "
    "meant is said by tf.debugging.assert_less_equal, or by `severity: {{lengths: warn}}`"
)


@dataclass(frozen=True)
class _Subject:
    """What is made longer.

    Attributes:
      columns: lists that have the same length in each row, with the numbers in one element; or one text.
      is_text: whether it is the number of words.
      row: the one to begin with.
      other: one of another length; None where all have the same.
      longest: of the rows.
    """

    columns: dict[str, int]
    is_text: bool
    row: Row
    other: Row | None
    longest: int

    @property
    def unit(self) -> str:
        """What is counted."""
        return "word" if self.is_text else "element"

    def of_length(self, length: int, row: Row | None = None) -> Row:
        """The row with so many elements, its own again and again."""
        row = row or self.row
        changed = dict(row)
        for column, size in self.columns.items():
            if self.is_text:
                words = row[column][0].split()
                changed[column] = strings([b" ".join(words[i % len(words)] for i in range(length))])
            else:
                changed[column] = np.resize(row[column], length * size)
        return changed


def check_lengths(bench: Bench) -> Iterator[CheckResult]:
    """`lengths`: by signature, lists of an open length, and texts that the graph splits into words.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    yield from by_signature(bench, _CHECK, _of_signature)


def _of_signature(bench: Bench, signature: Signature, slot: Slot) -> Iterator[CheckResult]:
    subjects = [*_lists(bench, signature), *_texts(bench, signature)]
    if not subjects:
        yield CheckResult.skips(_CHECK, "it takes no list or text of an open length", signature=signature.name)
        return
    said = []
    for i, subject in enumerate(subjects):
        search = _Search(bench, Prober(bench, signature, _CHECK, slot.part(len(subjects) - i)), subject)
        found = search.limit()
        if isinstance(found, str):
            said.append(f"{', '.join(subject.columns)}: {found}")
        else:
            yield found
    if said:
        yield CheckResult.passes(_CHECK, _EXPECTED, "; ".join(said), signature=signature.name)


def _lists(bench: Bench, signature: Signature) -> list[_Subject]:
    """The columns that are lists of any length; those of equal lengths together, as identifiers and their mask are."""
    sizes = _open_lists(bench, signature)
    rows = [row for row in without_label(bench.rows.rows, bench.contract.label) if sizes.keys() <= row.keys()]
    by_lengths: dict[tuple[int, ...], list[str]] = {}
    for column, size in sizes.items():
        if rows:
            by_lengths.setdefault(tuple(-(-len(row[column]) // size) for row in rows), []).append(column)
    found = []
    for lengths, columns in by_lengths.items():
        longest = int(np.argmax(lengths))
        others = [row for row, length in zip(rows, lengths, strict=True) if 0 < length < lengths[longest]]
        if lengths[longest] > 0:
            found.append(
                _Subject(
                    {column: sizes[column] for column in columns},
                    False,
                    rows[longest],
                    others[-1] if others else None,
                    lengths[longest],
                )
            )
    return found


def _open_lists(bench: Bench, signature: Signature) -> dict[str, int]:
    """The columns with one open dimension besides the batch, and how many numbers one element has."""
    if signature.kind == "examples":
        several = {name for row in bench.rows.rows for name, values in row.items() if len(values) > 1}
        return {
            each.name: 1
            for each in signature.features.values()
            if each.shape is None and each.name in several and each.name != bench.contract.label
        }
    found = {}
    for argument, spec in signature.inputs.items():
        inner = (spec.shape or ())[1:]
        if inner.count(None) == 1:
            found[column_of(signature, argument)] = int(
                np.prod([size for size in inner if size is not None], dtype=int)
            )
    return {column: size for column, size in found.items() if column != bench.contract.label}


def _texts(bench: Bench, signature: Signature) -> Iterator[_Subject]:
    """The columns of free text, where the graph takes texts apart."""
    if not any(_SPLITS.match(node.op) for _, node in bench.export.served.get(signature.name, ())):
        return
    rows = without_label(bench.rows.rows, bench.contract.label)
    names = {column_of(signature, each) for each in signature.inputs} if signature.kind == "features" else None
    for column in sorted({name for row in rows for name in row if names is None or name in names}):
        having = [row for row in rows if column in row and row[column].dtype == object and len(row[column]) == 1]
        words = [len(row[column][0].split()) for row in having]
        if len(set(words)) < _FEWEST_LENGTHS or max(words, default=0) < _FEWEST_WORDS:
            continue
        shorter = [row for row, count in zip(having, words, strict=True) if 1 < count < max(words)]
        if shorter:
            yield _Subject({column: 1}, True, having[int(np.argmax(words))], shorter[0], max(words))


@dataclass
class _Search:
    """One search for the length from which on nothing is answered."""

    bench: Bench
    prober: Prober
    subject: _Subject

    def __post_init__(self) -> None:
        self._finite = finite_outputs(self.bench, self.prober.signature)
        self._faults: dict[int, str] = {}
        self._stated = False
        # So long the longest list took that was asked.
        self._seconds, self._measured = self.bench.row_seconds[self.prober.signature.name], self.subject.longest

    def limit(self) -> "CheckResult | str":
        """The failure; or what was tried, in words."""
        subject = self.subject
        if not self._is_made_well():
            return f"not judged: only {subject.unit}s as the rows have them are answered"
        right, left_out = subject.longest, 0
        for length in self._lengths():
            if not self._fits(length):
                left_out += 1
            elif self._is_wrong(length):
                limit, wrong = boundary(right, length, self._is_wrong)
                return self._told(limit, wrong)
            else:
                right = max(right, length)
        more = f"; {counted(left_out, 'length')} left out for want of time" if left_out else ""
        return f"up to {counted(right, subject.unit)}{more}"

    def _lengths(self) -> Sequence[int]:
        """Those to try, in ascending order: one more than each size in the graph, and multiples of the longest."""
        longest = self.subject.longest
        most = max(_WITHIN * longest, _USUAL_MOST)
        sizes = [each + 1 for each in self.bench.constants.integers if longest <= each < most][:_CONSTANTS]
        powers = [2**i + 1 for i in range(1, 24)]
        multiples = [2 * longest, 4 * longest, _WITHIN * longest]
        return sorted({each for each in (*sizes, *powers, *multiples) if longest < each <= most})

    def _fits(self, length: int) -> bool:
        """Whether there is time, if it grows with the square of the length, and memory."""
        growth = length / self._measured
        size = length * sum(self.subject.columns.values()) * 8
        return size <= _LARGEST_ROW and self.prober.slot.fits(self._seconds * growth * growth)

    def _is_made_well(self) -> bool:
        """Whether a list that is made in the same way, but no longer than the rows', is answered."""
        subject = self.subject
        if subject.other is not None:
            return not self._fault(self.prober.alone(subject.of_length(subject.longest, subject.other)))
        # All have one length. If no other is answered it is a width that nobody has declared.
        another = subject.longest - 1 if subject.longest > 1 else 2
        return not self._fault(self.prober.alone(subject.of_length(another)))

    def _is_wrong(self, length: int) -> bool:
        started = time.perf_counter()
        answer = self.prober.alone(self.subject.of_length(length))
        if length > self._measured:
            self._seconds, self._measured = time.perf_counter() - started, length
        if (fault := self._fault(answer)) != "":
            self._faults[length] = fault
            self._stated = answer.error is not None and _STATED in answer.error.message
        return fault != ""

    def _fault(self, answer: RowAnswer) -> str:
        if answer.error is not None:
            return "" if answer.error.code == OUT_OF_MEMORY else one_line(answer.error, LONGEST_MESSAGE)
        name = not_finite(answer, self._finite)
        return f"{name} {text(answer.outputs[name])}" if name else ""

    def _told(self, limit: int, wrong: int) -> "CheckResult | str":
        subject, integers = self.subject, self.bench.constants.integers
        if self._stated:
            return f"up to {counted(limit, subject.unit)}, a limit that the graph itself states"
        named = listed(list(subject.columns), 3)
        place = f" (the graph holds {limit:,} in {integers[limit]})" if limit in integers else ""
        result = CheckResult.fails(
            _CHECK,
            f"{_EXPECTED}, as the rows' own of up to {counted(subject.longest, subject.unit)}",
            f"more than {counted(limit, subject.unit)} in {named} are not answered{place}: {self._faults[wrong]}",
            case=f"{named}, {counted(wrong, subject.unit)}",
            signature=self.prober.signature.name,
            hint=_HINT.format(limit),
        )
        if limit > _WITHIN * subject.longest or self.bench.rows.made:
            # So much longer than what is known of the rows: it may be a maximum that all clients keep to.
            return result.model_copy(update={"severity": "warn"})
        return result
