"""YAML text as a tree that remembers where every value was stated.

Scalars follow YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), not PyYAML's 1.1: `1e-3` is
a number, `010` is ten, and `yes`, `off`, `1:30` and `2024-01-31` are text. Keys are text as written.
"""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
import yaml.reader

from pipeline.config.problems import ConfigError, Problem
from preprocessing.errors import FieldPath
from preprocessing.nearest import nearest

MAX_VALUES = 100_000
"""A limit on the values of a document with its aliases expanded: a few lines of them can mean billions."""


@dataclass(frozen=True)
class Origin:
    """Where a value was stated: on a line of a file, or (`file` is None) by an override on the command line."""

    file: Path | None
    line: int = 1
    override: str = ""

    @property
    def folder(self) -> Path:
        """The folder that relative paths stated here start from."""
        return Path.cwd() if self.file is None else self.file.parent

    def problem(self, field: FieldPath, message: str, **details: Any) -> Problem:
        """A problem at this place; `details` are `Problem`'s other attributes."""
        line = None if self.file is None else self.line
        return Problem(self.file, line, field, message, override=self.override, **details)


@dataclass(frozen=True)
class Node:
    """A value and its origin. A mapping's values and a list's items are nodes.

    Attributes:
      value: what it means.
      origin: where it was stated.
      text: a scalar as it is written; empty for all else.
    """

    value: "bool | int | float | str | dict[str, Node] | list[Node] | None"
    origin: Origin
    text: str = ""

    def plain(self) -> Any:
        """The value as plain data."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, key: str | int) -> "Node | None":
        """The mapping's value or the list's item, if there is one."""
        if isinstance(self.value, dict) and isinstance(key, str):
            return self.value.get(key)
        if isinstance(self.value, list) and isinstance(key, int) and 0 <= key < len(self.value):
            return self.value[key]
        return None

    def find(self, field: FieldPath) -> "Node | None":
        """The node at a path below this one, if it is stated."""
        node: Node | None = self
        for key in field:
            node = node.child(key) if node is not None else None
        return node

    def origin_of(self, field: FieldPath) -> Origin:
        """The origin of the field, or of the nearest field around it that is stated."""
        node = self
        for key in field:
            child = node.child(key)
            if child is None:
                break
            node = child
        return node.origin


_KIND, _USUAL_KIND = "by", "hash"
"""The field that says which options `data.split` has, and what it is where it is left out."""


def merged(base: Node, override: Node) -> Node:
    """What `override` states over `base`: mappings merge, lists and scalars replace.

    A split by something else is replaced too: the options of the one mean nothing to the other.
    """
    if not (isinstance(base.value, dict) and isinstance(override.value, dict)):
        return override
    if _KIND in override.value:
        before = base.value[_KIND].value if _KIND in base.value else _USUAL_KIND
        if override.value[_KIND].value != before:
            return override
    values = dict(base.value)
    for key, node in override.value.items():
        values[key] = merged(values[key], node) if key in values else node
    return Node(values, override.origin)


def read_yaml(path: Path) -> Node:
    """The file's content; not necessarily a mapping.

    Raises:
      ConfigError: the file is missing, not readable, not UTF-8, empty, or not YAML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        siblings = [file.name for file in path.parent.glob("*.y*ml")]
        raise ConfigError([Problem(path, None, (), "no such file", nearest=nearest(path.name, siblings))]) from None
    except IsADirectoryError:
        raise ConfigError([Problem(path, None, (), "is a folder; give the YAML file in it")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Problem(path, line, (), "not UTF-8 text; save the file as UTF-8")]) from None
    except OSError as error:
        raise ConfigError([Problem(path, None, (), f"cannot be read: {error.strerror}")]) from None
    return parse(text, Origin(path))


def parse(text: str, origin: Origin) -> Node:
    """The YAML document in `text`.

    Args:
      text: the document.
      origin: its file, or its override. Nodes of a file get their own lines.

    Raises:
      ConfigError: the text is not one document of safe YAML, with every duplicate key and bad value in it.
    """
    try:
        root = yaml.compose(text, Loader=_CoreSchemaLoader)
        if root is not None:
            return _Builder(origin).build(root)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_problem(error, origin)]) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        message = f"not valid YAML: the character {chr(error.character)!r} is not allowed"
        raise ConfigError([replace(origin, line=line).problem((), message)]) from None
    except RecursionError:
        raise ConfigError([origin.problem((), "not usable: nested too deeply")]) from None
    empty = "the file is empty" if origin.file else "no value after `=` (null unsets a field)"
    raise ConfigError([origin.problem((), empty)])


def _syntax_problem(error: yaml.MarkedYAMLError, origin: Origin) -> Problem:
    mark = error.problem_mark or error.context_mark
    context = f"{error.context} from line {error.context_mark.line + 1}" if error.context_mark else error.context
    reason = ", ".join(part for part in (context, error.problem) if part)
    if "'\\t'" in reason:
        reason = "a tab where only spaces are allowed; indent with spaces"
    column = f" (column {mark.column + 1})" if mark else ""
    return replace(origin, line=mark.line + 1 if mark else 1).problem((), f"not valid YAML{column}: {reason}")


class _CoreSchemaLoader(yaml.SafeLoader):
    """A safe loader whose unquoted scalars are resolved by the YAML 1.2 core schema."""


_CoreSchemaLoader.yaml_implicit_resolvers = {}  # its own, not PyYAML's 1.1 rules

_NUMBERS = list("-+.0123456789")
for _tag, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", [*"nN~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", _NUMBERS),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", _NUMBERS),
    ("merge", r"<<", ["<"]),
):
    _CoreSchemaLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


class _Builder:
    """Turns PyYAML's nodes into ours and collects what is wrong with them."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._problems: list[Problem] = []
        self._open: set[int] = set()
        self._count = 0

    def build(self, root: yaml.Node) -> Node:
        node = self._node(root, (), self._at(root))
        if self._problems:
            raise ConfigError(self._problems)
        return node

    def _at(self, node: yaml.Node) -> Origin:
        return self._origin if self._origin.file is None else replace(self._origin, line=node.start_mark.line + 1)

    def _report(self, node: yaml.Node, field: FieldPath, message: str) -> None:
        self._problems.append(self._at(node).problem(field, message))

    def _node(self, node: yaml.Node, field: FieldPath, origin: Origin) -> Node:
        self._count += 1
        if self._count > MAX_VALUES:
            raise ConfigError([self._at(node).problem((), f"more than {MAX_VALUES} values, its aliases expanded")])
        if id(node) in self._open:
            self._report(node, field, "an alias inside the value that it names")
            return Node(None, origin)
        self._open.add(id(node))
        try:
            text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
            return Node(self._value(node, field), origin, text)
        finally:
            self._open.discard(id(node))

    def _value(self, node: yaml.Node, field: FieldPath) -> Any:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, field)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self._node(item, (*field, i), self._at(item)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in ("null", "bool", "int", "float", "str", "merge"):
            return self._scalar(node, kind, field)
        self._report(node, field, f"the tag {node.tag} is not supported; write the plain value")
        return None

    def _mapping(self, node: yaml.MappingNode, field: FieldPath) -> dict[str, Node]:
        own: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, field, "a key must be plain text")
            elif key.tag == "tag:yaml.org,2002:merge":
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    # Of several merged mappings the first one wins (https://yaml.org/type/merge.html).
                    inherited = {**self._merge_source(source, field), **inherited}
            elif key.value in own:
                first = own[key.value].origin.line
                self._report(key, (*field, key.value), f"stated twice; the first is on line {first}, keep one")
            else:
                own[key.value] = self._node(value, (*field, key.value), self._at(key))
        return {**inherited, **own}

    def _merge_source(self, source: yaml.Node, field: FieldPath) -> dict[str, Node]:
        node = self._node(source, field, self._at(source))
        if isinstance(node.value, dict):
            return node.value
        self._report(source, field, "`<<` takes a mapping or a list of mappings")
        return {}

    def _scalar(self, node: yaml.ScalarNode, kind: str, field: FieldPath) -> bool | int | float | str | None:
        text = str(node.value)
        value: bool | int | float | str | None
        try:
            value = _CONSTRUCTORS[kind](text)
        except (ValueError, KeyError):
            self._report(node, field, f"{text[:40]!r} cannot be read as {kind}")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._report(node, field, f"{text[:40]} is not a finite number")
        elif isinstance(value, str) and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
            self._report(node, field, "a character that no file or column name can hold (NUL or half a surrogate pair)")
        return value


def _integer(text: str) -> int:
    bases = {"0o": 8, "0x": 16}
    return int(text, bases.get(text[:2], 10))


_CONSTRUCTORS: dict[str, Any] = {
    "null": lambda _: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _integer,
    "float": lambda text: float(re.sub(r"\.(inf|nan)$", r"\1", text.lower())),
    "str": str,
    "merge": str,
}
