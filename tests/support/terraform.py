"""A Terraform module as plain data, and what its expressions refer to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hcl2
from hcl2.utils import SerializationOptions

_OPTIONS = SerializationOptions(
    with_comments=False, explicit_blocks=False, preserve_heredocs=False, strip_string_quotes=True
)
Block = dict[str, Any]


@dataclass
class Module:
    """What a folder of .tf files declares. Resources and data sources are under `TYPE.NAME` and `data.TYPE.NAME`."""

    variables: dict[str, Block] = field(default_factory=dict)
    locals: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Block] = field(default_factory=dict)
    resources: dict[str, Block] = field(default_factory=dict)
    expressions: list[str] = field(default_factory=list)
    """Every string of every file."""

    def references(self, pattern: str) -> set[str]:
        """What the first group of a pattern finds in all expressions."""
        return {match for text in self.expressions for match in re.findall(pattern, text)}

    def of_type(self, *types: str) -> dict[str, Block]:
        """The resources of some types."""
        return {name: block for name, block in self.resources.items() if name.split(".")[0] in types}


def read_module(folder: Path) -> Module:
    """Parses every file of a module."""
    module = Module()
    for path in sorted(folder.glob("*.tf")):
        parsed = hcl2.loads(path.read_text(encoding="utf-8"), serialization_options=_OPTIONS)
        for block in parsed.get("variable", []):
            module.variables |= block
        for block in parsed.get("output", []):
            module.outputs |= block
        for block in parsed.get("locals", []):
            module.locals |= block
        for prefix, kind in (("", "resource"), ("data.", "data")):
            for block in parsed.get(kind, []):
                for type_name, named in block.items():
                    module.resources |= {f"{prefix}{type_name}.{name}": body for name, body in named.items()}
        module.expressions += strings(parsed)
    return module


def strings(value: Any) -> Iterator[str]:
    """Every string in plain data; of mappings the values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
