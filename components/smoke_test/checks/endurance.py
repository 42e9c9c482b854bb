"""Thousands of requests: the answers stay the same to the last bit, and neither memory nor latency grows."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from components.smoke_test.bench import trend
from components.smoke_test.bench.altered import Batch, without_label
from components.smoke_test.bench.asked import Asked, Fault, Places
from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.requests import strings
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.checks.answers import NO_ANSWER, NO_SIGNATURE
from components.smoke_test.checks.repeats import first_change
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult, Measured
from components.smoke_test.sandbox.session import LoadError, Odd, ProcessEnded, Repeated, Request, Session
from preprocessing.text import counted

_CHECK: CheckName = "endurance"
_CHUNKS = 10
"""In so many equal parts; memory and latency are looked at after each."""
_MOST_REQUESTS = 20_000
_FEWEST_IN_CHUNK = 14
"""Fewer small requests in a part say nothing of latency and memory."""
_LARGE_IN_CHUNK = 12
"""So often a part asks for a large batch: what is kept of each row is seen in memory long before what is kept of each
request."""
_PATIENCE = 3
"""A run of all parts may take so many times as long as it should."""
_FRESH_ROWS = 64
_TRIES = 8
_ROUNDS = 3
_MOST_SUSPECTS = 3
_GROWS = (
    "something is kept of each request, in a table, a queue, a list or a variable: a server runs for months; leave it "
    "out of the exported function"
)
_CHANGES = (
    "something counts or learns with each request, and the answer depends on it: a request must leave nothing behind "
    "for those after it"
)


@dataclass
class _Run:
    """What one part after the other came to.

    Attributes:
      size: how many small requests a part has.
      parts: what came of the requests of each.
      memory: MiB after each.
      exact: whether that is what is allocated, and not the resident memory.
    """

    size: int
    parts: list[Repeated] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    exact: bool = True

    @property
    def count(self) -> int:
        """How many requests there were."""
        return sum(len(each.turns) for each in self.parts)


def check_endurance(bench: Bench) -> Iterator[CheckResult]:
    """Asks the same few requests of all signatures again and again, with fresh rows between them.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    asked = [Asked(bench, each, bench.request(each, bench.rows.rows)) for each in bench.answering()]
    if not asked:
        yield CheckResult.skips(_CHECK, NO_ANSWER if bench.contract.predicting() else NO_SIGNATURE)
        return
    with bench.search_time.slot(_CHECK) as slot:
        yield _Endurance(bench, asked, slot).result()


class _Endurance:
    """The requests that go round, small ones and a few large ones."""

    def __init__(self, bench: Bench, asked: Sequence[Asked], slot: Slot) -> None:
        self._bench, self._asked, self._slot = bench, asked, slot
        small = [(each, places) for each in asked for places in _small(each)]
        self._places = small + [(each, self._large(each)) for each in asked if not each.one_at_a_time]
        self._sent = [each.request(places) for each, places in self._places]
        self._small, self._turn = len(small), 0
        self._orders: list[list[int]] = []
        self._answered: list[Repeated] = []
        self._taken = 0.0
        self._random = np.random.default_rng(bench.config.search.seed)

    def result(self) -> CheckResult:
        """What breaks first, what grows, or how many requests were answered as ever."""
        expected = "the same answers after many requests, in the same time and memory"
        # A server warms up too; and their time says how many there can be.
        size, large = self._sizes(self._ask(2 * self._small, 2, self._slot.left()))
        run = self._run(size, large) if size else _Run(0)
        if (odd := self._fault()) is not None:
            turn, asked, what = odd
            return asked.result(_CHECK, expected, what, _CHANGES, f"request {turn:,}")
        if size and (grows := self._growing(run, large)):
            return CheckResult.fails(_CHECK, expected, f"{grows}, over {self._count():,} requests", hint=_GROWS)
        if not self._count():
            return CheckResult.skips(_CHECK, f"not measured: no request within {self._slot.seconds:.2g} s")
        received = f"the same after {self._count():,} requests"
        if size < _FEWEST_IN_CHUNK:
            received += ", all that there was time for: too few to tell whether memory or latency grows"
        memory = tuple(round(each, 2) for each in run.memory)
        measured = Measured(unit="MiB", values=memory) if len(memory) > 1 else None
        return CheckResult.passes(_CHECK, expected, received, measured=measured)

    def _large(self, asked: Asked) -> Places:
        """The rows of the large request: as many as a server takes at once, where the model is fast enough."""
        rows = self._slot.seconds / (2 * _CHUNKS) / asked.seconds_per_row
        most = min(float(asked.bench.config.batches.max_rows), rows, asked.rows_at_once / _CHUNKS)
        return np.arange(max(1, int(most))) % asked.rows

    def _count(self) -> int:
        return sum(len(each.turns) for each in self._answered)

    def _sizes(self, warm: Repeated) -> tuple[int, int]:
        """How many small requests a part may have, and how often it asks for the large batches; 0 when none fits."""
        seconds = np.zeros(len(self._sent))
        for turn, taken in zip(warm.turns, warm.seconds, strict=True):
            place = self._orders[0][turn]
            seconds[place] = taken if not seconds[place] else min(seconds[place], taken)
        overhead = max(0.0, self._taken - sum(warm.seconds)) / max(1, len(warm.turns))
        small = float(seconds[: self._small].mean()) + overhead + 1e-5
        large = float(seconds[self._small :].sum()) + overhead + 1e-5
        part = self._slot.left() / _CHUNKS
        repeats = min(_LARGE_IN_CHUNK, int(part / 2 / large))
        most = int((part - repeats * large) / small)
        return max(0, min(most, _MOST_REQUESTS // _CHUNKS)), repeats

    def _run(self, size: int, large: int) -> _Run:
        run = _Run(size)
        # Once it is known how many fit, all of them are asked, though the machine may be busier meanwhile; to a limit.
        end = time.perf_counter() + _PATIENCE * self._slot.seconds
        for _ in range(_CHUNKS):
            run.parts.append(self._ask(size, large, end - time.perf_counter()))
            self._ask_fresh()
            memory = self._bench.session.memory()
            run.exact = bool(memory.used)
            run.memory.append(memory.used or memory.now)
            if self._fault() is not None or time.perf_counter() > end:
                break
        return run

    def _ask(self, small: int, large: int, seconds: float) -> Repeated:
        """So many of the small requests in turn, and each of the large ones so often, as long as there is time."""
        order = [i % self._small for i in range(self._turn, self._turn + small)]
        self._turn += small
        order += list(range(self._small, len(self._sent))) * large
        started = time.perf_counter()
        session, seconds = self._bench.session, max(0.0, seconds)
        found = session.repeat(self._sent, order, phase=_CHECK, series=_CHECK, seconds=seconds)
        self._taken = time.perf_counter() - started
        self._orders.append(order)
        self._answered.append(found)
        return found

    def _ask_fresh(self) -> None:
        """Rows that were never asked before: what is kept of each row grows with these, if not with the others."""
        requests = [_fresh(each, self._random) for each in self._asked if not each.one_at_a_time]
        if requests:
            self._bench.session.ask(requests, phase=_CHECK)

    def _fault(self) -> tuple[int, Asked, Fault] | None:
        """The first answer that is not what it was: which request it was in the count of all, and how it differs."""
        before = 0
        for part in self._answered:
            for odd in part.odd:
                asked, places = self._places[odd.request]
                fault = first_change(asked, _CHECK, places, [odd.first, odd.answer])
                if fault is not None:
                    return before + odd.turn + 1, asked, fault
            before += len(part.turns)
        return self._changed_for_good()

    def _changed_for_good(self) -> tuple[int, Asked, Fault] | None:
        """An answer whose last digits were always the same first, and always others later."""
        for place, (asked, _) in enumerate(self._places):
            flags = []
            for order, part in zip(self._orders, self._answered, strict=True):
                differing = set(part.differing)
                flags += [turn in differing for turn in part.turns if order[turn] == place]
            since = trend.changed_for_good(flags)
            odd = next((each for part in self._answered for each in part.odd if each.request == place), None)
            if since is not None and odd is not None:
                return self._told(since, asked, odd)
        return None

    def _told(self, since: int, asked: Asked, odd: Odd) -> tuple[int, Asked, Fault]:
        off = max(
            (
                float(np.abs(array - odd.answer.outputs[name]).max())
                for name, array in odd.first.outputs.items()
                if array.dtype.kind in "fc" and array.size
            ),
            default=0.0,
        )
        received = f"from repetition {since + 1} on, the same request gets another answer for good, off by {off:.2g}"
        return since * self._small, asked, Fault("the same to the last bit", received, None)

    def _growing(self, run: _Run, large: int) -> str:
        """What grows. What seems to is looked at twice: a busy machine may look like it."""
        per_part = trend.memory_growth(run.memory, exact=run.exact)
        if per_part:
            again = self._run(run.size, large)
            if trend.goes_on(run.memory, again.memory):
                requests = again.count / len(again.parts)
                return f"memory grows by {1000 * per_part / requests:.2g} MiB with every 1,000 requests"
        suspects = self._slower(run)
        times = self._against_a_new_process([asked.request(places) for asked, places in suspects])
        for (asked, places), (at_first, now) in zip(suspects, times, strict=False):
            if trend.grown(at_first, now):
                rows = f"{counted(len(places), 'row')} to {asked.signature.name}"
                return f"{rows} took {at_first * 1000:.2g} ms at first, now {now * 1000:.2g} ms"
        return ""

    def _slower(self, run: _Run) -> list[tuple[Asked, Places]]:
        """The requests that seem to take longer and longer, or much longer than they did at first."""
        orders = self._orders[-len(run.parts) :]
        found = [where for i, where in enumerate(self._places) if trend.latency_growth(_times(run.parts, orders, i))]
        for each in self._asked:
            everyone = np.arange(each.rows)
            at_first = each.seconds_per_row * each.rows
            if _TRIES * at_first > self._slot.seconds:
                continue
            now = min(answer.seconds for answer in each.ask([everyone] * _TRIES, _CHECK))
            if trend.grown(at_first, now):
                found.append((each, everyone))
        return found[:_MOST_SUSPECTS]

    def _against_a_new_process(self, requests: Sequence[Request]) -> list[tuple[float, float]]:
        """What each request takes in a process that was just started, and in this one, measured in turn."""
        found: list[tuple[float, float]] = []
        if not requests:
            return found
        with Session(self._bench.config.process) as new:
            try:
                new.load(self._bench.export.folder)
            except (LoadError, ProcessEnded):
                return found
            for request in requests:
                try:
                    found.append(self._quickest(new, request))
                except _NewProcessEndedError:
                    return found  # there is nothing to compare with
        return found

    def _quickest(self, new: Session, request: Request) -> tuple[float, float]:
        """The least seconds of a request in a new process and in this one.

        What else runs on the machine only ever adds to a time, and may add to all of a few. So what seems to have grown
        is measured again, twice at most: growth is there in the quickest of many too.
        """
        at_first = now = float("inf")
        for _ in range(_ROUNDS):
            for _ in range(_TRIES):
                try:
                    at_first = min(at_first, *new.measure([request] * 2, phase=_CHECK))
                except ProcessEnded as error:
                    raise _NewProcessEndedError from error
                now = min(now, *self._bench.session.measure([request] * 2, phase=_CHECK))
            if not trend.grown(at_first, now):
                break
        return at_first, now


class _NewProcessEndedError(Exception):
    """The process that was started for a comparison ended."""


def _times(parts: Sequence[Repeated], orders: Sequence[Sequence[int]], place: int) -> list[Array]:
    """The seconds of one of the requests in each part."""
    return [
        np.array([taken for turn, taken in zip(part.turns, part.seconds, strict=True) if order[turn] == place])
        for order, part in zip(orders, parts, strict=True)
    ]


def _small(asked: Asked) -> list[Places]:
    """The rows of the small requests, by place: single ones mostly, as they are the cheapest."""
    if asked.one_at_a_time:
        return [np.zeros(1, np.int64)]
    everyone = np.arange(asked.rows)
    alone = [everyone[i * asked.rows // 4 :][:1] for i in range(4)]
    return [*alone, everyone[: min(5, asked.most_rows(2 * _CHUNKS))]]


def _fresh(asked: Asked, random: np.random.Generator) -> Request:
    """A request with rows of values that were not together before, and numbers and words that never were."""
    rows = without_label(asked.bench.rows.rows, asked.bench.contract.label)
    count = min(_FRESH_ROWS, asked.most_rows(_CHUNKS))
    batch = Batch(asked.signature, [rows[i % len(rows)] for i in range(count)])
    changed = {}
    for column in batch.columns:
        values = batch.values(column)
        changed[column] = [_new(values[i], random) for i in random.permutation(len(values))]
    return batch.request(changed)


def _new(value: Array | None, random: np.random.Generator) -> Array | None:
    if value is None or not len(value) or value.dtype.kind in "iub":
        return value
    if value.dtype == object:
        return strings([f"lockgate {random.integers(2**40)}"] * len(value)) if random.random() < 0.5 else value
    return (value * (1 + 1e-3 * random.standard_normal(len(value)))).astype(value.dtype)
