import re

import pytest
from support.pages import DOCUMENTS

from pipeline.cli import main
from pipeline.config.reference import PAGE, update


def test_the_configuration_reference_is_the_one_of_the_code():
    text = PAGE.read_text(encoding="utf-8")
    assert update(text) == text, "run: python -m pipeline.config.reference"


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="markers"):
        update("# nothing here")


@pytest.mark.parametrize("command", main.commands)
def test_every_command_is_in_the_documents(command):
    assert any(re.search(rf"lockgate {command}\b", page.text) for page in DOCUMENTS)


@pytest.mark.parametrize(
    ("command", "option"),
    [(name, option) for name in ("run", "init") for each in main.commands[name].params for option in each.opts[:1]],
)
def test_every_option_of_a_run_and_of_init_is_in_the_documents(command, option):
    assert not option.startswith("-") or any(option in page.text for page in DOCUMENTS), command
