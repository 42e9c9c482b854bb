"""The files of deploy/, and what stands in their code blocks."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
READMES = sorted(DEPLOY.glob("*/README.md"))


def fenced(text: str, language: str) -> list[str]:
    """The fenced code blocks of one language in a Markdown text."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str, program: str) -> list[str]:
    """The lines that call a program, without what is before its name: of a Markdown text or of a workflow."""
    found = re.findall(rf"^(?:\s+(?:- )?run: )?(?:\S+/)?{program} (.+)$", text, flags=re.MULTILINE)
    return [line.strip() for line in found]


def documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each is not None]


def built(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What kubectl builds of a folder, by kind and name; a test that asks is skipped where there is no kubectl."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on the PATH")
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = list(yaml.safe_load_all(done.stdout))
    found = {(each["kind"], each["metadata"]["name"]): each for each in listed}
    assert len(found) == len(listed)
    return found
