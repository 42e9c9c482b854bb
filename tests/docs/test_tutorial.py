"""The tutorial is run: each command as it stands on the page, and what it prints beside what the page shows.

    LOCKGATE_WRITE_TUTORIAL=1 python -m pytest tests/docs/test_tutorial.py

writes the output of today into the page.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.fork_server import ForkServer
from support.forked_command import forked_command
from support.pages import ROOT

from components.pusher.manifest import who

PAGE = ROOT / "docs/tutorial.md"
_STEP = re.compile(r"^```sh\n(?P<code>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"  # exit code (\d+)$", re.MULTILINE)
WRITING = bool(os.environ.get("LOCKGATE_WRITE_TUTORIAL"))
CHANGING = (
    # Only what takes long says how far it came.
    (r"^ ([✓=·]) (.+?) +(done|cached|skipped)\b.*$", r"\1 \2 \3"),
    (r"/\S*/afternoon\b", "/srv/afternoon"),
    (r"\d{8}T\d{6}Z(?:-\d+)?", "RUN"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+\d:.Z]*", "TIME"),
    (r"\b1\d{9}\b", "VERSION"),
    (r"\b[0-9a-f]{16,64}\b", "HASH"),
    (r"\S+@\S+(?=$|\s|\))", "SOMEBODY"),
    (r"\d+(?:e-?\d+)?(?:[.,]\d+(?:e-?\d+)?)*", "#"),
    (r"[ \t]+", " "),
)
"""What differs from run to run, and from machine to machine: it is compared as one word."""


@dataclass(frozen=True)
class Step:
    """One block of commands.

    Attributes:
      code: as it stands on the page.
      exit_code: of the last command, from the comment behind it.
      shown: what the page says that they print; a line `...` stands for any lines. None where it shows nothing.
      place: of the shown text on the page.
    """

    code: str
    exit_code: int
    shown: str | None
    place: tuple[int, int]


def steps() -> Iterator[Step]:
    """The page's blocks in order."""
    for found in _STEP.finditer(PAGE.read_text(encoding="utf-8")):
        code = _EXIT.search(found["code"])
        yield Step(found["code"], int(code[1]) if code else 0, found["shown"], found.span("shown"))


def plain(text: str) -> list[str]:
    """The lines without what changes; empty ones are left out."""
    for pattern, word in CHANGING:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return [line.strip() for line in text.splitlines() if line.strip()]


def stands_in(shown: str, printed: str) -> str | None:
    """The first line of the page that was not printed, in order; None where all were."""
    left = iter(plain(printed))
    for line in plain(shown):
        if line != "..." and line not in left:
            return line
    return None


def test_what_changes_is_one_word():
    assert plain(
        "run 20261130T003350Z took 12.5 s\n\n  pushed: /tmp/x/afternoon/birds/output/serving/1796044495 \n"
    ) == [
        "run RUN took # s",
        "pushed: /srv/afternoon/birds/output/serving/VERSION",
    ]
    assert plain("Gentoo,0.9,1e-7,0.2") == plain("Gentoo,0.99999,3.25,2.4e-12") == ["Gentoo,#"]
    assert stands_in("a 1\n...\nc", "a 2\nb\nc") is None
    assert stands_in("a\nx", "a\nb") == "x"
    assert stands_in("c\na", "a\nc") == "a"


@pytest.mark.e2e
@pytest.mark.slow
def test_an_afternoon(tmp_path: Path, forks: ForkServer):
    folder = tmp_path / "afternoon"
    (folder / "data/penguins").mkdir(parents=True)
    shutil.copyfile(ROOT / "data/penguins/penguins.csv", folder / "data/penguins/penguins.csv")
    found: list[tuple[Step, str]] = []
    with forked_command(forks) as forked:
        for step in steps():
            # A server is a process of its own; and a page shows what the installed command says of its time.
            ours = [] if WRITING or "lockgate serve" in step.code else [forked]
            path = os.pathsep.join(map(str, [*ours, Path(sys.executable).parent, os.environ["PATH"]]))
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", step.code],
                cwd=folder, env=os.environ | {"PATH": path}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900,
            )  # fmt: skip
            assert done.returncode == step.exit_code, f"{step.code}\n{done.stdout}"
            found.append((step, done.stdout))
    if WRITING:
        write(found)
        return
    assert len(found) > 10
    missing = {step.code: line for step, out in found if step.shown and (line := stands_in(step.shown, out))}
    assert missing == {}, "write it anew: LOCKGATE_WRITE_TUTORIAL=1 python -m pytest tests/docs/test_tutorial.py"


def write(found: list[tuple[Step, str]]) -> None:
    """Puts what was printed onto the page, from the last block to the first."""
    text = PAGE.read_text(encoding="utf-8")
    for step, printed in reversed(found):
        if step.shown is not None:
            start, end = step.place
            text = text[:start] + shortened(printed) + text[end:]
    PAGE.write_text(text, encoding="utf-8")


def shortened(printed: str) -> str:
    """What is worth showing: progress in the middle of a component is left out."""
    text = re.sub(r"/\S*/afternoon\b", "/srv/afternoon", printed)
    text = text.replace(who(), "ada@lab")
    lines = [line.rstrip() for line in text.splitlines() if not re.match(r"^ {4}\S", line)]
    return "".join(f"{line}\n" for line in lines)
