"""The same request gets the same answer: every time, whatever was asked before, and beside other clients."""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from components.smoke_test.bench.asked import Asked, Fault, Places
from components.smoke_test.bench.compare import difference, text
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.suspects import suspects
from components.smoke_test.checks.diagnosis import Diagnosis
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import Answer, Repeated, Request
from preprocessing.text import one_line

_DRIFT_REPEATS = 12
_SECONDS = 1.0
"""So long at most, requests are sent after each other in every pair; of a small model a tenth of it is enough."""
_CROWDS = ((1, 0.1), (4, 0.3), (8, 0.6))
"""So many times the configured clients, for a share of the requests and of the time."""
_MOST_CLIENTS = 64
_CROWD_SECONDS = 0.25
"""What the requests of a larger crowd may take together: those of a large model would need memory for each client."""
_REQUESTS = 12_000
_REQUESTS_PER_CLIENT = 3
_SIZES = 6

_RANDOM = "is dropout left on, or is there noise? Call the model with training=False in the export"
_STATE = "a variable changes with each call: the answer to a row must not depend on what was asked before"
_BEFORE = (
    "something of a request is kept, a variable, a table or a queue, and changes the answer to the next one: an answer "
    "must depend on its own request alone"
)
_SHARED = (
    "requests at the same time share a variable, or another state: what one request computes must not be kept where "
    "another one overwrites it"
)


def check_repeatable(asked: Sequence[Asked]) -> Iterator[CheckResult]:
    """Sends the same request again, once more after another one, and each after each other, of all signatures.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    alone = {each.signature.name: _repeated(each) for each in asked}
    after = _after_each_other(asked) if all(each.status == "passed" for each in alone.values()) else {}
    for each in asked:
        name = each.signature.name
        if name in after:
            expected = "the same answer whatever was asked before"
            yield each.result("repeatable", expected, after[name], _BEFORE, "after another request")
        else:
            yield alone[name]


def _repeated(asked: Asked) -> CheckResult:
    check: CheckName = "repeatable"
    repeats = asked.bench.config.batches.repeats
    same = np.arange(asked.most_rows(repeats + 1))
    other = same[::-1][: max(1, len(same) // 2)]
    answers = asked.ask([*([same] * (repeats - 1)), other, same], "repeats")
    answers = [*answers[: repeats - 1], answers[-1]]
    if len(same) == asked.rows:
        # What it answered in the beginning: everything else has been asked since.
        answers.insert(0, asked.answer)
    fault, hint = first_change(asked, check, same, answers), _RANDOM
    if fault is None and (first := asked.bench.first.get(asked.signature.name)) is not None:
        one = np.zeros(1, np.int64)
        [again] = asked.ask([one], "repeats")
        # A model that never answers a row alone is steady: that is a matter of the size.
        if first.error is None or again.error is None:
            fault, hint = first_change(asked, check, one, [first, again]), _STATE
    if any(not _identical(answers[0], each) for each in answers[1:]):
        # Small changes are rounding, as threads may add in another order, unless they all go one way.
        drift = _drift(asked.ask([same] * _DRIFT_REPEATS, "repeats"))
        if drift is not None:
            fault, hint = fault or drift, _STATE
    result = asked.result(check, f"the same answer to the same request, {repeats} times", fault, hint)
    return Diagnosis(asked).of_repeats(result, same, other)


def _after_each_other(asked: Sequence[Asked]) -> dict[str | None, Fault]:
    """By signature, how an answer differs after another request, where one does."""
    places = [(each, where) for each in asked for where in _different(each, 4)]
    requests = [each.request(where) for each, where in places]
    pairs = [place for pair in product(range(len(requests)), repeat=2) for place in pair]
    session = asked[0].bench.session
    found = session.repeat(requests, pairs, phase="repeats", series="repeats", seconds=_SECONDS)
    return _faults("repeatable", places, found)


def check_threads(asked: Sequence[Asked]) -> Iterator[CheckResult]:
    """Different requests of all signatures from many clients at the same time.

    Of a model that gives one wrong answer in 200 when it is asked by several clients (0.5 %), n requests show at least
    one with a probability of 1 - 0.995^n: 598 requests with 95 %, 919 with 99 %. Up to 12,000 are sent, as many as
    there is time for; all of them show one wrong answer in 4,000 with 95 %. A tenth comes from the configured number of
    clients, the rest from four and eight times as many: the shorter the moment in which another client does harm, the
    more of them it takes. Whatever the time, each of the configured clients asks thrice.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    bench = asked[0].bench
    check: CheckName = "threads"
    clients = bench.config.batches.threads
    reason = "smoke_test.batches.threads is 1" if clients == 1 else _too_slow(asked, clients)
    if reason:
        for each in asked:
            yield CheckResult.skips(check, reason, signature=each.signature.name)
        return
    places = [(each, where) for each in asked for where in _different(each, clients * _REQUESTS_PER_CLIENT)]
    requests = [each.request(where) for each, where in places]
    with bench.search_time.slot(check) as slot:
        count, crowds, faults = _crowds(asked, places, requests, slot)
    expected = f"the answer that one client alone gets, for {' and '.join(map(str, crowds))} clients at once"
    if not count:
        for each in asked:
            reason = f"not measured: no two requests at the same time within {bench.config.process.phase_seconds:g} s"
            yield CheckResult.skips(check, reason, signature=each.signature.name)
        return
    for each in asked:
        fault = faults.get(each.signature.name)
        if fault is not None and not _alone(each, _different(each, clients * _REQUESTS_PER_CLIENT)):
            # Only what one client alone is answered otherwise is the fault of the others.
            reason = "one client alone does not get the same answer twice: see `repeatable` and `batch_sizes`"
            yield CheckResult.skips(check, reason, signature=each.signature.name)
            continue
        hint = _SHARED + suspects(bench.export, each.signature.name, "state")
        result = each.result(check, expected, fault, hint)
        yield (
            result if fault else result.model_copy(update={"received": f"the same in {count:,} requests{_seen(count)}"})
        )


def _crowds(
    asked: Sequence[Asked], places: Sequence[tuple[Asked, Places]], requests: Sequence[Request], slot: Slot
) -> tuple[int, list[int], dict[str | None, Fault]]:
    """Asks crowds of growing size: how many requests, of how many clients, and by signature what is wrong."""
    bench = asked[0].bench
    clients = bench.config.batches.threads
    random = np.random.default_rng(bench.config.search.seed)
    count, crowds, faults, share_left = 0, list[int](), dict[str | None, Fault](), 1.0
    longest = max(each.seconds_per_row * len(where) for each, where in places)
    for times, share in _CROWDS:
        crowd = min(clients * times, _MOST_CLIENTS)
        seconds = slot.left() * share / share_left
        share_left -= share
        if crowds and (faults or not seconds or crowd in crowds or crowd * longest > _CROWD_SECONDS):
            break
        fewest = crowd * _REQUESTS_PER_CLIENT
        most = max(fewest, int(_REQUESTS * share))
        if not crowds and seconds < 2 * fewest * longest:
            # However slow the model is, and however little time there is for searches: these are asked.
            most, seconds = fewest, bench.config.process.phase_seconds
        order = _shuffled(len(requests), most, random)
        found = bench.session.repeat(requests, order, phase="threads", series="threads", seconds=seconds, threads=crowd)
        faults = _faults("threads", places, found)
        count += len(found.turns)
        crowds.append(crowd)
    return count, crowds, faults


def _shuffled(different: int, count: int, random: np.random.Generator) -> list[int]:
    """Each of the requests about as often, in an order of chance."""
    turns = np.arange(math.ceil(count / different) * different) % different
    shuffled: list[int] = random.permutation(turns)[:count].tolist()
    return shuffled


def _seen(count: int) -> str:
    """What so many requests can't tell."""
    share = 1 - 0.05 ** (1 / max(count, 1))
    return "" if share <= 0.005 else f"; one wrong answer in {1 / share:.0f} is seen with a probability of 95 %"


def _too_slow(asked: Sequence[Asked], clients: int) -> str:
    """Why that many can't ask at once; empty when they can."""
    seconds = max(each.seconds_per_row for each in asked) * clients
    limit = asked[0].bench.config.process.phase_seconds / 2
    if seconds <= limit:
        return ""
    return (
        f"not measured: {clients} requests at once may take {seconds:.0f} s, half of smoke_test.process.phase_seconds"
    )


def _different(asked: Asked, requests: int) -> list[Places]:
    """The rows of a few requests: of one size, so that an answer to another looks right at first sight; and of others.

    Args:
      asked: one signature.
      requests: so many of them must fit into one phase.
    """
    most, everyone = asked.most_rows(requests), np.arange(asked.rows)
    rolled = [np.roll(everyone, -i * max(1, asked.rows // _SIZES))[:most] for i in range(_SIZES)]
    sizes = (most, most, max(1, most // 2), max(1, most // 4), 1, 1)
    return [rows[:size] for rows, size in zip(rolled, sizes, strict=True)]


def _alone(asked: Asked, places: Sequence[Places]) -> bool:
    """Whether one client alone gets the same answers twice."""
    answers = asked.ask([where for where in places for _ in range(2)], "threads")
    pairs = zip(places, answers[::2], answers[1::2], strict=True)
    return all(first_change(asked, "threads", where, [one, other]) is None for where, one, other in pairs)


def _faults(check: CheckName, places: Sequence[tuple[Asked, Places]], found: Repeated) -> dict[str | None, Fault]:
    """By signature, the first answer that differs by more than is allowed."""
    faults: dict[str | None, Fault] = {}
    for odd in found.odd:
        asked, where = places[odd.request]
        fault = first_change(asked, check, where, [odd.first, odd.answer])
        if fault is not None:
            faults.setdefault(asked.signature.name, fault)
    return faults


def first_change(asked: Asked, check: CheckName, places: Places, answers: Sequence[Answer]) -> Fault | None:
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
            threshold=asked.bench.contract.decision_threshold,
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
