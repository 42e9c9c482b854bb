"""Sound models pass without a single failed check.

Those of our trainer, and a few of each other kind, are asked in a fresh process, as a user's are; the others in a fork
of one that has imported TensorFlow (`support.forked_sandbox`).

LOCKGATE_SOAK=20 asks each of them twenty times, all in fresh processes, with searches at full length, and every family
in every task.
"""

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.zoo import gate, trained, transform
from support.zoo.sound import SOUND
from support.zoo.tiny import Exported
from support.zoo.trained import World, make_world

from components.smoke_test.names import DEFAULT_SEVERITIES

ELSEWHERE = {
    *("champion_contract", "champion_budget", "server_rest", "server_grpc", "infra_validator", "isolation"),
    "lengths",
}
"""Checks that need a champion, a server or a kernel that not every machine has, or columns that are lists."""
OTHER_TASK = {"regression": {"probabilities", "classes", "label"}, "binary": {"range"}, "multiclass": {"range"}}
REPEATS = int(os.environ.get("LOCKGATE_SOAK", "1"))
FULL = "LOCKGATE_SOAK" in os.environ
BRIEF: dict[str, Any] = {} if FULL else {"search": {"seconds": 2}}
BRIEFER: dict[str, Any] = {} if FULL else {"search": {"seconds": 0.5}}
"""Every search asks its first questions; that it has nothing to say after more of them is what LOCKGATE_SOAK asks."""
FRESH = {"keras_functional", "hub_sentences", "tf1_loop", "image_numbers", "image_bytes", "slow_with_raised_budgets"}
"""Of other projects; TensorFlow may end the process of those of images."""
NAMES = [name for name in SOUND if FULL or name not in trained.MORE_PAIRS]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], World]:
    """The table of a task, transformed at first use."""
    made: dict[str, World] = {}

    def get(task: str) -> World:
        if task not in made:
            made[task] = make_world(task, tmp_path_factory.mktemp(task))
        return made[task]

    return get


@pytest.fixture(scope="module")
def tiny_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return transform.tiny_graph(tmp_path_factory.mktemp("tiny_graph"))


@pytest.mark.parametrize("name", NAMES)
def test_no_false_alarm(
    name: str, worlds: Callable[[str], World], tiny_graph: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sound = SOUND[name]
    fresh = FULL or bool(sound.task) or name in FRESH
    sandboxes = None if fresh else request.getfixturevalue("forked_sandboxes")
    config = (BRIEF if sound.task else BRIEFER) | sound.config
    exported: Exported = sound.build(tmp_path / "model", worlds, tiny_graph)
    for repeat in range(REPEATS):
        report = gate.smoke_test(exported, tmp_path / f"verdict-{repeat}", sandboxes=sandboxes, **config)
        warned = {each.check for each in report.warnings()} - {"isolation"}
        assert warned == (set(sound.warns) if platform.machine() == "x86_64" else set())
        expected = {*sound.warns, "isolation"}
        failed = [each.line() for each in report.checks if each.status == "failed" and each.check not in expected]
        assert failed == [], f"run {repeat + 1} of {REPEATS}"
        assert report.blessed
        if sound.task:
            ran = {each.check for each in report.checks if each.status == "passed"}
            if not FULL:
                # The brief searches of a busy machine come to nothing, which they have to say.
                ran |= {each.check for each in report.checks if each.received.startswith("no time")}
            assert set(DEFAULT_SEVERITIES) - ran <= ELSEWHERE | OTHER_TASK[sound.task]
