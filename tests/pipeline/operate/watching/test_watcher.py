"""The loop on a clock of its own: what starts a run, what does not, and what a restarted watcher knows.

The runs are records of real runs' form, written by the class that writes those; the real thing is in tests/e2e.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config.loader import LoadedConfig, load
from pipeline.operate.watching.watcher import Said, Watcher
from pipeline.preflight.validate import problems
from pipeline.results.runs import Gate, RunRecord, RunResult, only_run
from preprocessing.errors import UserError

PENGUINS = Path(__file__).resolve().parents[4] / "data/penguins"
POLL, SETTLE, BACKOFF = 20.0, 30.0, 60.0
SETTINGS = (
    f"watch={{poll_seconds: {POLL}, settle_seconds: {SETTLE}, backoff_seconds: {BACKOFF}, backoff_factor: 2, "
    "max_backoff_seconds: 150, max_tries: 4}"
)
START = 1_800_000_000.0


class EndOfTestError(Exception):
    """Nothing more is planned."""


class Clock:
    """Stands still but for sleeping; what is planned happens on the way."""

    def __init__(self, seconds: float) -> None:
        self.moment, self.end = START, START + seconds
        self.planned: deque[tuple[float, Callable[[], object]]] = deque()

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds
        if self.moment > self.end:
            raise EndOfTestError
        while self.planned and START + self.planned[0][0] <= self.moment:
            self.planned.popleft()[1]()

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        self.planned.append((seconds, act))


class Place:
    """A pipeline in a folder, and the runs that a watcher makes of it."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        self.folder, self.overrides = folder, (*overrides, SETTINGS)
        self.config = folder / "pipeline.yaml"
        self.table = folder / "penguins.csv"
        for name in ("pipeline.yaml", "schema.pbtxt", "penguins.csv"):
            (folder / name).write_bytes((PENGUINS / name).read_bytes())
        self.known: dict[bytes, LoadedConfig] = {}
        self.ends: deque[str] = deque()
        self.runs: list[float] = []
        self.said: list[Said] = []
        self.during: Callable[[], object] = lambda: None

    def load(self) -> LoadedConfig:
        # Reading YAML is what takes the time of these tests.
        text = self.config.read_bytes()
        if text not in self.known:
            self.known[text] = load(self.config, self.overrides)
        return self.known[text]

    def edit(self, text: str = "\n") -> None:
        with self.table.open("a") as table:
            table.write(text)

    def watch(self, seconds: float, *ends: str, once: bool = False, clock: Clock | None = None) -> list[float]:
        """When runs began, in seconds from the beginning; `ends` is what became of them, then all are pushed."""
        self.ends, self.runs, self.said = deque(ends), [], []
        clock = clock or Clock(seconds)
        watcher = Watcher(self.load, lambda: self._run(clock), self.said.append, clock)
        try:
            self.code = watcher.run(once=once)
        except EndOfTestError:
            self.code = -1
        return self.runs

    def _run(self, clock: Clock) -> int:
        self.runs.append(clock.now() - START)
        end = self.ends.popleft() if self.ends else "pushed"
        if end == "no record":
            return 1
        loaded = self.load()
        record = RunRecord(loaded.root(), loaded)
        self.during()
        if end in ("pushed", "refused", "stopped"):
            gates = (Gate("Evaluator", end != "refused", "accuracy is low"),)
            record.finish(RunResult(end, gates, pushed="serving/1" if end == "pushed" else None, states={"A": "done"}))
        elif end != "killed":
            record.fail(end, f"{end} for a reason", "Trainer", {}, {})
        for file in (record.folder, *record.folder.glob("result.json")):
            os.utime(file, (clock.now(), clock.now()))
        return {"pushed": 0, "stopped": 0, "refused": 3, "killed": -9}.get(end, 1)

    @property
    def waits(self) -> list[str]:
        return [each.message for each in self.said if each.event == "waiting"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_table_is_read_when_it_has_stayed_unchanged_and_then_once(place: Place) -> None:
    assert place.watch(1000) == [SETTLE]
    assert place.waits[0].endswith("stay unchanged for 30 s")
    assert place.waits[-1].startswith("for a new span or a changed table; the last run on this data pushed a model")
    # Each line once, however often it looks.
    assert [each.event for each in place.said] == ["waiting", "running", "ended", "waiting"]
    assert place.said[2].message == "pushed: serving/1"
    assert place.said[0].line().startswith("2027-01-15T08:00:00Z waiting: until 1 file, ")


def test_a_file_that_is_still_written_is_not_read(place: Place) -> None:
    clock = Clock(500)
    for moment in (15, 35, 55):
        clock.at(moment, place.edit)
    # Seen at 60, the first look after the last edit; unchanged for 30 seconds at 90.
    assert place.watch(0, clock=clock) == [90]


@pytest.mark.parametrize("end", ["pushed", "refused"])
def test_a_verdict_is_final_until_something_changes(place: Place, end: str) -> None:
    clock = Clock(3000)
    clock.at(1000, place.edit)
    clock.at(2000, lambda: place.config.write_text(place.config.read_text().replace("epochs: ", "epochs: 1")))
    first, second, third = place.watch(0, end, end, clock=clock)
    assert first == SETTLE
    assert 1000 + SETTLE <= second <= 1000 + SETTLE + 2 * POLL
    assert 2000 + SETTLE <= third <= 2000 + SETTLE + 2 * POLL


def test_an_accepted_schema_is_a_change_and_another_way_to_wait_is_none(place: Place) -> None:
    clock = Clock(2000)
    clock.at(500, lambda: place.config.write_text(place.config.read_text() + "watch: {max_tries: 3}\n"))
    clock.at(1000, lambda: (place.folder / "schema.pbtxt").open("a").write("# accepted\n"))
    _, second = place.watch(0, "refused", clock=clock)
    assert second >= 1000


def test_failures_are_tried_again_ever_later_and_not_for_ever(place: Place) -> None:
    # 60 s, 120 s, then the longest wait.
    assert place.watch(20_000, *["failed"] * 9) == [30, 90, 210, 360]
    assert place.waits[-1] == "for other data or settings: 4 runs on this data failed (max_tries): failed for a reason"
    assert "60 s before try 2 of 4: the last one failed: failed for a reason" in place.waits
    place.edit()
    assert place.watch(1000) == [SETTLE]


def test_a_restarted_watcher_knows_what_was_tried(place: Place) -> None:
    assert place.watch(100, "failed", "failed") == [30, 90]
    # Two failures: the third try is 120 s after the second one's end, at 90; the new clock begins at 0.
    assert place.watch(1000, "failed", "failed") == [210, 360]
    assert place.watch(1000) == []
    place.edit()
    assert place.watch(1000, "refused") == [SETTLE]
    assert place.watch(1000) == []


def test_a_run_that_was_killed_is_a_failure(place: Place) -> None:
    assert place.watch(80, "killed") == [30]
    assert place.watch(1000) == [90]
    assert place.waits[-1].endswith(f"pushed a model (1 file, {place.table.stat().st_size:,} bytes)")


def test_a_run_that_somebody_stopped_waits_but_a_new_watcher_goes_on(place: Place) -> None:
    assert place.watch(80, "interrupted") == [30]
    assert any("the last one failed: it was interrupted" in each for each in place.waits)
    assert place.watch(400, "interrupted") == [30, 90]


def test_a_table_that_changes_during_a_run_is_read_again(place: Place) -> None:
    place.during = place.edit
    clock = Clock(300)
    clock.at(200, lambda: setattr(place, "during", lambda: None))
    runs = place.watch(0, clock=clock)
    assert len(runs) > 1
    assert runs[1] >= runs[0] + SETTLE


def test_a_run_that_ends_before_it_has_a_record_is_a_failure_too(place: Place) -> None:
    assert place.watch(20_000, *["no record"] * 9) == [30, 90, 210, 360]
    assert "the run ended before it had a record (exit code 1)" in place.waits[-1]


def test_it_waits_for_who_uses_the_root(place: Place) -> None:
    holding = only_run(place.load().root())
    holding.__enter__()
    clock = Clock(1000)
    clock.at(400, lambda: holding.__exit__(None, None, None))
    [run] = place.watch(0, clock=clock)
    assert 400 <= run <= 400 + POLL
    assert place.waits[0].startswith(f"the root is in use: process {os.getpid()} on ")


def test_a_table_that_is_not_there_yet_or_a_broken_configuration_is_waited_for(place: Place) -> None:
    text, rows = place.config.read_text(), place.table.read_bytes()
    place.table.unlink()
    clock = Clock(3000)
    clock.at(100, lambda: place.table.write_bytes(rows))
    clock.at(1000, lambda: place.config.write_text("name: [\n"))
    clock.at(2000, lambda: place.config.write_text(text.replace("seed: ", "seed: 1") if "seed: " in text else text))
    first, *_ = place.watch(0, clock=clock)
    assert 100 + SETTLE <= first <= 100 + SETTLE + 2 * POLL
    assert place.waits[0].startswith("not ready: ")
    assert "penguins.csv" in place.waits[0]
    assert any(each.startswith("not ready: ") and "pipeline.yaml" in each for each in place.waits[1:])


def test_a_new_span_starts_a_run_when_all_its_splits_are_there(tmp_path: Path) -> None:
    place = Place(tmp_path)
    text, rows = place.config.read_text(), place.table.read_text()
    inputs = "{" + ", ".join(f"{name}: '{name}-{{SPAN}}.csv'" for name in ("train", "eval", "test")) + "}"
    text = text.replace("path: penguins.csv", f"inputs: {inputs}")
    place.config.write_text("".join(line for line in text.splitlines(keepends=True) if "split: {" not in line))

    def write(split: str, span: int) -> None:
        (tmp_path / f"{split}-{span}.csv").write_text(rows)

    for split in ("train", "eval", "test"):
        write(split, 1)
    clock = Clock(2000)
    clock.at(500, lambda: write("train", 2))
    clock.at(600, lambda: write("eval", 2))
    clock.at(700, lambda: write("test", 2))
    first, second = place.watch(0, clock=clock)
    assert (first, 700 + SETTLE <= second <= 700 + SETTLE + 2 * POLL) == (SETTLE, True)
    assert any("have different spans" in each for each in place.waits)
    assert [each.message for each in place.said if each.event == "running"][1].startswith("a run on span 2, 3 files, ")


def test_once(place: Place) -> None:
    assert place.watch(1000, "refused", once=True) == [SETTLE]
    assert place.code == 3
    assert place.watch(1000, once=True) == []
    assert place.code == 0
    place.edit()
    assert place.watch(1000, "failed", once=True) == [SETTLE]
    assert place.code == 1
    # It waits for no second try: that is the next call's.
    assert place.watch(1000, once=True) == []
    assert place.code == 0
    place.table.unlink()
    assert place.watch(1000, once=True) == []
    assert place.code == 1


def test_a_database_that_tells_nothing_is_refused_and_sqlite_is_not(tmp_path: Path) -> None:
    place = Place(tmp_path, "data.path=null", "data.sql={url: 'postgresql://me@host/db', query: SELECT 1}")
    with pytest.raises(UserError, match="doesn't tell whether the rows of a query have changed"):
        place.watch(100)
    # `watch:` is stated in the configuration, so validate says it too.
    [problem] = [each for each in problems(place.load()) if each.path == ("watch",)]
    assert problem.message == "a database doesn't tell whether the rows of a query have changed"
    with sqlite3.connect(tmp_path / "birds.db") as connection:
        connection.execute("CREATE TABLE birds (species TEXT)")
    place = Place(tmp_path, "data.path=null", f"data.sql={{url: 'sqlite:///{tmp_path}/birds.db', query: SELECT 1}}")
    clock = Clock(1000)
    clock.at(500, lambda: os.utime(tmp_path / "birds.db", (START, START)))
    assert len(place.watch(0, clock=clock)) == 2
