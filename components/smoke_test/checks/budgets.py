"""What serving costs, in absolute numbers and against the champion, measured in turn on the same machine."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.smoke_test.bench.bench import Bench, Champion
from components.smoke_test.config import Budgets, SmokeTestConfig
from components.smoke_test.export.contract import Signature
from components.smoke_test.export.saved_model import Export
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult, Measured
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import Request, Session

_ROUNDS = 10
"""Candidate and champion are measured in turn so many times, so that a noisy moment meets both."""
_TRIES = 5
"""Requests after which a model that is far too slow is not measured further."""
_SECONDS = 2.0
"""The time for one measurement of one side."""
_SHARE_OF_PHASE = 0.5
"""What one batch may take of a phase."""
_QUANTILES = 50
"""So many points of a latency are kept for its plot."""
NOT_MEASURED = "not measured"
"""The case of a latency that there is none of: the model is not slow, it answers with an error."""
_SLOW = "the model is too slow for its clients: a smaller one, or a higher smoke_test.budgets"


class _RefusedError(Exception):
    """The candidate answers a batch of some size with an error."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"an error for a batch of {rows}")
        self.rows = rows


@dataclass(frozen=True)
class Speed:
    """Seconds of each request of one row, and of each request of the largest batch."""

    single: Sequence[float]
    batch: Sequence[float]
    rows: int
    complete: bool = True
    """False for a model that was so slow that it was asked a few times only."""

    def percentile(self, share: float) -> float:
        """Nearest rank, in seconds."""
        ordered = sorted(self.single)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    def quantiles(self) -> tuple[float, ...]:
        """Milliseconds at equal distances up to the slowest request, at most 50."""
        count = min(_QUANTILES, len(self.single))
        return tuple(round(1000 * self.percentile((i + 1) / count), 4) for i in range(count))

    def throughput(self) -> float:
        """Rows a second in the largest batch, by the median time."""
        return self.rows / _median(self.batch)


def check_budgets(bench: Bench) -> Iterator[CheckResult]:
    """Load time, memory, latency and throughput.

    Raises:
      ProcessEnded: the candidate's process ended over it.
    """
    limits = bench.config.budgets
    yield _at_most("load_time", "", bench.load_seconds, limits.load_seconds, "s", "a smaller model loads faster")
    signatures = bench.answering()
    if not signatures:
        yield CheckResult.skips("latency", "no signature answered the real rows")
        yield CheckResult.skips("throughput", "no signature answered the real rows")
        return
    for signature in signatures:
        rival = _rival(bench.champion, signature)
        try:
            own, other = _measure(bench, signature, rival)
        except _RefusedError as error:
            yield CheckResult.fails(
                "latency",
                "answers to measure",
                f"an error for a batch of {error.rows}",
                case=NOT_MEASURED,
                signature=signature.name,
                hint="the check `batch_sizes` names the error",
            )
            continue
        yield from _speed(signature, own, other, bench.config)
        if other is not None:
            yield from _slower(signature, own, other, limits)
        elif rival is not None:
            reason = (
                "the champion answered none of the requests" if own.complete else "the candidate is too slow for it"
            )
            yield CheckResult.skips("champion_budget", reason, case="latency", signature=signature.name)
    memory = bench.session.memory()
    hint = "a smaller model, or a higher smoke_test.budgets.memory_mb"
    yield _at_most("memory", "", memory.peak - memory.imported, limits.memory_mb, "MiB", hint)
    yield from _growth(bench, memory.peak - memory.imported, limits)


def _rival(champion: Champion | str, signature: Signature) -> Champion | None:
    """The champion, when it has the same signature; what it can't answer is found when it is asked."""
    if isinstance(champion, str) or signature.name not in champion.contract.signatures:
        return None
    return champion


def _measure(bench: Bench, signature: Signature, champion: Champion | None) -> tuple[Speed, Speed | None]:
    """Measures candidate and champion in turn, in short rounds.

    A candidate that is far too slow is measured by a few requests: many would only end at the deadline of the phase.

    Raises:
      ProcessEnded, _RefusedError: as `_Side.measure`.
    """
    own = _Side(bench, bench.session, signature)
    # The first request of each size is no measure: it makes the plan of the graph, and a server warms up too.
    own.measure(rows=1, requests=1)
    singles = own.some(rows=1)
    if _median(singles) * 1000 > bench.config.budgets.p50_ms:
        return Speed(singles, (), 0, complete=False), None
    size = _largest(bench, signature)
    first = own.measure(rows=size, requests=1)
    if size / first[0] < bench.config.budgets.rows_per_second / 2:
        return Speed(singles, first, size, complete=False), None
    batches = own.some(rows=size)
    if size / _median(batches) < bench.config.budgets.rows_per_second:
        return Speed(singles, batches, size, complete=False), None

    rounds = max(1, min(_ROUNDS, int(_SECONDS / _median(batches))))
    sides = [own]
    if champion is not None:
        rival = _Side(bench, champion.session, champion.contract.signatures[signature.name])
        rival.measure(rows=1, requests=1)
        rival.measure(rows=size, requests=1)
        sides.append(rival)
    elif rounds == 1:
        return Speed(singles, batches, size), None
    requests = bench.config.budgets.requests
    single = _affordable(requests, _median(singles))
    large = _affordable(max(_ROUNDS, requests // 10), _median(batches))
    for turn in range(rounds):
        # In the other order every second time: the first of two may find the processor cooler, or busier.
        for side in sides if turn % 2 else reversed(sides):
            side.take(single, large, size)
    speeds = [Speed(side.single, side.batch, size) for side in sides if side.single and side.batch]
    return speeds[0], speeds[1] if len(speeds) > 1 else None


def _largest(bench: Bench, signature: Signature) -> int:
    """The largest batch, or of a very slow model the largest one that stays well within a phase."""
    seconds = bench.config.process.phase_seconds * _SHARE_OF_PHASE
    return max(1, min(bench.config.batches.max_rows, int(seconds / bench.row_seconds[signature.name])))


def _affordable(requests: int, seconds: float) -> int:
    """Requests in one round: so many that all rounds together stay within the time for one measurement."""
    return max(1, math.ceil(min(requests, _SECONDS / seconds) / _ROUNDS))


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


class _Side:
    """One of the two models, and what it took so far."""

    def __init__(self, bench: Bench, session: Session, signature: Signature) -> None:
        self._bench, self._session, self._signature = bench, session, signature
        self._ours = session is bench.session
        self._requests: dict[int, Request] = {}
        self.single: list[float] = []
        self.batch: list[float] = []

    def take(self, single: int, large: int, size: int) -> None:
        """Measures one round of requests."""
        self.single += self.measure(rows=1, requests=single)
        self.batch += self.measure(rows=size, requests=large)

    def some(self, *, rows: int) -> list[float]:
        """The seconds of a few requests, of fewer when one takes long; as `measure`."""
        seconds = self.measure(rows=rows, requests=1)
        return seconds + self.measure(rows=rows, requests=min(_TRIES, max(1, int(_SECONDS / seconds[0]))) - 1)

    def measure(self, *, rows: int, requests: int) -> list[float]:
        """The seconds of some requests; none of a champion that can't answer.

        Raises:
          ProcessEnded: the candidate's process ended over it.
          _RefusedError: the candidate answered with an error, though it has answered real rows before.
        """
        if rows not in self._requests:
            self._requests[rows] = self._bench.request(self._signature, self._bench.batch(rows))
        asked = [self._requests[rows]] * requests
        try:
            seconds = self._session.measure(asked, phase="budgets")
        except ProcessEnded:
            if self._ours:
                raise
            return []
        if self._ours and len(seconds) < len(asked):
            raise _RefusedError(rows)
        return seconds


def _speed(
    signature: Signature, speed: Speed, champion: Speed | None, config: SmokeTestConfig
) -> Iterator[CheckResult]:
    limits = config.budgets
    theirs = () if champion is None else champion.quantiles()
    measured = Measured(unit="ms", values=speed.quantiles(), champion=theirs)
    for name, share, most in (("p50", 0.5, limits.p50_ms), ("p90", 0.9, limits.p90_ms), ("p99", 0.99, limits.p99_ms)):
        milliseconds = 1000 * speed.percentile(share)
        yield _at_most("latency", name, milliseconds, most, "ms", _SLOW).model_copy(
            update={"signature": signature.name, "measured": measured if name == "p50" else None}
        )
    if not speed.batch:
        yield CheckResult.skips("throughput", "one row took too long already", signature=signature.name)
        return
    rows = speed.throughput()
    expected = f"at least {limits.rows_per_second:g} rows/s in batches of {speed.rows}"
    received = f"{rows:,.0f} rows/s" if rows >= 10 else f"{rows:.2g} rows/s"
    if speed.rows < config.batches.max_rows:
        received += f"; a batch of {config.batches.max_rows} would take about {config.batches.max_rows / rows:.0f} s"
    make = CheckResult.passes if rows >= limits.rows_per_second else CheckResult.fails
    hint = "" if rows >= limits.rows_per_second else _SLOW
    yield make("throughput", expected, received, signature=signature.name, hint=hint)


def _slower(signature: Signature, own: Speed, other: Speed, limits: Budgets) -> Iterator[CheckResult]:
    ratios = {
        "latency p50": own.percentile(0.5) / other.percentile(0.5),
        "throughput": other.throughput() / own.throughput(),
    }
    for case, ratio in ratios.items():
        yield _relative(case, ratio, limits.max_slowdown, signature.name)


def _growth(bench: Bench, memory: float, limits: Budgets) -> Iterator[CheckResult]:
    if isinstance(bench.champion, str):
        yield CheckResult.skips("champion_budget", bench.champion)
        return
    try:
        used = bench.champion.session.memory()
    except ProcessEnded as error:
        yield CheckResult.skips("champion_budget", f"the champion's process ended: {error}")
        return
    # A megabyte or a tenth of a second more or less is no growth: it is what one measurement differs by from another.
    pairs = {
        "memory": (memory, used.peak - used.imported, 32.0),
        "load time": (bench.load_seconds, bench.champion.load_seconds, 0.5),
        "size": (_size_mb(bench.export), _size_mb(bench.champion.export), 1.0),
    }
    for case, (own, other, floor) in pairs.items():
        yield _relative(case, max(own, floor) / max(other, floor), limits.max_growth)


def _relative(case: str, ratio: float, most: float, signature: str | None = None) -> CheckResult:
    expected, received = f"at most {most:g} times the champion's", f"{ratio:.2f} times"
    if ratio <= most:
        return CheckResult.passes("champion_budget", expected, received, case=case, signature=signature)
    hint = "a smaller model, or higher smoke_test.budgets.max_slowdown and max_growth"
    return CheckResult.fails("champion_budget", expected, received, case=case, signature=signature, hint=hint)


def _at_most(check: CheckName, case: str, actual: float, most: float, unit: str, hint: str) -> CheckResult:
    expected, shown = f"at most {most:g} {unit}", f"{actual:.3g} {unit}"
    if actual <= most:
        return CheckResult.passes(check, expected, shown, case=case)
    return CheckResult.fails(check, expected, shown, case=case, hint=hint)


def _size_mb(export: Export) -> float:
    return sum(path.lstat().st_size for path in export.folder.rglob("*") if not path.is_dir()) / 2**20
