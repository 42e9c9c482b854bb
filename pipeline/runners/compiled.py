"""What a target runs: the PipelineSpec, and what Kubernetes needs besides."""

from dataclasses import dataclass
from typing import Any

import yaml


class _Readable(yaml.SafeDumper):
    """Writes text of several lines as such, so that a change of one of them is a change of one line."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's interface
        """Writes equal parts out, wherever they stand."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


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
        """The pipeline's name."""
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


INNER_DAG = "tfx-dag"
"""The component that holds every task but the exit handler's, where there is one (as TFX names it)."""
EXIT_HANDLER = "FinalState"
"""The exit handler's task."""
