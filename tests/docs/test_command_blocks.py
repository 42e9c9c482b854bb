"""The commands in the documents: each block runs here as it is, or says what it needs, or is what CI itself runs."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import pytest
from support.fork_server import ForkServer
from support.forked_command import BRIEF_SEARCH, forked_command, search_briefly
from support.pages import DOCUMENTS, ROOT, SHELL, Block, Page

from pipeline.cli import main

NEEDS = {
    "Docker",
    "TensorFlow Serving",
    "a Google Cloud account",
    "a Kubeflow cluster",
    "a MariaDB server",
    "a Spark cluster",
    "a browser",
    "another version",
    "a run that did not end",
    "a second terminal",
    "an hour",
    "half an hour",
    "runs of all three data sets",
    "the development tools",
}
"""What a block may need that this test does not have, or may not take."""
MAKE = {"make check", "make clean", "make data", "make run", "make setup-dev", "make test"}
"""Covered by CI, which sets up and runs them."""
RUN_HERE = {"export", "lockgate", "saved_model_cli"}
"""The programs of blocks that the last test of this module runs."""
RUN_ELSEWHERE = {"docs/tutorial.md"}
"""Pages whose commands tests/docs/test_tutorial.py runs, and compares what they print."""
LINKED_ABOVE = 1 << 20
"""Larger files of the data sets are linked, not copied."""

BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in DOCUMENTS
    for number, block in enumerate(each for each in page.blocks if each.language in SHELL)
    if page.name not in RUN_ELSEWHERE
]
COMMANDS = [
    pytest.param(words, id=f"{page.name}-{number}")
    for page in DOCUMENTS
    for block in page.blocks
    if block.language in SHELL
    for number, words in enumerate(block.commands())
    if Path(words[0]).name == "lockgate"
]


def runnable(block: Block) -> bool:
    """Whether the last test runs a block: no comment says that it needs more, and CI does not run it."""
    return block.language in SHELL and not block.needs and not {shlex.join(words) for words in block.commands()} <= MAKE


PAGES = [page for page in DOCUMENTS if page.name not in RUN_ELSEWHERE and any(map(runnable, page.blocks))]


@pytest.mark.parametrize("block", BLOCKS)
def test_each_block_runs_here_or_says_what_it_needs(block: Block):
    if block.needs:
        assert block.needs in NEEDS
    elif runnable(block):
        assert {words[0] for words in block.commands()} <= RUN_HERE


@pytest.mark.parametrize("words", COMMANDS)
def test_lockgate_understands_every_command(words: list[str]):
    name, *rest = words[1:]
    if name.startswith("--"):
        with pytest.raises(click.exceptions.Exit):
            main.make_context("lockgate", [name, *rest])
        return
    # Parses, with every type and choice, and does not run.
    context = main.get_command(None, name).make_context(name, rest)
    assert all("=" in assignment for assignment in context.params.get("overrides", ()))


@pytest.fixture(scope="module")
def forked(forks: ForkServer) -> Iterator[Path]:
    """A folder with a `lockgate` that imports nothing; in the working copy stands the installed one.

    A `run` that several pages show is carried out once: it would find everything in its cache.
    """
    been: set[tuple[Path, *tuple[str, ...]]] = set()

    def once(arguments: Sequence[str], folder: Path, run: Callable[[], int]) -> int:
        words = (folder, *arguments)
        if arguments[:1] == ["run"] and words in been:
            return 0
        code = search_briefly(arguments, folder, run)
        if code == 0:
            been.add(words)
        return code

    with forked_command(forks, once) as folder:
        yield folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, forked: Path) -> Path:
    """A working copy in which the penguins pipeline has run, for all pages together."""
    folder = tmp_path_factory.mktemp("checkout") / "lockgate"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = ROOT / name, folder / name
        if not source.is_file():  # deleted, and not yet committed so
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.stat().st_size > LINKED_ABOVE:
            copy.symlink_to(source)
        else:
            shutil.copyfile(source, copy)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    with (folder / "data/penguins/pipeline.yaml").open("a", encoding="utf-8") as file:
        file.write(BRIEF_SEARCH)
    shell("lockgate run data/penguins/pipeline.yaml", folder, forked)
    return folder


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_in_order(page: Page, checkout: Path, forked: Path):
    for block in filter(runnable, page.blocks):
        shell(block.code, checkout, forked)


def shell(script: str, folder: Path, *commands: Path) -> None:
    """Runs a block of commands as a reader does who has followed the README's set-up; commands in folders that are
    given go before those of the set-up."""
    path = os.pathsep.join(map(str, [*commands, folder / ".venv/bin", os.environ["PATH"]]))
    env = os.environ | {"PATH": path}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
