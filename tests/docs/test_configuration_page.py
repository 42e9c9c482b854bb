import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.pages import DOCUMENTS, ROOT

from pipeline.cli import main
from pipeline.config.loader import load
from pipeline.config.reference import PAGE, update


def test_the_configuration_reference_is_the_one_of_the_code():
    text = PAGE.read_text(encoding="utf-8")
    assert update(text) == text, "run: python -m pipeline.config.reference"


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="markers"):
        update("# nothing here")


@pytest.mark.parametrize("command", main.list_commands(None))
def test_every_command_is_in_the_documents(command):
    assert any(re.search(rf"lockgate {command}\b", page.text) for page in DOCUMENTS)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (name, option)
        for name in ("run", "init")
        for each in main.get_command(None, name).params
        for option in each.opts[:1]
    ],
)
def test_every_option_of_a_run_and_of_init_is_in_the_documents(command, option):
    assert not option.startswith("-") or any(
        re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", page.text) for page in DOCUMENTS
    ), command


def yaml_blocks() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every piece of a pipeline.yaml on the pages, with the page's name; of several splits, each on its own."""
    for page in DOCUMENTS:
        for block in page.blocks if page.name.startswith("docs/") else []:
            for text in block.code.splitlines() if block.code.startswith("split:") else [block.code]:
                if block.language == "yaml" and (content := yaml.safe_load(text)):
                    yield page.name, {"data": content} if "split" in content else content


@pytest.mark.parametrize(("page", "content"), list(yaml_blocks()))
def test_every_piece_of_configuration_is_valid(page: str, content: dict[str, Any], tmp_path: Path):
    penguins = yaml.safe_load((ROOT / "data/penguins/pipeline.yaml").read_text(encoding="utf-8"))
    for section, fields in content.items():
        penguins[section] = (penguins[section] | fields) if section in penguins else fields
    file = tmp_path / "pipeline.yaml"
    file.write_text(yaml.safe_dump(penguins), encoding="utf-8")
    assert load(file).config.name == "penguins", page


def test_the_smoke_tests_configuration_in_python_is_valid():
    page = next(page for page in DOCUMENTS if page.name == "docs/smoke-test.md")
    [code] = [block.code for block in page.blocks if block.language == "python" and "SmokeTestConfig" in block.code]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the page's code is what is tested
    assert names["config"].golden == "optional"
