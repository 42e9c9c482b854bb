"""The documents hold together: links, paths, lengths, and nothing said twice."""

import os
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from support.pages import DOCUMENTS, ROOT, Page

EACH = pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
MADE = {"deploy/kubeflow/kfp", "deploy/vertex/pipeline.compiled.yaml"}
"""Files that a reader is told to make."""


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@EACH
def test_every_link_leads_to_a_file_and_a_heading(page: Page):
    for link in page.links():
        target, _, anchor = link.partition("#")
        file = (page.path.parent / target).resolve() if target else page.path
        assert file.exists(), link
        assert not anchor or anchor in Page(file).anchors(), link


@EACH
def test_every_path_that_is_named_is_there(page: Page):
    for name in page.named_paths():
        pattern = name.rstrip("/")
        assert pattern in MADE or any(ROOT.glob(pattern)) or any(page.path.parent.glob(pattern)), name


@EACH
def test_every_test_that_is_named_is_there(page: Page):
    for file, function in page.named_tests():
        assert re.search(rf"^def {function}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), function


@EACH
def test_prose_fits_120_columns(page: Page):
    assert [line for line in page.prose.splitlines() if len(line) > 120] == []


@EACH
def test_code_is_in_fenced_blocks_with_a_language(page: Page):
    assert all(block.language for block in page.blocks)
    assert re.findall(r"\n\n {4}\S.*", page.prose) == []


def test_nothing_is_said_on_two_pages():
    pages: dict[str, set[str]] = defaultdict(set)
    for page in DOCUMENTS:
        for sentence in page.sentences():
            if len(sentence) >= 80:
                pages[sentence].add(page.name)
    assert {sentence: sorted(names) for sentence, names in pages.items() if len(names) > 1} == {}


def test_every_page_is_in_the_readmes_map():
    readme = next(page for page in DOCUMENTS if page.name == "README.md")
    assert {page.name for page in DOCUMENTS} - {"README.md", "components/smoke_test/README.md"} <= set(readme.links())


def test_the_architecture_has_every_room_and_every_contract():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent for folder in ("pipeline", "components") for path in (ROOT / folder).glob("*/__init__.py")]
    assert [room.name for room in rooms if f"`{room.relative_to(ROOT).as_posix()}/`" not in text] == []
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert [each["name"] for each in contracts if f"| {each['name']} |" not in text] == []


def test_pictures_are_small_and_show_nothing_of_the_machine_that_made_them():
    for picture in (ROOT / "docs/images").iterdir():
        content = picture.read_bytes()
        assert len(content) < 200_000, picture
        assert not re.search(rb"/(?:tmp|home|root|work)/", content) or picture.suffix == ".png", picture


def test_every_message_in_troubleshooting_is_one_of_the_code():
    sources = [path for folder in ("pipeline", "components", "preprocessing") for path in (ROOT / folder).rglob("*.py")]
    code = "\n".join(map(_joined, [*sources, ROOT / "Makefile"]))
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)`", page, flags=re.MULTILINE)
    fragments = [part.strip() for message in messages for part in message.split("...") if len(part.strip()) > 3]
    assert len(messages) > 30
    assert [part for part in fragments if part not in code and part not in BUILT] == []


BUILT = {
    "refused: DataGate:", "refused: Evaluator:", "refused: SmokeTest:",  # a gate's name is a value
    "has the tag latest", "not utf-8 text", "the image has the tag latest", "violates PodSecurity",
}  # fmt: skip
"""Put together from parts at run time, or said by Kubernetes."""


def _joined(path: Path) -> str:
    """A source file with string literals that follow each other joined."""
    return re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))


def test_the_walk_through_the_code_names_the_lines_of_today():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    stops = re.findall(r"^\| \d+ \| `([^:`]+):(\d+)` \| `([^`]+)` \|", text, flags=re.MULTILINE)
    assert len(stops) > 10
    moved = {}
    for file, number, line in stops:
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        [now, *_] = [found for found, each in enumerate(lines, 1) if line in each]
        if int(number) != now:
            moved[f"`{file}:{number}` | `{line}`"] = f"`{file}:{now}` | `{line}`"
    if moved and os.environ.get("LOCKGATE_WRITE_WALK"):
        for before, after in moved.items():
            text = text.replace(before, after)
        (ROOT / "docs/architecture.md").write_text(text, encoding="utf-8")
    else:
        assert not moved, "write them anew: LOCKGATE_WRITE_WALK=1 python -m pytest tests/docs -k walk"
