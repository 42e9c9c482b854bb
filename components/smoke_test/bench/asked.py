"""One signature that answered the real rows: it can be asked for any of them again, and the answers be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.compare import Difference, difference, without_padding
from components.smoke_test.bench.requests import take, takes_batches
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import Answer, Request
from preprocessing.text import one_line

Array = NDArray[Any]
Places = NDArray[np.int64]
"""Rows by their place among the real ones."""

_BYTES_AT_ONCE = 64 * 2**20
_MOST_BYTES = 2**30
_SHARE_OF_PHASE = 0.25
"""A group of requests should not come near the deadline of a phase."""


@dataclass(frozen=True)
class Fault:
    """What was expected of an answer, what came instead, and the place of the first row that differs."""

    expected: str
    received: str
    row: int | None


@dataclass(frozen=True)
class Asked:
    """One signature that answered the real rows, with what a request for some of them costs.

    Attributes:
      bench: with the model.
      signature: of kind `examples` or `features`.
      whole: the request for all rows.
    """

    bench: Bench
    signature: Signature
    whole: Request

    @cached_property
    def answer(self) -> Answer:
        """The answer to all rows."""
        return self.bench.answers[self.signature.name]

    @cached_property
    def rows(self) -> int:
        """How many rows there are; one when the signature takes no batch."""
        return len(self.bench.rows) if takes_batches(self.signature) else 1

    @cached_property
    def by_row(self) -> Mapping[str, Array]:
        """The outputs with a value for each row: the others may be anything else, the list of classes for example."""
        return {
            name: array
            for name, array in self.answer.outputs.items()
            if array.ndim and len(array) == self.rows and _open(self.signature, name)
        }

    @cached_property
    def one_at_a_time(self) -> str:
        """Why no batch can be asked; empty when one is."""
        if not takes_batches(self.signature):
            return "the signature takes one example at a time"
        return "" if self.by_row else "no output has a value for each row"

    @cached_property
    def bytes_per_row(self) -> float:
        """The answer's bytes per row."""
        return max(1.0, sum(array.nbytes for array in self.answer.outputs.values()) / self.rows)

    @cached_property
    def seconds_per_row(self) -> float:
        """The model's own time per row, once it is warm."""
        return self.bench.row_seconds[self.signature.name] * len(self.bench.rows) / self.rows

    @cached_property
    def rows_at_once(self) -> float:
        """How many rows may be asked in one go."""
        seconds = self.bench.config.process.phase_seconds * _SHARE_OF_PHASE
        return min(_BYTES_AT_ONCE / self.bytes_per_row, seconds / self.seconds_per_row)

    def most_rows(self, requests: int) -> int:
        """How many rows each of so many requests may have that are sent together."""
        return int(min(self.rows, max(1.0, self.rows_at_once // requests)))

    def too_large(self, size: int) -> str:
        """Why a batch of this size is not asked for; empty when it is."""
        if self.one_at_a_time:
            return self.one_at_a_time
        if (length := size * self.bytes_per_row) > _MOST_BYTES:
            return f"the answer would have {length / 2**30:.1f} GiB, and a server's message ends at 2 GiB"
        seconds = size * self.seconds_per_row
        if seconds > self.bench.config.process.phase_seconds / 2:
            return (
                f"it would take {seconds:.0f} s, half of smoke_test.process.phase_seconds: see the check `throughput`"
            )
        return ""

    def request(self, places: Places) -> Request:
        """The request for some rows by place, in that order."""
        return take(self.whole, self.signature, places) if takes_batches(self.signature) else self.whole

    def differs(self, check: CheckName, places: Places, answer: Answer) -> Fault | None:
        """What is wrong with an answer to these rows, by place."""
        if answer.error is not None:
            return Fault("an answer", one_line(answer.error, LONGEST_MESSAGE), None)
        if takes_batches(self.signature):
            expected = {name: array[places] for name, array in self.by_row.items()}
        else:
            expected = dict(self.answer.outputs)
        actual = {}
        for name, array in expected.items():
            spec = self.signature.outputs.get(name)
            expected[name], actual[name] = without_padding(array, answer.outputs[name], spec.shape if spec else None)
        found = difference(
            expected,
            actual,
            tolerance=self.bench.tolerance(check),
            task=self.bench.contract.task,
            threshold=self.bench.contract.decision_threshold,
            like=self.answer.outputs,
        )
        if found is None:
            return None
        return Fault(found.expected_in_words, found.received_in_words, self.place_of(found, places))

    def place_of(self, found: Difference, places: Places) -> int | None:
        """The row that a difference is in; None when it is not in one row."""
        in_row = found.output in self.by_row and not found.whole
        return int(places[found.row]) if in_row and takes_batches(self.signature) else None

    def result(self, check: CheckName, expected: str, fault: Fault | None, hint: str, case: str = "") -> CheckResult:
        """The result of comparing answers."""
        more: dict[str, Any] = {
            "signature": self.signature.name,
            "case": case,
            "tolerance": self.bench.tolerance(check),
        }
        if fault is None:
            return CheckResult.passes(check, expected, **more)
        row = None if fault.row is None else self.bench.rows.positions[fault.row]
        return CheckResult.fails(check, f"{expected}: {fault.expected}", fault.received, row=row, hint=hint, **more)

    def ask(self, places: Sequence[Places], phase: str) -> list[Answer]:
        """The answers to requests for these rows, so many at a time as memory and the phase's deadline allow."""
        most = self.rows_at_once
        groups: list[list[Places]] = []
        rows = 0
        for each in places:
            if not groups or rows + len(each) > most:
                groups.append([])
                rows = 0
            groups[-1].append(each)
            rows += len(each)
        # The tensors of the same request cross once.
        requests = {id(each): self.request(each) for each in places}
        session = self.bench.session
        return [
            answer for group in groups for answer in session.ask([requests[id(each)] for each in group], phase=phase)
        ]


def _open(signature: Signature, name: str) -> bool:
    """Whether the output's first dimension is the batch: left open, or fixed to a size that an input is fixed to."""
    spec = signature.outputs.get(name)
    if spec is None or spec.shape is None:
        return True
    fixed = {each.shape[0] for each in signature.inputs.values() if each.shape}
    return bool(spec.shape) and (spec.shape[0] is None or spec.shape[0] in fixed)
