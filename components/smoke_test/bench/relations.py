"""What must hold between the answers to some rows, as something that can be asked again with other rows."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.asked import Asked
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.compare import Answers, difference, text
from components.smoke_test.bench.requests import Row, column_of, columns_of, encode, take
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE
from components.smoke_test.sandbox.session import Answer, Request
from preprocessing.text import counted, one_line

Array = NDArray[Any]
_TIMES = 4


@dataclass(frozen=True)
class Failure:
    """How a relation does not hold.

    Attributes:
      kind: an `error` where an answer belongs, another `shape`, or another `value`.
      expected, received: as texts.
      row: the place in the request of the first row that differs; None when it is in no single row.
      output: the name of the output that differs; empty where it is not one.
    """

    kind: Literal["error", "shape", "value"]
    expected: str
    received: str
    row: int | None = None
    output: str = ""


class Relation(ABC):
    """Something that must hold for any rows.

    Attributes:
      steady: whether the same rows fail every time, so that single values can be tried.
    """

    steady: bool = True

    @property
    @abstractmethod
    def name(self) -> str:
        """The signature that fails."""

    @abstractmethod
    def requests(self, rows: Sequence[Row]) -> list[Request]:
        """What has to be asked for these rows."""

    @abstractmethod
    def judge(self, rows: Sequence[Row], answers: Sequence[Answer]) -> Failure | None:
        """How it does not hold, from the answers to those requests; None when it does, or nothing can be told."""

    @abstractmethod
    def signatures(self) -> Sequence[Signature]:
        """Those that are asked."""

    def columns(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """The columns of the rows that reach one of the signatures and belong to single rows."""
        shared = {column_of(each, argument) for each in self.signatures() for argument in _scalars(each)}
        reached = [columns_of(each) for each in self.signatures()]
        names = frozenset[str]().union(*reached) if all(reached) else None
        found = dict.fromkeys(name for row in rows for name in row)
        return tuple(name for name in found if name not in shared and (names is None or name in names))


@dataclass
class Alone(Relation):
    """Each row is answered in the batch as it is alone.

    Attributes:
      asked: the signature.
      check: whose tolerance counts.
    """

    asked: Asked
    check: CheckName
    _known: dict[bytes, Answer | None] = field(default_factory=dict)
    _sent: deque[list[bytes]] = field(default_factory=deque)

    @property
    def name(self) -> str:
        """The signature that fails."""
        return self.asked.signature.name

    def requests(self, rows: Sequence[Row]) -> list[Request]:
        """The batch, and those rows alone that were not asked before. Judged in the order in which they are made."""
        new = {key: row for row in rows if (key := encode(row)) not in self._known}
        self._known |= dict.fromkeys(new)
        self._sent.append(list(new))
        return [self.request(rows), *(self.request([row]) for row in new.values())]

    def judge(self, rows: Sequence[Row], answers: Sequence[Answer]) -> Failure | None:
        """How it does not hold; None when it does, or nothing can be told."""
        batch, *alone = answers
        self._known |= dict(zip(self._sent.popleft(), alone, strict=True))
        if batch.error is not None:
            return Failure("error", "an answer", one_line(batch.error, LONGEST_MESSAGE))
        return self.compared(batch, [known for row in rows if (known := self._known[encode(row)]) is not None])

    def compared(self, batch: Answer, alone: Sequence[Answer]) -> Failure | None:
        """How the answer to a batch differs from those to its rows alone; None where one of these is an error."""
        if any(each.error is not None for each in alone):
            return None
        names = [name for name in self.asked.by_row if name in batch.outputs]
        for name in names:
            array = batch.outputs[name]
            if not array.ndim or len(array) != len(alone):
                return Failure("shape", f"{name} with {counted(len(alone), 'row')}", f"shape {list(array.shape)}")
        # What is as wide as the longest row of its batch, or loses the batch's dimension with one row, can't be
        # compared piece by piece.
        names = [name for name in names if len({_width(each.outputs[name]) for each in (batch, *alone)}) == 1]
        if not names:
            return None
        expected = {name: np.concatenate([each.outputs[name][:1] for each in alone]) for name in names}
        bench = self.asked.bench
        found = difference(
            expected,
            {name: batch.outputs[name] for name in expected},
            tolerance=bench.tolerance(self.check),
            task=bench.contract.task,
            like=self.asked.answer.outputs,
        )
        if found is None:
            return None
        if found.whole:
            return Failure("shape", found.expected_in_words, found.received_in_words)
        return Failure("value", f"{found.expected_in_words}, as alone", found.received_in_words, found.row)

    def signatures(self) -> Sequence[Signature]:
        """Those that are asked."""
        return [self.asked.signature]

    def request(self, rows: Sequence[Row]) -> Request:
        """The rows in the widths, and with the inputs for all rows, of the request for all rows."""
        asked = self.asked
        made = asked.bench.request(asked.signature, [*rows, self._widest])
        inputs = dict(take(made, asked.signature, range(len(rows))).inputs)
        return Request(made.signature, inputs | {name: asked.whole.inputs[name] for name in _scalars(asked.signature)})

    @cached_property
    def _widest(self) -> Row:
        """In each column the longest of all rows' values: a list is filled up to it, in a batch and alone."""
        widest: dict[str, Array] = {}
        for row in self.asked.bench.rows.rows:
            for name, values in row.items():
                if name not in widest or len(values) > len(widest[name]):
                    widest[name] = values
        return widest


@dataclass
class Again(Relation):
    """The same request gets the same answer again, also after another one.

    Attributes:
      alone: makes the requests.
      between: what is asked before the last time; None asks for the same again and again.
    """

    alone: Alone
    between: Request | None = None
    steady: bool = False

    @property
    def name(self) -> str:
        """The signature that fails."""
        return self.alone.name

    def requests(self, rows: Sequence[Row]) -> list[Request]:
        """What has to be asked for these rows."""
        same = self.alone.request(rows)
        return [same, same, self.between, same] if self.between is not None else [same] * _TIMES

    def judge(self, rows: Sequence[Row], answers: Sequence[Answer]) -> Failure | None:  # noqa: ARG002
        """How it does not hold; None when it does, or nothing can be told."""
        first, *later = [answers[1], answers[3]] if self.between is not None else answers
        bench, asked = self.alone.asked.bench, self.alone.asked
        if first.error is not None:
            return None
        for answer in later:
            if answer.error is not None:
                return Failure("error", "an answer", one_line(answer.error, LONGEST_MESSAGE))
            found = difference(
                first.outputs,
                answer.outputs,
                tolerance=bench.tolerance(self.alone.check),
                task=bench.contract.task,
                like=asked.answer.outputs,
            )
            if found is not None:
                when = "after another request" if self.between is not None else "asked again"
                return Failure("value", found.expected_in_words, f"{found.received_in_words}, {when}", found.row)
        return None

    def signatures(self) -> Sequence[Signature]:
        """Those that are asked."""
        return self.alone.signatures()


@dataclass
class Finite(Relation):
    """No NaN and no infinity in the answer."""

    bench: Bench
    signature: Signature

    @property
    def name(self) -> str:
        """The signature that fails."""
        return self.signature.name

    def signatures(self) -> Sequence[Signature]:
        """Those that are asked."""
        return [self.signature]

    def requests(self, rows: Sequence[Row]) -> list[Request]:
        """What has to be asked for these rows."""
        return [self.bench.request(self.signature, rows)]

    def judge(self, rows: Sequence[Row], answers: Sequence[Answer]) -> Failure | None:
        """How it does not hold; None when it does, or nothing can be told."""
        if answers[0].error is not None:
            return None
        for name, array in sorted(answers[0].outputs.items()):
            if array.dtype.kind in "fc" and not np.isfinite(array).all():
                by_row = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
                first = int(np.argmin(np.isfinite(by_row).all(axis=1)))
                row = first if len(by_row) == len(rows) else None
                return Failure("value", f"finite numbers in {name}", text(by_row[first]), row)
        return None


@dataclass
class Agree(Relation):
    """Two signatures give the same for the same rows, in the outputs that are named.

    Attributes:
      bench: with the model.
      one: whose answers are expected.
      other: whose answers are judged.
      outputs: their names.
      left_out: columns that no request has.
      exchanged: columns whose values are exchanged in the requests of `other`, two by two.
    """

    bench: Bench
    one: Signature
    other: Signature
    outputs: tuple[str, ...]
    exchanged: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The signature that fails."""
        return self.other.name

    def signatures(self) -> Sequence[Signature]:
        """Those that are asked."""
        return [self.one, self.other]

    def exchanging(self, first: str, second: str) -> "Agree":
        """The same with two columns exchanged."""
        return replace(self, exchanged={first: second, second: first})

    def requests(self, rows: Sequence[Row]) -> list[Request]:
        """What has to be asked for these rows."""
        theirs = [self._exchanged(row) for row in rows] if self.exchanged else rows
        return [self.bench.request(self.one, rows), self.bench.request(self.other, theirs)]

    def judge(self, rows: Sequence[Row], answers: Sequence[Answer]) -> Failure | None:  # noqa: ARG002
        """How it does not hold; None when it does, or nothing can be told."""
        if any(each.error is not None for each in answers):
            return None
        return self.compared(*(self.shared(each.outputs) for each in answers))

    def compared(self, expected: Answers, received: Answers) -> Failure | None:
        """How the outputs differ."""
        tolerance, task = self.bench.tolerance("signatures_agree"), self.bench.contract.task
        found = difference(expected, received, tolerance=tolerance, task=task)
        if found is None:
            return None
        kind: Literal["shape", "value"] = "shape" if found.whole else "value"
        wanted = f"{found.expected_in_words} as {self.one.name} answers"
        return Failure(kind, wanted, found.received_in_words, None if found.whole else found.row, found.output)

    def shared(self, outputs: Answers) -> Answers:
        """Those that are compared."""
        return {name: outputs[name] for name in self.outputs if name in outputs}

    def _exchanged(self, row: Row) -> Row:
        names = {self.exchanged.get(name, name): values for name, values in row.items()}
        return {name: names[name] for name in sorted(names)}


def _width(array: Array) -> tuple[int, ...] | None:
    """The shape of one row; None of an array that has no rows."""
    return array.shape[1:] if array.ndim else None


def _scalars(signature: Signature) -> list[str]:
    """The inputs that all rows of a request share."""
    if signature.kind == "examples":
        return []
    return [argument for argument, spec in signature.inputs.items() if spec.shape == ()]
