import re

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.config.reference import README, update

TEXT = README.read_text(encoding="utf-8")


def test_the_configuration_reference_is_the_one_of_the_code():
    assert update(TEXT) == TEXT, "run: python -m pipeline.config.reference"


def test_a_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="markers"):
        update("# nothing here")


def test_every_option_that_the_readme_names_exists():
    runner = CliRunner()
    for command, options in {
        "run": ("--set", "--from", "--to", "--no-cache", "--json", "--debug"),
        "init": ("--data", "--label"),
    }.items():
        text = runner.invoke(main, [command, "--help"]).output
        for option in options:
            assert option in TEXT
            assert option in text


def test_every_command_is_in_the_readme():
    for command in main.commands:
        assert re.search(rf"lockgate {command}\b", TEXT), command


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (README.parent / target).exists(), target
