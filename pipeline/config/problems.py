"""What is wrong with a configuration: each problem with its place, collected into one error."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import FieldPath, UserError, dotted
from preprocessing.text import listed, shortened, without_passwords


@dataclass(frozen=True)
class Problem:
    """One mistake in the configuration.

    Attributes:
      file: the file that states the field; None for an override on the command line.
      line: the line in that file, from 1.
      path: the field by its keys and list positions; empty for a whole file.
      message: what is wrong with it.
      received: the value, as JSON and shortened; empty where there is none.
      allowed: the allowed names or values, or the allowed range as its only item.
      nearest: the allowed name that the user probably meant.
      override: the `FIELD=VALUE` of the `--set` that states the field.
      option: what the command line has in place of that `--set`; empty where it has the `--set`.
      hint: the next step.
    """

    file: Path | None
    line: int | None
    path: FieldPath
    message: str
    received: str = ""
    allowed: tuple[str, ...] = ()
    nearest: str = ""
    override: str = ""
    option: str = ""
    hint: str = ""

    @property
    def field(self) -> str:
        """The field as the user writes it, for example `features.numeric.0.columns.2`."""
        return dotted(self.path)

    def __str__(self) -> str:
        head = ": ".join(part for part in (self._place(), self._named_field(), self.message) if part)
        if self.received:
            head += f" (received {self.received})"
        if self.nearest:
            head += f"; did you mean {self.nearest}?"
        lines = [head]
        if self.allowed:
            lines.append(f"  allowed: {listed(self.allowed)}")
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return "\n".join(lines)

    def _place(self) -> str:
        if self.override:
            return self.option or f"--set {without_passwords(self.override)}"
        if self.file is None:
            return ""
        return f"{shown(self.file)}:{self.line}" if self.line else shown(self.file)

    def _named_field(self) -> str:
        return "" if self.override.partition("=")[0] == self.field else self.field


class ConfigError(UserError):
    """Every problem that was found in a configuration, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def shown(path: Path) -> str:
    """The path as short as it can be: relative to the current directory when it lies below it."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)


def brief(value: Any) -> str:
    """The value as one short line of JSON; without the password, where there is one in a URL."""
    return shortened(without_passwords(json.dumps(value, ensure_ascii=False)), 60)
