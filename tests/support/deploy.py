"""The files of deploy/, and what stands in their code blocks."""

import re
from pathlib import Path
from typing import Any

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
