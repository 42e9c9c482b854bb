"""The file of a compiled pipeline: what it may replace, and how others read it."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.compiled_pipelines import config_file

from pipeline.cli import main
from pipeline.runners.compile.compiled import Compiled, check_output
from preprocessing.errors import UserError

COMPILED = Compiled({"pipelineInfo": {"name": "p"}, "root": {"dag": {"tasks": {}}}, "schemaVersion": "2.1.0"})


@pytest.mark.parametrize("name", [".", "folder"])
def test_a_folder_is_no_file_to_write(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="expected a file to write, received a folder"):
        check_output(Path(name))


def test_a_compiled_pipeline_may_be_replaced_and_nothing_else(tmp_path):
    file = tmp_path / "p-vertex.yaml"
    check_output(file)
    file.touch()
    check_output(file)
    COMPILED.write(file)
    check_output(file)
    file.write_text("name: p\ndata: {path: t.csv}\n")
    with pytest.raises(UserError, match=r"p-vertex\.yaml: expected a compiled pipeline to replace") as refused:
        check_output(file)
    assert refused.value.hint == "name another file with --output"


@pytest.mark.parametrize("output", [[], ["--output", "penguins-kubeflow.yaml"], ["--output", "link.yaml"]])
def test_the_configuration_is_not_overwritten_by_what_it_compiles_to(output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = f"extends: {config_file('penguins')}\n"
    Path("penguins-kubeflow.yaml").write_text(own)
    Path("link.yaml").symlink_to("penguins-kubeflow.yaml")
    done = CliRunner().invoke(main, ["compile", "penguins-kubeflow.yaml", "--target", "kubeflow", *output])
    assert done.exit_code == 1
    assert "expected a compiled pipeline to replace, received another file" in done.output
    assert Path("penguins-kubeflow.yaml").read_text() == own


def test_a_file_that_can_not_be_written_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none/p\.yaml: can't be written: No such file or directory"):
        COMPILED.write(tmp_path / "none" / "p.yaml")


# What YAML 1.1, YAML 1.2 and Go's readers take for a number or a boolean.
NO_TEXT_ELSEWHERE = [
    *("12e4", "1_2e4", "1e10", "+5", "0o17", "017", "0x1F", "0b11", "0B1", ".5e3", "1.", "1_000", "3.14"),
    *("y", "N", "yes", "Off", "true", "null", "~", "2026-11-28", ".inf"),
]


@pytest.mark.parametrize("text", NO_TEXT_ELSEWHERE)
def test_text_that_others_read_as_something_else_is_quoted(text):
    written = Compiled({text: text}).text()
    assert written == f"'{text}': '{text}'\n"
    assert yaml.safe_load(written) == {text: text}


@pytest.mark.parametrize("text", ["2.1.0", "gs://bucket/12e4", "12e4f", "no1", "yN", "-", "e5", "lockgate:1"])
def test_other_text_stands_as_it_is(text):
    assert yaml.safe_load(Compiled({"a": text}).text()) == {"a": text}
    assert "12e4f\n" in Compiled({"a": "12e4f"}).text()
