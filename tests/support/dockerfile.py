"""A Dockerfile, read as far as ours goes: no escape directive, no here-documents, no other shell."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_WORD = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|[^\s"])+""")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, its flags (`--from=...`) by name, and the rest."""

    name: str
    flags: Mapping[str, str]
    rest: str

    def pairs(self) -> dict[str, str]:
        """The `key=value` pairs of an ENV or a LABEL."""
        return dict(_unquoted(word).split("=", 1) for word in _WORD.findall(self.rest))


@dataclass
class Stage:
    """A stage: its name ("" for the last one), what it is built from, and its instructions."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """The stage's instructions of one name."""
        return [each for each in self.instructions if each.name == name]


@dataclass(frozen=True)
class Dockerfile:
    """The arguments before the first stage with their defaults, and the stages."""

    arguments: Mapping[str, str]
    stages: list[Stage]

    @classmethod
    def read(cls, path: Path) -> "Dockerfile":
        """Reads a Dockerfile."""
        arguments: dict[str, str] = {}
        stages: list[Stage] = []
        for instruction in _instructions(path.read_text()):
            if instruction.name == "FROM":
                base, _, name = instruction.rest.partition(" AS ")
                stages.append(Stage(name, base))
            elif stages:
                stages[-1].instructions.append(instruction)
            else:
                assert instruction.name == "ARG", f"{instruction.name} before FROM"
                name, _, default = instruction.rest.partition("=")
                arguments[name] = default
        return cls(arguments, stages)

    def lineage(self, stage: Stage, arguments: Mapping[str, str]) -> list[Stage]:
        """The stages that a stage is built upon, the first one first, and itself."""
        base = substituted(stage.base, {**self.arguments, **arguments})
        below = [each for each in self.stages if each.name and each.name == base]
        return [*(each for below_it in below for each in self.lineage(below_it, arguments)), stage]

    def stage(self, name: str) -> Stage:
        """The stage of a name; the last stage for ""."""
        [found] = [each for each in self.stages if each.name == name]
        return found


def substituted(text: str, variables: Mapping[str, str]) -> str:
    """The text with `$NAME` and `${NAME}` replaced."""
    return _VARIABLE.sub(lambda found: variables[found[1] or found[2]], text)


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for logical in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, rest = logical.split(maxsplit=1)
        flags = {}
        while found := re.match(r"--([\w-]+)=(\S+)\s+", rest):
            flags[found[1]] = found[2]
            rest = rest[found.end() :]
        yield Instruction(name.upper(), flags, rest.strip())


def _unquoted(word: str) -> str:
    return word.replace('"', "")
