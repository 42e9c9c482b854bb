"""The same row gets the same answer: in any batch, in any order, every time, and when many ask at once."""

from collections.abc import Iterator, Sequence

import numpy as np

from components.smoke_test.bench.asked import Asked, Fault, Places
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.compare import difference, text
from components.smoke_test.bench.suspects import suspects
from components.smoke_test.checks.answers import NO_ANSWER, NO_SIGNATURE
from components.smoke_test.checks.diagnosis import Diagnosis
from components.smoke_test.checks.sizes import check_sizes
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import Answer
from preprocessing.text import one_line

_CHECKS: tuple[CheckName, ...] = ("batch_sizes", "row_order", "repeatable", "threads")
_SEED = 20
_REQUESTS_PER_CLIENT = 3
_DIFFERENT = 6
"""So many requests with other rows go round among the clients."""
_DRIFT_REPEATS = 12

_NEIGHBOURS = "the answer depends on the other rows of the batch"
_RANDOM = "is dropout left on, or is there noise? Call the model with training=False in the export"
_UNSTEADY = "the answers change from call to call, whatever the batch: see the check `repeatable` first"
_STATE = "a variable changes with each call: the answer to a row must not depend on what was asked before"
_SHARED = (
    "requests at the same time share a variable, or another state: what one request computes must not be kept where "
    "another one overwrites it"
)


def check_batches(bench: Bench) -> Iterator[CheckResult]:
    """`batch_sizes`, `row_order`, `repeatable`, `threads`.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    asked = [Asked(bench, each, bench.request(each, bench.rows.rows)) for each in bench.answering()]
    if not asked:
        for check in _CHECKS:
            yield CheckResult.skips(check, NO_ANSWER if bench.contract.predicting() else NO_SIGNATURE)
        return
    diagnoses = {}
    for each in asked:
        repeated = _repeatable(each)
        yield repeated
        diagnoses[each.signature.name] = Diagnosis(each, repeated.status != "failed")
    with bench.search_time.slot("batch_sizes") as slot:
        for left, each in zip(range(len(asked), 0, -1), asked, strict=True):
            diagnosis = diagnoses[each.signature.name]
            yield from check_sizes(diagnosis, slot.part(left), _NEIGHBOURS if diagnosis.steady else _UNSTEADY)
    for each in asked:
        diagnosis = diagnoses[each.signature.name]
        yield from _row_order(each, diagnosis.steady, diagnosis)
        yield _threads(each)


def _row_order(asked: Asked, steady: bool, diagnosis: Diagnosis) -> Iterator[CheckResult]:
    """The rows reversed, shuffled, and a few of them among copies of another one."""
    check: CheckName = "row_order"
    if asked.one_at_a_time or asked.rows == 1:
        reason = asked.one_at_a_time or "there is only one row"
        yield CheckResult.skips(check, reason, signature=asked.signature.name)
        return
    most = max(2, asked.most_rows(4))
    everyone = np.arange(asked.rows)
    orders = {
        "reversed": everyone[::-1][:most],
        "shuffled": np.random.default_rng(_SEED).permutation(asked.rows)[:most],
    }
    few = everyone[::2][: max(1, most // 2)]
    for place in _extremes(asked):
        copies = np.full(most - len(few), place)
        orders[f"among copies of row {asked.bench.rows.positions[place]}"] = np.concatenate([few, copies])
    answers = asked.ask(list(orders.values()), "order")
    expected = "the same answers in any order and beside any other rows"
    failed = False
    for (case, places), answer in zip(orders.items(), answers, strict=True):
        if (fault := asked.differs(check, places, answer)) is not None:
            failed = True
            result = asked.result(check, expected, fault, _NEIGHBOURS if steady else _UNSTEADY, case)
            yield diagnosis.of_batch(result, places, answer)
    if not failed:
        yield asked.result(check, expected, None, "")


def _repeatable(asked: Asked) -> CheckResult:
    """Sends the same request again, and once more after another one."""
    check: CheckName = "repeatable"
    repeats = asked.bench.config.batches.repeats
    same = np.arange(asked.most_rows(repeats + 1))
    other = same[::-1][: max(1, len(same) // 2)]
    answers = asked.ask([*([same] * (repeats - 1)), other, same], "repeats")
    answers = [*answers[: repeats - 1], answers[-1]]
    if len(same) == asked.rows:
        # What it answered in the beginning: everything else has been asked since.
        answers.insert(0, asked.answer)
    fault, hint = _first_change(asked, check, same, answers), _RANDOM
    if any(not _identical(answers[0], each) for each in answers[1:]):
        # Small changes are rounding, as threads may add in another order, unless they all go one way.
        drift = _drift(asked.ask([same] * _DRIFT_REPEATS, "repeats"))
        if drift is not None:
            fault, hint = fault or drift, _STATE
    result = asked.result(check, f"the same answer to the same request, {repeats} times", fault, hint)
    return Diagnosis(asked).of_repeats(result, same, other)


def _threads(asked: Asked) -> CheckResult:
    """Different requests from many clients at the same time."""
    check: CheckName = "threads"
    clients = asked.bench.config.batches.threads
    if clients == 1:
        return CheckResult.skips(check, "smoke_test.batches.threads is 1", signature=asked.signature.name)
    count = clients * _REQUESTS_PER_CLIENT
    most = asked.most_rows(count)
    everyone = np.arange(asked.rows)
    # Of the same size, so that an answer to another request looks right at first sight; and of different ones.
    places = [np.roll(everyone, -i * max(1, asked.rows // _DIFFERENT))[:most] for i in range(_DIFFERENT)]
    places[-1] = places[-1][: max(1, most // 2)]
    requests = [asked.request(each) for each in places]
    turns = [i % _DIFFERENT for i in range(count)]
    answers = asked.bench.session.ask([requests[i] for i in turns], phase="threads", threads=clients)
    expected = f"the answer that one client alone gets, for {clients} clients at once"
    fault = None
    for i, answer in zip(turns, answers, strict=True):
        if asked.differs(check, places[i], answer) is None:
            continue
        # Only what one client alone is answered otherwise is the fault of the others.
        alone = asked.bench.session.ask([requests[i], requests[i]], phase="threads")
        if _first_change(asked, check, places[i], alone) is not None:
            reason = "one client alone does not get the same answer twice: see `repeatable` and `batch_sizes`"
            return CheckResult.skips(check, reason, signature=asked.signature.name)
        fault = _first_change(asked, check, places[i], [alone[0], answer])
        if fault is not None:
            break
    hint = _SHARED + suspects(asked.bench.export, asked.signature.name, "state")
    return asked.result(check, expected, fault, hint)


def _extremes(asked: Asked) -> list[int]:
    """The places of the rows with the lowest and the highest prediction: what would pull their neighbours most."""
    numbers = asked.bench.numbers(asked.answer)
    if numbers is None or not numbers.ndim or len(numbers) != asked.rows or not numbers.size:
        return [0, asked.rows - 1]
    first = np.nan_to_num(numbers.reshape(asked.rows, -1)[:, 0])
    return sorted({int(np.argmin(first)), int(np.argmax(first))})


def _first_change(asked: Asked, check: CheckName, places: Places, answers: Sequence[Answer]) -> Fault | None:
    """The first answer to these rows, by place, that differs from the one before all others, in any output."""
    errors = [each.error for each in answers if each.error is not None]
    if errors:
        return Fault("an answer", one_line(errors[0], LONGEST_MESSAGE), None)
    for each in answers[1:]:
        found = difference(
            answers[0].outputs,
            each.outputs,
            tolerance=asked.bench.tolerance(check),
            task=asked.bench.contract.task,
            like=asked.answer.outputs,
        )
        if found is not None:
            return Fault(found.expected_in_words, found.received_in_words, asked.place_of(found, places))
    return None


def _identical(one: Answer, other: Answer) -> bool:
    """Whether two answers are equal to the last bit."""
    return set(one.outputs) == set(other.outputs) and all(
        array.shape == other.outputs[name].shape
        and bool(
            np.all((array == other.outputs[name]) | ((array != array) & (other.outputs[name] != other.outputs[name])))
        )
        for name, array in one.outputs.items()
    )


def _drift(answers: Sequence[Answer]) -> Fault | None:
    """Whether the numbers move one way with every answer: how far they came, in the direction of the last one."""
    first, last = answers[0].outputs, answers[-1].outputs
    for name in sorted(first):
        series = [each.outputs.get(name) for each in answers]
        numbers = [
            np.nan_to_num(each.astype(np.float64)) for each in series if each is not None and each.dtype.kind == "f"
        ]
        if len(numbers) < len(answers) or any(each.shape != numbers[0].shape for each in numbers):
            continue
        way = numbers[-1] - numbers[0]
        steps = [float(np.sum((each - numbers[0]) * way)) for each in numbers]
        if np.all(np.diff(steps) >= 0) and len(set(steps)) > _DRIFT_REPEATS // 2:
            drift = f"{text(first[name])} to {text(last[name])}"
            moved = f"it drifts in one direction with each of {len(answers)} calls, {drift}"
            return Fault(name, moved, None)
    return None
