"""What a target runs: the PipelineSpec, and what Kubernetes needs besides."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.files.whole_file import write_whole
from preprocessing.errors import UserError

_ELSEWHERE_NO_TEXT = re.compile(
    r"[yYnN]|[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?)"
)
"""Booleans and numbers of YAML 1.1 and 1.2 and of their readers."""


class _Readable(yaml.SafeDumper):
    """Writes text of several lines as such, so that a change of one of them is a change of one line."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's interface
        """Writes equal parts out, wherever they stand."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # PyYAML quotes what it would itself read as something else; others, such as the Go of Kubeflow, read more so.
    style = "|" if "\n" in value else "'" if _ELSEWHERE_NO_TEXT.fullmatch(value.replace("_", "")) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Readable.add_representer(str, _text)


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline, as plain data that holds neither credentials nor times nor paths of this machine.

    Attributes:
      spec: a PipelineSpec of schema 2.1.
      platforms: Kubernetes' settings by executor, what stands under `platforms:`; None where there are none.
    """

    spec: dict[str, Any]
    platforms: dict[str, Any] | None = None

    def text(self) -> str:
        """The file's text: a YAML document, and a second one for the platforms. The same data gives the same bytes."""
        documents = [self.spec] if self.platforms is None else [self.spec, {"platforms": self.platforms}]
        return yaml.dump_all(documents, Dumper=_Readable, sort_keys=True, allow_unicode=True, width=120)

    @property
    def name(self) -> str:
        """The compiled pipeline's name."""
        name: str = self.spec["pipelineInfo"]["name"]
        return name

    @property
    def root(self) -> str:
        """The URL below which artifacts are kept."""
        root: str = self.spec["defaultPipelineRoot"]
        return root

    @property
    def parameters(self) -> dict[str, str | int]:
        """The runtime parameters with their defaults."""
        declared = self.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        return {
            name: int(each["defaultValue"]) if each["parameterType"] == "NUMBER_INTEGER" else each["defaultValue"]
            for name, each in declared.items()
        }

    @property
    def tasks(self) -> dict[str, Any]:
        """Every component's task by its name, also where an exit handler has put them into a DAG of their own."""
        top: dict[str, Any] = self.spec["root"]["dag"]["tasks"]
        inner = self.spec["components"].get(INNER_DAG)
        return top if inner is None else inner["dag"]["tasks"]

    def write(self, file: Path) -> None:
        """Writes the file's text, whole or not at all.

        Raises:
          UserError: it can't be written.
        """
        try:
            write_whole(file, self.text())
        except OSError as error:
            raise UserError(f"{file}: can't be written: {error.strerror or error}", hint=_OTHER_FILE) from error


def check_output(file: Path) -> None:
    """Looks at what stands where a compiled pipeline will go: only another one of them may be lost.

    Raises:
      UserError: it is a folder, or a file of another kind, such as the configuration itself.
    """
    if file.is_dir():
        raise UserError(f"{file}: expected a file to write, received a folder", hint=_OTHER_FILE)
    if not file.is_file():
        return
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror or error}", hint=_OTHER_FILE) from error
    if text.strip() and not re.search(r"^pipelineInfo:$.*^schemaVersion: ", text, re.MULTILINE | re.DOTALL):
        raise UserError(f"{file}: expected a compiled pipeline to replace, received another file", hint=_OTHER_FILE)


_OTHER_FILE = "name another file with --output"

INNER_DAG = "tfx-dag"
"""The component that holds every task but the exit handler's, where there is one (as TFX names it)."""
EXIT_HANDLER = "FinalState"
"""The exit handler's task."""
