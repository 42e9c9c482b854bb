"""Every kind of broken model is refused, by the check that is meant for it.

Each goes through the executor and the whole gate. An ordinary run differs from a user's in two things: searches other
than the one that is meant are cut short, and of a kind whose fault has nothing to do with the process, the model's
process is a fork of one that has imported TensorFlow (`support.forked_sandbox`). A fresh process is what the others
have: every crash, hang, flood, leak, slowness and race, and a kind of most other checks.

LOCKGATE_SOAK=1 asks all of them in fresh processes, with all searches at full length; LOCKGATE_SOAK=10 does so ten
times.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.zoo import gate, table, transform
from support.zoo.broken import KINDS, Kind

from components.smoke_test.report import Report

REPEATS = int(os.environ.get("LOCKGATE_SOAK", "1"))
FULL = bool(os.environ.get("LOCKGATE_SOAK") or os.environ.get("LOCKGATE_WRITE_ZOO"))
"""Whether the gate runs as it does for a user, whatever it takes."""


@pytest.fixture(scope="module")
def tiny_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return transform.tiny_graph(tmp_path_factory.mktemp("tiny_graph"))


@pytest.fixture(scope="module")
def caught() -> Iterator[dict[str, float]]:
    """The seconds of each kind that was caught; goes into the docs when asked for."""
    seconds: dict[str, float] = {}
    yield seconds
    if os.environ.get("LOCKGATE_WRITE_ZOO"):
        table.write(seconds)


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two configurations, sections too; the other's fields win."""
    both = {name: one[name] | other[name] for name in one.keys() & other.keys() if isinstance(one[name], dict)}
    return one | other | both


def _assert_caught(kind: Kind, report: Report, run: str) -> None:
    assert not report.blessed, run
    lines = [each.line() for each in report.failures()]
    meant = [
        f"{each.line()}; next: {each.hint}"
        for each in report.failures()
        if each.check == kind.check and each.signature in (kind.signature, None if kind.signature else each.signature)
    ]
    assert meant, (run, lines)
    assert any(kind.says in line for line in meant), (run, meant)
    assert all(each.hint for each in report.failures())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_broken_model_is_caught(
    name: str, tmp_path: Path, caught: dict[str, float], request: pytest.FixtureRequest
) -> None:
    kind = KINDS[name]
    graph = request.getfixturevalue("tiny_graph") if kind.transform_graph else None
    exported = kind.build(tmp_path / "kind", graph)
    config = kind.config if FULL else merged(gate.brief(kind.check), kind.config)
    fresh = FULL or kind.needs_a_fresh_process
    sandboxes = None if fresh else request.getfixturevalue("forked_sandboxes")
    for repeat in range(REPEATS):
        report = gate.smoke_test(exported, tmp_path / f"verdict-{repeat}", sandboxes=sandboxes, **config)
        _assert_caught(kind, report, f"run {repeat + 1} of {REPEATS}")
    caught[name] = report.seconds["total"]


def test_every_kind_has_words_that_name_its_cause() -> None:
    assert [kind.name for kind in KINDS.values() if len(kind.says) < 4] == []
    # A hint that says the same of every cause names none.
    said = Counter(kind.says for kind in KINDS.values())
    assert [words for words, count in said.items() if count > 3] == []


def test_the_zoo_is_large_enough() -> None:
    assert len(KINDS) >= 30


def test_the_docs_have_every_kind_and_its_check() -> None:
    assert table.committed() == table.rows()
