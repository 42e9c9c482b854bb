"""All given examples, or as many as there is time for: an answer, finite numbers, and what the trainer predicted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.smoke_test.bench.asked import Asked
from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.compare import Difference, compare_output, text
from components.smoke_test.bench.requests import request, strings
from components.smoke_test.bench.rows import NoRowsError, key_signature, read_row, row_keys
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.split import Split
from components.smoke_test.checks.answers import what_to_do
from components.smoke_test.checks.parity import NOT_AS_TRAINED
from components.smoke_test.export.contract import Signature
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import Answer, Request
from preprocessing.text import counted, one_line

_CASE = "every row"
_NOT_FINITE = (
    "a value of this row, or a missing one, leads to NaN or infinity: a division by 0, log(0), or an overflow, in "
    "preprocessing or model"
)
_AT_ONCE = 1024
_SHARE_OF_SLOT = 8
"""In so many parts at least a search is asked: the first of them spread over all of the split."""


@dataclass
class _Seen:
    """What one signature has been asked so far.

    Attributes:
      asked: the signature.
      rows, predicted: how many rows it answered, and of how many the trainer's predictions are known.
      fault: the first thing that is wrong.
    """

    asked: Asked
    rows: int = 0
    predicted: int = 0
    fault: CheckResult | None = None


@dataclass
class _Predictions:
    """The trainer's predictions by the row's place in the split.

    Attributes:
      bench: the model.
      by_key: the place of each in the golden file, by the row's key.
    """

    bench: Bench
    by_key: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, bench: Bench) -> "_Predictions":
        """Those that the trainer left."""
        keys = [] if bench.rows.stored is None else bench.rows.stored.row_keys.tolist()
        return cls(bench, {key: place for place, key in enumerate(keys)})

    def known(self, records: Sequence[bytes]) -> list[tuple[int, int]]:
        """The place of each record that was predicted, and the place of its prediction."""
        transform, contract = key_signature(self.bench.contract), self.bench.contract
        if transform is None or contract.row_key is None or not self.by_key:
            return []
        keys = row_keys(self.bench.session, transform, contract.row_key, records)
        return [(i, self.by_key[key]) for i, key in enumerate(keys) if key in self.by_key]


def check_every_row(bench: Bench) -> Iterator[CheckResult]:
    """Asks for the examples that no other check asks for: `answers`, `finite` and `parity` of more rows.

    In an order that is spread over the whole split, wherever the time ends.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    split = bench.rows.split
    seen = [_Seen(Asked(bench, each, bench.request(each, bench.rows.rows))) for each in bench.answering()]
    seen = [each for each in seen if not each.asked.one_at_a_time and _open(each.asked.signature)]
    if split is None or not seen:
        return
    done = set(bench.rows.positions)
    waiting = [place for place in split.spread(len(done)) if split.positions[place] not in done]
    predictions = _Predictions.of(bench)
    with bench.search_time.slot("finite") as slot:
        while waiting and not any(each.fault for each in seen):
            size = _size(seen, slot, len(waiting))
            if not size:
                break
            places, waiting = sorted(waiting[:size]), waiting[size:]
            try:
                _ask_all(seen, split, places, predictions)
            except NoRowsError as error:
                hint = "correct the row, or the model's signature: a client would be refused with it"
                yield CheckResult.fails(error.check, error.expected, str(error), row=error.row, case=_CASE, hint=hint)
                return
    for each in seen:
        yield each.fault or _finite(each, split)
        if each.predicted and each.fault is None:
            yield _as_predicted(each)


def _open(signature: Signature) -> bool:
    """Whether it takes batches of any size."""
    return all(each.shape is None or not each.shape or each.shape[0] is None for each in signature.inputs.values())


def _size(seen: Sequence[_Seen], slot: Slot, waiting: int) -> int:
    """How many rows all signatures can be asked next; none when the time is over."""
    per_row = sum(each.asked.seconds_per_row for each in seen)
    at_once = min(each.asked.rows_at_once for each in seen)
    most = int(min(_AT_ONCE, at_once, slot.left() / per_row, max(1.0, slot.seconds / _SHARE_OF_SLOT / per_row)))
    return min(most, waiting)


def _ask_all(seen: Sequence[_Seen], split: Split, places: Sequence[int], predictions: _Predictions) -> None:
    """Asks every signature for the same rows and notes what is wrong.

    Raises:
      NoRowsError: a row can't be sent, or gets no key.
    """
    records, positions = split.of(places), [split.positions[place] for place in places]
    known = predictions.known(records)
    for each in seen:
        whole = _request(each.asked, records, positions)
        [answer] = each.asked.bench.session.ask([whole], phase="every_row")
        if answer.error is not None:
            each.fault = _refused(each.asked, records, positions)
            continue
        each.fault = _not_finite(each.asked, answer, positions) or _not_predicted(each.asked, answer, known, positions)
        each.rows += len(records)
        each.predicted += len(known)


def _request(asked: Asked, records: Sequence[bytes], positions: Sequence[int]) -> Request:
    """The request for some records, without the label."""
    contract, signature = asked.bench.contract, asked.signature
    if signature.kind != "examples":
        rows = [read_row(each, place, contract) for each, place in zip(records, positions, strict=True)]
        return request(signature, rows, without=contract.label)
    [argument] = signature.inputs
    sent = [_without(each, contract.label, place) for each, place in zip(records, positions, strict=True)]
    return Request(signature.name, {argument: strings(sent)})


def _without(record: bytes, label: str | None, position: int) -> bytes:
    try:
        example = tf.train.Example.FromString(record)
    except DecodeError as error:
        raise NoRowsError("answers", "serialized tf.Examples", f"not one: {error}", row=position) from error
    if label is not None:
        example.features.feature.pop(label, None)
    serialized: bytes = example.SerializeToString()
    return serialized


def _refused(asked: Asked, records: Sequence[bytes], positions: Sequence[int]) -> CheckResult | None:
    """The row that is an error by itself; None when each half is answered, so that the size alone is refused."""
    error = None
    while len(records) > 1 or error is None:
        middle = (len(records) + 1) // 2
        halves = [slice(0, middle), slice(middle, None)] if len(records) > 1 else [slice(0, 1)]
        requests = [_request(asked, records[half], positions[half]) for half in halves]
        answers = asked.bench.session.ask(requests, phase="every_row")
        failing = [(half, each.error) for half, each in zip(halves, answers, strict=True) if each.error is not None]
        if not failing:
            return None
        half, error = failing[0]
        records, positions = records[half], positions[half]
    return CheckResult.fails(
        "answers",
        "an answer to each of the given examples",
        one_line(error, LONGEST_MESSAGE),
        **_where(asked, positions[0]),
        hint=what_to_do(error, asked.bench),
    )


def _not_finite(asked: Asked, answer: Answer, positions: Sequence[int]) -> CheckResult | None:
    """The first row with NaN or infinity in an output of numbers."""
    for name, array in sorted(answer.outputs.items()):
        if array.dtype.kind not in "fc" or not array.ndim or len(array) != len(positions):
            continue
        bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            others = f" (and {bad.sum() - 1} more of {len(bad)} rows)" if bad.sum() > 1 else ""
            return CheckResult.fails(
                "finite",
                f"finite numbers in {name}",
                f"{text(array[row])}{others}",
                **_where(asked, positions[row]),
                hint=_NOT_FINITE,
            )
    return None


def _not_predicted(
    asked: Asked, answer: Answer, known: Sequence[tuple[int, int]], positions: Sequence[int]
) -> CheckResult | None:
    """The first row whose answer is not what the trainer predicted."""
    bench, numbers = asked.bench, asked.bench.numbers(answer)
    if numbers is None or not numbers.ndim or len(numbers) != len(positions):
        return None
    if not known or bench.rows.stored is None:
        return None
    rows, places = (list(each) for each in zip(*known, strict=True))
    expected: Array = bench.rows.stored.predictions[places]
    received = numbers[rows].reshape(expected.shape) if numbers[rows].size == expected.size else numbers[rows]
    found: Difference | None = compare_output(
        bench.contract.prediction or "",
        expected,
        received,
        tolerance=bench.tolerance("parity"),
        task=bench.contract.task,
        like=bench.rows.golden,
    )
    if found is None:
        return None
    return CheckResult.fails(
        "parity",
        found.expected_in_words,
        found.received_in_words,
        **_where(asked, None if found.whole else positions[rows[found.row]]),
        tolerance=bench.tolerance("parity"),
        hint=NOT_AS_TRAINED,
    )


def _where(asked: Asked, row: int | None) -> dict[str, Any]:
    return {"signature": asked.signature.name, "case": _CASE, "row": row}


def _finite(seen: _Seen, split: Split) -> CheckResult:
    """The result for a signature with nothing wrong."""
    count = len(seen.asked.bench.rows) + seen.rows
    received = f"{count:,} of {counted(split.total, 'row')}"
    if count < split.total:
        received += ", spread over the split; more with a larger smoke_test.search.seconds"
    return CheckResult.passes(
        "finite", "an answer, of finite numbers", received, signature=seen.asked.signature.name, case=_CASE
    )


def _as_predicted(seen: _Seen) -> CheckResult:
    expected = f"the trainer's own predictions for {counted(seen.predicted, 'more row')}"
    return CheckResult.passes(
        "parity",
        expected,
        signature=seen.asked.signature.name,
        case=_CASE,
        tolerance=seen.asked.bench.tolerance("parity"),
    )
