"""The variables that processes beside each other begin with."""

import os

import pytest

from components.trainer.tuning.workers import Workers


@pytest.mark.parametrize(("processors", "parallel", "threads"), [(2, 2, "1"), (8, 2, "4"), (2, 3, "1"), (7, 3, "2")])
def test_processes_beside_each_other_share_the_processors(
    processors: int, parallel: int, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    assert Workers(parallel).environment["OMP_NUM_THREADS"] == threads


def test_a_process_by_itself_and_a_number_of_your_own_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert "OMP_NUM_THREADS" not in Workers(1).environment
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert Workers(2).environment["OMP_NUM_THREADS"] == "3"
