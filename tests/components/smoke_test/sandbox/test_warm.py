"""Processes that are there before the model is."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from components.smoke_test.config import Process
from components.smoke_test.sandbox import warm
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import Session
from components.smoke_test.sandbox.warm import kept_warm

pytestmark = pytest.mark.slow

LIMITS = Process(threads=2)


def waiting() -> list[int]:
    """The process numbers of those that wait."""
    return [process._process.pid for _, process in warm._waiting]


def taken(session: Session) -> int:
    return session._process._process.pid


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_session_takes_the_one_that_waits_as_fresh_as_its_own(folder: Path) -> None:
    with kept_warm(LIMITS) as start:
        start()
        [pid] = waiting()
        with Session(LIMITS) as session, Session(LIMITS) as second:
            assert taken(session) == pid != taken(second)
            assert waiting() == []
            for each in (session, second):
                each.wait_until_started()
            assert (session.isolation, session.stdout()) == (second.isolation, second.stdout()) == ("", (0, ""))
            # Neither has anything but what TensorFlow's import left.
            assert session.memory().now == pytest.approx(second.memory().now, rel=0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert list(folder.iterdir()) == []


def test_other_limits_or_variables_need_another_one_and_what_nobody_took_is_ended(folder: Path) -> None:
    with kept_warm(LIMITS) as start:
        start()
        [pid] = waiting()
        with Session(Process(threads=1)) as session, Session(LIMITS, {"TF_ENABLE_ONEDNN_OPTS": "0"}) as second:
            assert pid not in (taken(session), taken(second))
        assert waiting() == [pid]
    assert waiting() == []
    assert not Path(f"/proc/{pid}").exists()
    assert list(folder.iterdir()) == []


def test_one_that_has_ended_meanwhile_is_not_taken() -> None:
    with kept_warm(LIMITS) as start:
        start()
        [pid] = waiting()
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with Session(LIMITS) as session:
            assert taken(session) != pid
            session.wait_until_started()


def test_the_time_to_start_is_limited_for_one_that_waits_too() -> None:
    hurried = Process(start_seconds=0.05)
    with kept_warm(hurried) as start:
        start()
        [(_, process)] = warm._waiting
        # Its import is over when it has said so.
        assert process._selector.select(60)
        with Session(hurried) as session, pytest.raises(ProcessEnded, match=r"no answer within 0\.05 s"):
            session.wait_until_started()


def test_where_none_starts_the_session_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with kept_warm(LIMITS) as start:
        start()
        assert waiting() == []
        with pytest.raises(FileNotFoundError):
            Session(LIMITS)
