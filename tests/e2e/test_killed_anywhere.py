"""Commands that are killed with SIGKILL at any moment: run again, they end as if nothing had happened.

`LOCKGATE_SOAK=30` kills so many times, each command in its turn. `LOCKGATE_SEED` is the first seed, to see one moment
again.
"""

import os
from collections.abc import Iterator

import pytest
from support.killing import ROUND, Command, Killing, command

from pipeline.results.runs import only_run

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SOAK = int(os.environ.get("LOCKGATE_SOAK", "0"))
SEED = int(os.environ.get("LOCKGATE_SEED", "1"))
KILLS = [(ROUND[seed % len(ROUND)], seed) for seed in range(SEED, SEED + SOAK)] or [
    (command("run"), 3),
    (command("gc"), 1),
    (command("gc"), 2),
]


@pytest.fixture(scope="module")
def killing(forks, tmp_path_factory) -> Iterator[Killing]:
    return Killing(tmp_path_factory.mktemp("killing"), forks)


@pytest.mark.parametrize(("which", "seed"), KILLS, ids=[f"{each.name}-{seed}" for each, seed in KILLS])
def test_the_same_end_after_a_kill(killing: Killing, which: Command, seed: int) -> None:
    expected, _, _ = killing.undisturbed(which)
    moment = killing.moment(which, seed)
    killing.begin(which.start)
    with killing.reader() as half:
        first = killing.run(which, moment)
        assert first in (-9, which.code), (moment, killing.said())
        assert killing.processes() == [], moment
        again = killing.run(which)
    assert again in (which.code, which.again), (moment, killing.said())
    assert half == [], moment
    assert killing.state(which) == expected, moment
    if killing.root.exists():
        with only_run(killing.root):  # no lock is left
            pass
        assert killing.run(command("gc")) == 0, killing.said()
    assert killing.temporary() == [], moment
