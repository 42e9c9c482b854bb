"""One good row with something changed, many times over: asked together, and alone where that tells nothing."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from components.smoke_test.bench.altered import without_label
from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.requests import Row, takes_batches
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.export.contract import Signature
from components.smoke_test.sandbox.session import Answer, ModelError

_LARGEST_REQUEST = 16 * 2**20
_SECONDS_PER_ROW = 1e-5
_REQUEST_SECONDS = 0.005
"""What a request costs besides the model's own time."""


@dataclass(frozen=True)
class RowAnswer:
    """The answer to one row.

    Attributes:
      outputs: by name, without the batch dimension; those that have a value for each row.
      error: the model's error, or None.
    """

    outputs: Mapping[str, Array] = field(default_factory=dict)
    error: ModelError | None = None


@dataclass
class Prober:
    """Asks one signature for changed rows within the time of a search.

    Attributes:
      bench: with the model.
      signature: one that answered the real rows.
      phase: the name under which the time is counted.
      slot: the time.
      left_out: how many rows were not asked for want of time.
    """

    bench: Bench
    signature: Signature
    phase: str
    slot: Slot
    left_out: int = 0

    def __post_init__(self) -> None:
        self._seconds_per_row = max(self.bench.row_seconds[self.signature.name], _SECONDS_PER_ROW)

    def ask(self, rows: Sequence[Row]) -> list[RowAnswer | None]:
        """The answer to each row, in batches; None for a row for which there was no time.

        An error says nothing of the other rows of its batch, so the batch is halved until the row is found.
        """
        found: list[RowAnswer | None] = []
        for part in self._parts(rows):
            found += self._asked(part)
        return found

    def alone(self, row: Row) -> RowAnswer:
        """The answer to one row by itself, whatever the time."""
        [answer] = self.bench.session.ask([self.bench.request(self.signature, [row])], phase=self.phase)
        return self._by_row(answer, 1)[0]

    def _parts(self, rows: Sequence[Row]) -> list[Sequence[Row]]:
        if not takes_batches(self.signature):
            return [[row] for row in rows]
        size = max((sum(_bytes(values) for values in row.values()) for row in rows), default=1)
        most = int(max(1, min(self.bench.config.batches.max_rows, _LARGEST_REQUEST // max(1, size))))
        return [rows[start : start + most] for start in range(0, len(rows), most)]

    def _asked(self, rows: Sequence[Row]) -> list[RowAnswer | None]:
        seconds = len(rows) * self._seconds_per_row + _REQUEST_SECONDS
        if not self.slot.fits(seconds) and len(rows) > 1:
            rows_in_time = int((self.slot.left() - _REQUEST_SECONDS) / self._seconds_per_row)
            if not 1 <= rows_in_time < len(rows):
                self.left_out += len(rows)
                return [None] * len(rows)
            return [*self._asked(rows[:rows_in_time]), *self._asked(rows[rows_in_time:])]
        if not self.slot.fits(seconds):
            self.left_out += len(rows)
            return [None] * len(rows)
        started = time.perf_counter()
        [answer] = self.bench.session.ask([self.bench.request(self.signature, rows)], phase=self.phase)
        taken = (time.perf_counter() - started) / len(rows)
        self._seconds_per_row = max(_SECONDS_PER_ROW, min(self._seconds_per_row, taken))
        if answer.error is not None and len(rows) > 1:
            middle = len(rows) // 2
            return [*self._asked(rows[:middle]), *self._asked(rows[middle:])]
        return list(self._by_row(answer, len(rows)))

    def _by_row(self, answer: Answer, rows: int) -> list[RowAnswer]:
        if answer.error is not None:
            return [RowAnswer(error=answer.error)] * rows
        if not takes_batches(self.signature):
            return [RowAnswer(answer.outputs)]
        outputs = {name: array for name, array in answer.outputs.items() if array.ndim and len(array) == rows}
        return [RowAnswer({name: array[i, ...] for name, array in outputs.items()}) for i in range(rows)]


def good_rows(bench: Bench, most: int, column: str | None = None) -> list[Row]:
    """Real rows to change something in, without the label: the most complete ones, spread over all rows.

    Args:
      bench: with the rows.
      most: how many.
      column: one that each of them has a value of, where any row does.
    """
    rows = without_label(bench.rows.rows, bench.contract.label)
    having = [row for row in rows if column is None or column in row] or rows
    fullest = max(map(len, having))
    complete = [row for row in having if len(row) == fullest]
    return [complete[i * len(complete) // most] for i in range(min(most, len(complete)))]


def finite_outputs(bench: Bench, signature: Signature) -> frozenset[str]:
    """The outputs that are finite for all rows: what is not is the check `finite`'s, or meant so."""
    outputs = bench.answers[signature.name].outputs
    return frozenset(
        name for name, array in outputs.items() if array.dtype.kind in "fc" and bool(np.isfinite(array).all())
    )


def not_finite(answer: RowAnswer, finite: frozenset[str]) -> str:
    """The first output that should be finite, and is not; empty for none."""
    return next(
        (name for name in sorted(finite & {*answer.outputs}) if not np.isfinite(answer.outputs[name]).all()), ""
    )


def distance(one: RowAnswer, other: RowAnswer) -> float:
    """How far two answers are apart: numbers relative to the larger one, but never to less than one; texts 0 or 1."""
    largest = 0.0
    for name, array in one.outputs.items():
        second = other.outputs.get(name)
        if second is None or second.shape != array.shape or array.dtype.kind not in "fiub":
            largest = max(largest, float(second is None or not np.array_equal(array, second)))
            continue
        first, second = array.astype(np.float64), second.astype(np.float64)
        with np.errstate(invalid="ignore"):
            size = np.abs(first - second) / np.maximum(1.0, np.maximum(np.abs(first), np.abs(second)))
        largest = max(largest, float(np.nan_to_num(size, nan=0.0).max(initial=0.0)))
    return largest


def _bytes(values: Array) -> int:
    return sum(map(len, values.tolist())) if values.dtype == object else values.nbytes
