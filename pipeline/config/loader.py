"""Reads pipeline.yaml: `extends`, `--set` overrides, validation; every error with its place."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from components.example_gen.config import SQLITE_FILE
from pipeline.config.explain import explain
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.problems import ConfigError, Problem, brief
from pipeline.config.yaml_tree import Node, Origin, merged, parse, read_yaml
from preprocessing.errors import FieldPath

_DATABASE: FieldPath = ("data", "sql", "url")
PATH_FIELDS: tuple[FieldPath, ...] = (
    ("root",),
    ("data", "path"),
    ("data", "inputs", "train"),
    ("data", "inputs", "eval"),
    ("data", "inputs", "test"),
    _DATABASE,
    ("data", "schema"),
    ("data", "prepare"),
    ("data_gate", "serving", "sample"),
    ("serving", "request_log", "folder"),
    ("metadata", "mysql", "tls", "ca"),
    ("metadata", "mysql", "tls", "cert"),
    ("metadata", "mysql", "tls", "key"),
)
"""The fields that hold a path, relative to the file that states it."""


@dataclass(frozen=True)
class LoadedConfig:
    """A valid configuration and where it came from.

    Attributes:
      config: the configuration; its relative paths start from `base`.
      path: the YAML file that was given.
      base: that file's folder.
      tree: every stated field with its file and line.
      overrides: those that were laid over the files, as they were given.
    """

    config: PipelineConfig
    path: Path
    base: Path
    tree: Node
    overrides: tuple[str, ...] = ()

    def resolve(self, p: str) -> Path:
        """The absolute path behind a path field of `config`."""
        return self.base / (Path.home() / p[2:] if p.startswith("~/") else p)

    def root(self) -> Path:
        """The folder that holds everything that the pipeline writes, with symbolic links resolved."""
        return self.resolve(self.config.root).resolve()

    def problem(self, field: FieldPath, message: str, **details: Any) -> Problem:
        """A problem with a field, placed where it (or else the nearest field around it) is stated."""
        return self.tree.origin_of(field).problem(field, message, **details)


def load(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Reads and validates a pipeline's configuration.

    A file with `extends: other.yaml` is laid over the other: mappings merge, lists and scalars replace. Overrides
    are laid over both. A relative path starts from the folder of the file that states it, or from the current
    directory in an override.

    Args:
      path: the YAML file.
      overrides: `FIELD=VALUE` each, VALUE in YAML; FIELD may hold list positions: `features.numeric.0.log1p=true`.

    Raises:
      ConfigError: with every problem found: in the YAML, in the overrides, or in what they configure.
    """
    base = path.absolute().parent.resolve()
    tree = _read(path.absolute(), ())
    for override in overrides:
        tree = _overridden(tree, override)
    tree = _anchored(tree, base)
    try:
        # JSON mode, as strict pydantic would otherwise refuse a list where a tuple is declared.
        config = PipelineConfig.model_validate_json(json.dumps(tree.plain()))
    except ValidationError as error:
        raise ConfigError(explain(error, tree)) from None
    return LoadedConfig(config, path.absolute(), base, tree, tuple(overrides))


def load_stored(stored: Path, path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Reads the configuration that a run has stored, with every default filled in.

    Args:
      stored: the run's file.
      path: the YAML file that the run was given; its folder is where relative paths start.
      overrides: those that the run was given; they are in what it has stored.

    Raises:
      ConfigError: it is not valid, or not any more: another version of Lockgate may have written it.
    """
    tree = read_yaml(stored)
    try:
        # What PyYAML has written, PyYAML reads: `1e-3` is text to it.
        config = PipelineConfig.model_validate_json(json.dumps(yaml.safe_load(stored.read_text(encoding="utf-8"))))
    except ValidationError as error:
        raise ConfigError(explain(error, tree)) from None
    return LoadedConfig(config, path, path.parent.resolve(), tree, tuple(overrides))


def _read(path: Path, extended_by: tuple[Path, ...]) -> Node:
    """The file's mapping, laid over what it extends."""
    tree = read_yaml(path)
    if not isinstance(tree.value, dict):
        message = "must be a mapping of sections (name, data, features, ...)"
        raise ConfigError([tree.origin.problem((), message, received=brief(tree.plain()))])
    if "extends" not in tree.value:
        return tree
    extends = tree.value["extends"]
    if not isinstance(extends.value, str):
        message = "must be the path of one YAML file"
        raise ConfigError([extends.origin.problem(("extends",), message, received=brief(extends.plain()))])
    chain = (*extended_by, path)
    other = path.parent / extends.value
    if other.resolve() in [file.resolve() for file in chain]:
        names = " -> ".join(file.name for file in (*chain, other))
        raise ConfigError([extends.origin.problem(("extends",), f"a circle of files that extend each other: {names}")])
    if not other.is_file():
        raise ConfigError([extends.origin.problem(("extends",), "no such file", received=extends.value)])
    own = {key: node for key, node in tree.value.items() if key != "extends"}
    return merged(_read(other, chain), Node(own, tree.origin))


def _overridden(tree: Node, override: str) -> Node:
    field, equals, text = override.partition("=")
    keys = field.split(".")
    origin = Origin(None, override=override)
    if not equals or not all(keys) or field != field.strip() or not field.isprintable():
        message = "must be FIELD=VALUE, for example --set train.learning_rate=0.003"
        raise ConfigError([origin.problem((), message)])
    if keys[0] == "extends":
        raise ConfigError([origin.problem((), "extends is for files; give the other file instead")])
    return _placed(tree, (), keys, parse(text, origin))


def _placed(node: Node | None, field: FieldPath, keys: list[str], value: Node) -> Node:
    """`node`, which is at `field`, with `value` laid over what is below it at `keys`."""
    if not keys:
        return merged(node, value) if node else value
    key, rest = keys[0], keys[1:]
    if node is not None and isinstance(node.value, list):
        if not key.isdecimal() or int(key) >= len(node.value):
            allowed = tuple(str(position) for position in range(len(node.value)))
            message = f"is a list of {len(node.value)}; {key!r} is not a position in it"
            raise ConfigError([value.origin.problem(field, message, allowed=allowed)])
        items = list(node.value)
        items[int(key)] = _placed(items[int(key)], (*field, int(key)), rest, value)
        return Node(items, node.origin)
    section = node if node is not None and isinstance(node.value, dict) else Node({}, value.origin)
    placed = _placed(section.child(key), (*field, key), rest, value)
    return merged(section, Node({key: placed}, section.origin))


def _anchored(tree: Node, base: Path) -> Node:
    """The tree with every relative path rewritten to start from `base`."""
    for field in PATH_FIELDS:
        node = tree.find(field)
        if node is None or not isinstance(node.value, str) or not node.value:
            continue
        sqlite = SQLITE_FILE.fullmatch(node.value) if field == _DATABASE else None
        scheme, path = (sqlite[1], sqlite[2]) if sqlite else ("", node.value)
        if not path.startswith(("/", "~/")) and "://" not in path:
            folder = os.path.relpath(node.origin.folder.resolve(), base)
            # Joined, not normalised: `..` after a symbolic link is not the folder before it.
            anchored = Node(f"{scheme}{Path(folder) / path}", node.origin)
            tree = _placed(tree, (), [str(key) for key in field], anchored)
    return tree
