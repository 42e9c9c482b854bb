"""Commands, links and configurations in deploy/*/README.md and in the workflow."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from support.deploy import DEPLOY, READMES, ROOT, commands, documents, fenced

from pipeline.cli import main
from pipeline.config.loader import load
from pipeline.preflight.target_check import target_problems

TEXTS = {path: path.read_text(encoding="utf-8") for path in [*READMES, DEPLOY / "ci/github-actions.yaml"]}
LINES = [
    pytest.param(line, id=f"{path.parent.name}-{number}")
    for path, text in TEXTS.items()
    for number, line in enumerate(commands(text, "lockgate"))
]
TARGET_BLOCKS = [
    pytest.param(yaml.safe_load(block)["targets"], id=f"{path.parent.name}-{number}")
    for path, text in TEXTS.items()
    for number, block in enumerate(fenced(text, "yaml"))
    if block.startswith("targets:")
]


def test_each_folder_shows_its_commands():
    assert [path.parent.name for path in READMES] == ["beam", "ci", "kubeflow", "serving", "vertex"]
    assert all(commands(text, "lockgate") for text in TEXTS.values())
    assert len(TARGET_BLOCKS) == 4


@pytest.mark.parametrize("line", LINES)
def test_lockgate_understands_every_command(line):
    name, *words = shlex.split(line.removesuffix(" &"))
    assert name in main.list_commands(None)
    # Parses, with every type and choice, and does not run.
    context = main.get_command(None, name).make_context(name, words)
    assert isinstance(context, click.Context)
    for assignment in context.params["overrides"]:
        assert "=" in assignment


@pytest.mark.parametrize("targets", TARGET_BLOCKS)
def test_the_configurations_are_valid_and_can_run(targets, tmp_path):
    shutil.copytree(ROOT / "data/penguins", tmp_path, ignore=shutil.ignore_patterns("output"), dirs_exist_ok=True)
    path = tmp_path / "pipeline.yaml"
    penguins: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(penguins | {"targets": targets}), encoding="utf-8")
    for name, target in targets.items():
        loaded = load(path, (f"targets.{name}.image={target['image'].partition('@')[0]}@sha256:{'0' * 64}",))
        # One example has no table of its own: it shows secrets.
        if "data_path" in target:
            assert target_problems(loaded, name) == []


@pytest.mark.parametrize("targets", TARGET_BLOCKS)
def test_the_configurations_name_what_the_manifests_have(targets):
    for target in [targets["kubeflow"]] if "kubeflow" in targets else []:
        base = [each for path in (DEPLOY / "kubeflow/base").glob("*.yaml") for each in documents(path)]
        names = {(each["kind"], each["metadata"]["name"]) for each in base if "metadata" in each}
        assert ("ServiceAccount", target["service_account"]) in names
        for volume in target["volumes"]:
            assert ("PersistentVolumeClaim", volume["claim"]) in names
            assert target["push_directory"].startswith(volume["mount_path"] + "/")
        for secret in target.get("secrets", []):
            text = TEXTS[DEPLOY / "kubeflow/README.md"]
            assert f"create secret generic {secret['secret']} " in text


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_links_and_files_are_there(path: Path):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", TEXTS[path]):
        assert (path.parent / target).exists(), target
    for target in re.findall(r"\bdeploy/kubeflow/[\w./-]+", TEXTS[path]):
        assert (ROOT / target).exists() or target == "deploy/kubeflow/kfp", target


def test_the_readmes_name_outputs_that_terraform_has():
    outputs = re.findall(r'^output "(\w+)"', (DEPLOY / "vertex/outputs.tf").read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for text in TEXTS.values() for name in re.findall(r"terraform output -(?:raw|json) (\w+)", text)}
    assert named == set(outputs)
