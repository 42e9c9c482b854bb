"""What a budget says of measured times, with a clock in place of the model's process."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import stand_in
from support.stand_in import bench, failures, of

from components.smoke_test.bench.bench import Champion
from components.smoke_test.checks.budgets import NOT_MEASURED, Speed, check_budgets
from components.smoke_test.export.saved_model import Export
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import Answer, Memory, Request

MAX_ROWS = 256
MIB = 2**20


class Clock(stand_in.StandIn):
    """Takes a fixed time for a request and for each of its rows; refuses batches of some sizes."""

    def __init__(
        self, *, request: float = 1e-3, row: float = 1e-6, memory_mb: float = 100.0, refused: Sequence[int] = ()
    ) -> None:
        super().__init__(lambda _, inputs, __: {"value": inputs["x"]})
        self.request, self.row, self.memory_mb, self.refused = request, row, memory_mb, refused
        self.measured: list[int] = []
        self.seconds_of_rows = 1e-6

    def ask(self, requests: Sequence[Request], *, phase: str, threads: int = 1) -> list[Answer]:
        answers = super().ask(requests, phase=phase, threads=threads)
        rows = (len(each.inputs["x"]) for each in requests)
        return [
            replace(answer, seconds=count * self.seconds_of_rows) for answer, count in zip(answers, rows, strict=True)
        ]

    def measure(self, requests: Sequence[Request], *, phase: str) -> list[float]:
        assert phase == "budgets"
        seconds = []
        for each in requests:
            rows = len(each.inputs["x"])
            if rows in self.refused:
                break
            self.measured.append(rows)
            seconds.append(self.request + rows * self.row)
        return seconds

    def memory(self) -> Memory:
        return Memory(imported=500.0, now=500.0, peak=500.0 + self.memory_mb)


class Dead(Clock):
    def measure(self, requests: Sequence[Request], *, phase: str) -> list[float]:  # noqa: ARG002
        raise ProcessEnded("exit code 1")

    def memory(self) -> Memory:
        raise ProcessEnded("exit code 1")


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def export(name: str, size_mb: float) -> Export:
        folder = tmp_path / name / "variables"
        folder.mkdir(parents=True)
        (folder / "data").write_bytes(b"\0" * int(size_mb * MIB))
        return Export(folder.parent, None, {})

    def check(
        clock: Clock, rival: Clock | None = None, *, load: float = 1.0, sizes: Sequence[float] = (1, 1), **config: Any
    ) -> list[Any]:
        under_test = bench(lambda *_: {}, config={"budgets": config})
        under_test = replace(under_test, session=clock, load_seconds=load, export=export("candidate", sizes[0]))
        if rival is not None:
            champion = Champion(export("champion", sizes[1]), under_test.contract, rival, load_seconds=1.0)  # type: ignore[arg-type]
            under_test = replace(under_test, champion=champion)
        return list(check_budgets(under_test))

    return check


def test_percentiles_by_nearest_rank_and_throughput_by_the_median() -> None:
    speed = Speed(single=[0.004, 0.001, 0.003, 0.002, 0.1], batch=[0.5, 2.0, 1.0], rows=100)
    assert [speed.percentile(share) for share in (0.5, 0.9, 0.99)] == [0.003, 0.1, 0.1]
    assert speed.throughput() == 100.0


def test_a_fast_model_keeps_to_every_budget(run: Any) -> None:
    results = run(Clock(request=0.002, row=0.0))
    assert not failures(results)
    latency = {each.case: each.received for each in of(results, "latency")}
    assert latency == {"p50": "2 ms", "p90": "2 ms", "p99": "2 ms"}
    assert of(results, "throughput")[0].received == "128,000 rows/s"  # 256 rows in 2 ms
    assert of(results, "memory")[0].received == "100 MiB"
    assert of(results, "load_time")[0].received == "1 s"
    assert [each.received for each in of(results, "champion_budget")] == ["no champion was given"]


@pytest.mark.parametrize(
    ("clock", "config", "failed"),
    [
        ({"request": 0.0501}, {"p50_ms": 50}, [("latency", "p50")]),
        ({"request": 0.0501}, {"p90_ms": 50}, [("latency", "p90")]),
        ({"request": 0.0501}, {"p99_ms": 50}, [("latency", "p99")]),
        ({"row": 0.01}, {"rows_per_second": 100.0}, [("throughput", "")]),  # a bit less than 100 rows a second
        ({"memory_mb": 101.0}, {"memory_mb": 100}, [("memory", "")]),
        ({}, {"load_seconds": 0.9}, [("load_time", "")]),
    ],
)
def test_each_budget(run: Any, clock: Any, config: Any, failed: Any) -> None:
    found = failures(run(Clock(**clock), **config))
    assert [(each.check, each.case) for each in found] == failed
    assert all(each.hint for each in found)


def test_a_model_that_is_far_too_slow_is_asked_a_few_rows_only(run: Any) -> None:
    clock = Clock(request=0.2)
    results = run(clock, requests=1000)
    assert [each.case for each in failures(results)] == ["p50"]
    assert of(results, "throughput")[0].status == "skipped"
    assert clock.measured == [1] * 6


@pytest.mark.parametrize(("row", "batches"), [(0.1, 1), (0.03, 2)])
def test_slow_batches_are_tried_a_few_times_only(run: Any, row: float, batches: int) -> None:
    # 256 rows in 26 and in 8 seconds: 10 and 33 rows a second.
    clock = Clock(row=row)
    assert [each.check for each in failures(run(clock, requests=1000, p50_ms=200))] == ["throughput"]
    assert clock.measured == [1] * 6 + [MAX_ROWS] * batches


def test_a_slow_model_with_raised_budgets_is_measured_by_a_few_batches(run: Any) -> None:
    # 256 rows in 23 seconds.
    clock = Clock(row=0.09)
    results = run(clock, rows_per_second=10)
    assert not failures(results)
    assert of(results, "throughput")[0].received == "11 rows/s"
    assert clock.measured.count(MAX_ROWS) == 2


def test_a_batch_that_takes_longer_than_a_phase_is_not_asked(run: Any) -> None:
    clock = Clock(row=0.5)
    clock.seconds_of_rows = 0.5
    results = run(clock, rows_per_second=1, p50_ms=1000, p90_ms=1000)
    assert not failures(results)
    # Half a minute of a phase of one minute.
    assert max(clock.measured) == 60
    assert of(results, "throughput")[0].received == "2 rows/s; a batch of 256 would take about 128 s"


def test_the_champion_is_measured_in_turn_with_as_many_requests(run: Any) -> None:
    own, other = Clock(request=0.002), Clock(request=0.001)
    results = run(own, other, requests=50, max_slowdown=1.9)
    ratios = {each.case: (each.status, each.received) for each in of(results, "champion_budget")}
    assert ratios["latency p50"] == ("failed", "2.00 times")
    assert ratios["throughput"][0] == "passed"  # (2 + 0.256) / (1 + 0.256) = 1.80
    # One to warm up, and 50 in ten rounds; the candidate's are preceded by five tries.
    assert other.measured.count(1) == 51
    assert own.measured.count(1) == 51 + 5


def test_growth_against_the_champion(run: Any) -> None:
    results = run(Clock(memory_mb=640), Clock(memory_mb=200), load=3.5, sizes=(7, 2))
    grown = {each.case: (each.status, each.received) for each in of(results, "champion_budget")}
    assert grown["memory"] == ("failed", "3.20 times")
    assert grown["load time"] == ("failed", "3.50 times")
    assert grown["size"] == ("failed", "3.50 times")


def test_small_differences_of_small_things_are_no_growth(run: Any) -> None:
    results = run(Clock(memory_mb=31), Clock(memory_mb=1), load=0.4, sizes=(0.9, 0.1))
    assert {each.status for each in of(results, "champion_budget")} == {"passed"}


@pytest.mark.parametrize("rival", [Clock(refused=(1, MAX_ROWS)), Dead()])
def test_a_champion_that_cannot_answer_is_no_measure(run: Any, rival: Clock) -> None:
    results = run(Clock(), rival)
    assert not failures(results)
    reasons = [each.received for each in of(results, "champion_budget") if each.status == "skipped"]
    assert "the champion answered none of the requests" in reasons


@pytest.mark.parametrize("rows", [1, MAX_ROWS])
def test_an_error_is_not_called_slow(run: Any, rows: int) -> None:
    [failure] = failures(run(Clock(refused=(rows,))))
    assert (failure.check, failure.case) == ("latency", NOT_MEASURED)
    assert failure.received == f"an error for a batch of {rows}"


def test_the_candidates_end_is_the_gates_business(run: Any) -> None:
    with pytest.raises(ProcessEnded):
        run(Dead())


def test_no_signature_that_answers() -> None:
    def refuse(*_: Any) -> Any:
        raise stand_in.ModelRefusesError("InvalidArgument", "no")

    results = list(check_budgets(bench(refuse)))
    assert {each.check for each in results if each.status == "skipped"} == {"latency", "throughput"}
