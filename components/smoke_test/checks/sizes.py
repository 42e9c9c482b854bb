"""The check `batch_sizes`: a row's answer is the same in a batch of any size, those that nobody thinks of included."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from components.smoke_test.bench.asked import Asked, Fault, Places
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.sizes import LARGEST, boundary, pattern, suspicious_sizes
from components.smoke_test.checks.diagnosis import NOT_SIZE, SIZE, UNKNOWN, Diagnosis
from components.smoke_test.checks.empty_batch import empty_batch
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Answer
from preprocessing.text import counted, listed

_CHECK: CheckName = "batch_sizes"
_SEARCH = "other sizes"
_LIMIT = "look for what depends on the number of rows: a buffer, a slice or an assertion of a fixed size"
_REMAINDER = "look for what works on rows in blocks: a reshape into blocks, a loop with a fixed step, padding"
_SHOWN = 8
_REQUEST_SECONDS = 0.004
"""What a request costs besides the model's own time."""
_LONGEST_REQUEST = 256 * 2**20
_AT_ONCE = 8
_PATIENCE = 0.5
"""So long the exact limit is looked for without time too: a reason must not hang on how busy the machine is."""


@dataclass
class _Sizes:
    """The sizes that one signature was asked.

    Attributes:
      asked: the signature.
      faults: by size; None where the answer was as it should be.
      answers: those that were not, by size.
      left_out: sizes for which there was no time or memory.
    """

    asked: Asked
    faults: dict[int, Fault | None] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    left_out: list[int] = field(default_factory=list)

    def ask(self, sizes: list[int], *, searched: bool = True) -> None:
        """Asks batches of these sizes, of the rows again and again."""
        places = [self.places(size) for size in sizes]
        for size, rows, answer in zip(sizes, places, self.asked.ask(places, "batches"), strict=True):
            if searched and answer.out_of_memory:
                self.left_out.append(size)  # nobody has promised that so many rows fit
            else:
                self.faults[size] = self.asked.differs(_CHECK, rows, answer)
                if self.faults[size] is not None:
                    self.answers[size] = answer

    def places(self, size: int) -> Places:
        """The rows of a batch of this size: the real ones, again and again."""
        return np.arange(size) % self.asked.rows

    def is_wrong(self, size: int) -> bool:
        """Whether the answer for a size differs."""
        if size not in self.faults:
            self.ask([size], searched=False)
        return self.faults[size] is not None

    @property
    def wrong(self) -> list[int]:
        """The sizes whose answer differs; the empty batch is another matter."""
        return sorted(size for size, fault in self.faults.items() if fault is not None and size)

    @property
    def right(self) -> list[int]:
        """The sizes with the right answer. That of the real rows is what all others are compared with."""
        return sorted({self.asked.rows, *(size for size, fault in self.faults.items() if fault is None and size)})


def check_sizes(diagnosis: Diagnosis, slot: Slot, hint: str) -> Iterator[CheckResult]:
    """One result for each size of the configuration, and one for all others.

    Args:
      diagnosis: of the signature.
      slot: the time for the others.
      hint: where nothing more is found out.

    Raises:
      ProcessEnded: the model's process ended over a batch.
    """
    asked = diagnosis.asked
    batches = asked.bench.config.batches
    configured = sorted({*batches.sizes, batches.max_rows})
    reasons = {size: asked.too_large(size) for size in configured}
    sizes = _Sizes(asked)
    sizes.ask([size for size in configured if size and not reasons[size]], searched=False)
    common = ""
    if not asked.one_at_a_time and diagnosis.steady:
        _search(sizes, slot)
        common = _common(sizes, slot)
    for size in configured:
        if reasons[size]:
            yield CheckResult.skips(_CHECK, reasons[size], signature=asked.signature.name, case=_case(size))
        elif not size:
            yield empty_batch(asked, _case(size))
        else:
            expected = f"the same answers in a batch of {size}"
            result = asked.result(_CHECK, expected, sizes.faults[size], hint, _case(size))
            yield _diagnosed(diagnosis, sizes, result, size, common)
    if asked.one_at_a_time:
        return
    if not diagnosis.steady:
        yield CheckResult.skips(_CHECK, hint, signature=asked.signature.name, case=_SEARCH)
    else:
        yield _searched(diagnosis, sizes, configured, hint, common)


def _diagnosed(diagnosis: Diagnosis, sizes: _Sizes, result: CheckResult, size: int, common: str) -> CheckResult:
    """A failure with its cause; where that is the size, with what all wrong sizes have in common."""
    if size not in sizes.answers:
        return result
    found = diagnosis.of_batch(result, sizes.places(size), sizes.answers[size])
    in_one_row = result.row is not None
    if common and (found.hint in (SIZE, UNKNOWN) if in_one_row else not found.hint.startswith(NOT_SIZE)):
        return found.model_copy(update={"hint": f"{found.hint}; {common}"})
    return found


def _search(sizes: _Sizes, slot: Slot) -> None:
    asked = sizes.asked
    waiting = [size for size in suspicious_sizes(asked.bench.constants) if size not in sizes.faults]
    longest = min(LARGEST, int(_LONGEST_REQUEST / _request_bytes(asked)))
    while waiting:
        together = waiting[:_AT_ONCE]
        waiting = waiting[_AT_ONCE:]
        chosen: list[int] = []
        for size in together:
            seconds = sum(each * asked.seconds_per_row + _REQUEST_SECONDS for each in (*chosen, size))
            if size <= longest and slot.fits(seconds) and not asked.too_large(size):
                chosen.append(size)
            else:
                sizes.left_out.append(size)
        if chosen:
            sizes.ask(chosen)


def _request_bytes(asked: Asked) -> float:
    """The bytes of a row in a request."""
    sent = 0
    for array in asked.whole.inputs.values():
        sent += sum(map(len, array.reshape(-1).tolist())) if array.dtype == object else array.nbytes
    return max(1.0, sent / asked.rows)


def _common(sizes: _Sizes, slot: Slot) -> str:
    """What the wrong sizes have in common, a limit to the row, and where its number stands; empty for nothing."""
    found = pattern(sizes.right, sizes.wrong)
    halvings = LARGEST.bit_length() * LARGEST * sizes.asked.seconds_per_row
    if found is not None and (slot.left() or halvings < _PATIENCE):
        if sizes.wrong[0] > sizes.right[-1]:
            boundary(sizes.right[-1], sizes.wrong[0], sizes.is_wrong)
        elif sizes.wrong[-1] < sizes.right[0]:
            boundary(sizes.right[0], sizes.wrong[-1], sizes.is_wrong)
        found = pattern(sizes.right, sizes.wrong)
    # The real rows are what all others are compared with: their number says nothing.
    if found is None or found.limit == sizes.asked.rows:
        return ""
    integers = sizes.asked.bench.constants.integers
    place = next((integers[each] for each in (found.limit, found.limit + 1) if each in integers), "")
    stands = f" (the graph holds {found.limit:,} in {place})" if place else ""
    return f"wrong {found.words}{stands}: {_REMAINDER if found.in_blocks else _LIMIT}"


def _searched(diagnosis: Diagnosis, sizes: _Sizes, configured: list[int], hint: str, common: str) -> CheckResult:
    """The result of all sizes that the configuration does not name."""
    name = sizes.asked.signature.name
    others = [size for size in sizes.faults if size not in configured]
    left = sorted(sizes.left_out)
    why = f"; {counted(len(left), 'size')} left out for want of time or memory: {listed(left, _SHOWN)}" if left else ""
    if not others:
        return CheckResult.skips(_CHECK, f"no time to search{why}", signature=name, case=_SEARCH)
    expected = f"the same answers in a batch of any size, {len(others)} tried up to {max(others):,}"
    wrong = [size for size in sizes.wrong if size in others]
    first = sizes.faults[wrong[0]] if wrong else None
    if first is None:
        tolerance = sizes.asked.bench.tolerance(_CHECK)
        received = f"the same in all of them{why}"
        return CheckResult.passes(_CHECK, expected, received, signature=name, case=_SEARCH, tolerance=tolerance)
    also = f"; wrong at {listed(wrong, _SHOWN, lambda size: f'{size:,}')}"
    fault = Fault(first.expected, f"{first.received}{also}", first.row)
    result = sizes.asked.result(_CHECK, expected, fault, hint, _case(wrong[0]))
    return _diagnosed(diagnosis, sizes, result, wrong[0], common)


def _case(size: int) -> str:
    return f"{size} row" if size == 1 else f"{size} rows"
