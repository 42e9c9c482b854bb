import logging

import pytest

from components.progress import LOGGER, Progress


class _Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append((record.levelno, record.component, record.getMessage()))


@pytest.fixture
def records():
    """What was logged: level, component, message."""
    logger, kept = logging.getLogger(LOGGER), _Kept()
    before = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    yield kept.records
    logger.removeHandler(kept)
    logger.setLevel(before)


@pytest.fixture
def clock(monkeypatch):
    """Sets the time."""
    now = [100.0]
    monkeypatch.setattr("components.progress.time.monotonic", lambda: now[0])

    def at(seconds):
        now[0] = 100.0 + seconds

    return at


def test_a_record_four_times_a_second_and_of_them_a_line_after_two_seconds_and_then_every_ten(records, clock):
    progress = Progress("Transform", "rows", 10_000)
    for tenth in range(1, 251):
        clock(tenth / 10)
        progress.add(10)
    # Ten rows in a tenth of a second. The first tenth that is a quarter later is the third.
    assert records[0] == (logging.DEBUG, "Transform", "30 of 10,000 rows")
    # 300 of 10,000 in three seconds: the other 9,700 take 97.
    assert (logging.DEBUG, "Transform", "300 of 10,000 rows, 2 min left") in records
    lines = [message for level, _, message in records if level == logging.INFO]
    assert lines == [
        "210 of 10,000 rows, 2 min left",
        "1,230 of 10,000 rows, 1 min left",
        "2,250 of 10,000 rows, 1 min left",
    ]
    assert len(records) == 83  # every third tenth


def test_the_time_left_is_that_of_what_was_done_here(records, clock):
    progress = Progress("Trainer", "steps", 1000, begun=500)
    clock(100)  # the first step waits for the graph
    progress.add(10)
    clock(110)
    progress.add(100)
    clock(120)
    progress.add(390, note="loss 0.5")
    # 100 steps in 10 s: the other 390 take 39.
    assert [message for _, _, message in records] == [
        "510 of 1,000 steps",
        "610 of 1,000 steps, 39 s left",
        "1,000 steps   loss 0.5",
    ]
    assert {(level, component) for level, component, _ in records} == {(logging.INFO, "Trainer")}


def test_a_line_to_keep_is_one_however_often(records, clock):
    progress = Progress("Trainer", "steps", 100)
    for tenth in range(1, 4):
        clock(tenth / 100)
        progress.reach(tenth, f"epoch {tenth}", keep=tenth > 1)
    assert records == [
        (logging.INFO, "Trainer", "2 of 100 steps   epoch 2"),
        (logging.INFO, "Trainer", "3 of 100 steps   epoch 3"),
    ]


def test_hours_without_a_total_and_the_last_word(records, clock):
    Progress("Evaluator", "rows").say()
    progress = Progress("Trainer", "steps", 1_000_000)
    progress.add(0)
    clock(60)
    progress.add(5000)
    progress.say("stopped early")
    assert [message for _, _, message in records] == [
        "0 rows",
        "5,000 of 1,000,000 steps, 3 h 19 min left",
        "5,000 of 1,000,000 steps   stopped early",
    ]
