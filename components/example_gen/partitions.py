"""Hive folders: `year=2019/month=1/part.parquet`, where the folders' names hold columns of the rows in them."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from preprocessing.errors import UserError
from preprocessing.text import listed

MISSING = "__HIVE_DEFAULT_PARTITION__"
"""The value that Hive and Spark write for a missing one."""
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_ESCAPED = re.compile(r"\[([*?\[])\]")


@dataclass(frozen=True)
class Partition:
    """A column that stands in folders' names.

    Attributes:
      key: its name.
      type: what its values are in all of the table.
    """

    key: str
    type: Literal["int64", "double", "string"]


def is_partition(folder: str) -> bool:
    """Whether a folder's name is `key=value`."""
    key, sign, _ = folder.partition("=")
    return bool(key and sign) and key[0] not in "._"


def partitions(found: Iterable[tuple[str, Sequence[str]]]) -> tuple[Partition, ...]:
    """The columns that the folders of a table hold, in the order of the folders.

    Only folders that were searched count: those below a folder, and those that a glob matches. The ones that a source
    names as they are hold one value for all of its rows.

    Args:
      found: every source (a file, a folder or a glob) with its files.

    Raises:
      UserError: not all files are in folders of the same keys, or a key stands twice in a path.
    """
    values: dict[str, set[str | None]] = {}
    first: tuple[str, tuple[str, ...]] | None = None
    for source, files in found:
        fixed = fixed_parts(source)
        for file in files:
            named = _named(file, fixed if file != source else None)
            keys = tuple(key for key, _ in named)
            if len(set(keys)) < len(keys):
                raise UserError(
                    f"{file}: a key stands twice among its folders: {listed([f'{key}=' for key in keys])}",
                    hint="rename one of these folders",
                )
            if first is None:
                first = file, keys
            if set(keys) != set(first[1]):
                raise UserError(
                    f"{first[0]} is in {_shown(first[1])} and {file} in {_shown(keys)}; the folders of all files of a "
                    "table hold the same columns",
                    hint="move the file, or name the ones that belong together by a glob such as data/*=*/*.csv",
                )
            for key, value in named:
                values.setdefault(key, set()).add(value)
    return tuple(Partition(key, _type(values[key])) for key in (first[1] if first else ()))


def value(file: str, key: str) -> str | None:
    """What the folders of a file say of a column; None where they say that it is missing."""
    return next(found for name, found in reversed(_named(file, 0)) if name == key)


def fixed_parts(source: str) -> int:
    """How many parts of the path of a source's files stand in it as they are."""
    parts = source.rstrip("/").split("/")
    return next((i for i, part in enumerate(parts) if glob.has_magic(_ESCAPED.sub("", part))), len(parts))


def _named(file: str, fixed: int | None) -> list[tuple[str, str | None]]:
    """The keys and values among a file's folders, behind those that are fixed; None: all are."""
    folders = [] if fixed is None else file.split("/")[fixed:-1]
    pairs = [folder.partition("=") for folder in folders if is_partition(folder)]
    return [(unquote(key), None if text in ("", MISSING) else unquote(text)) for key, _, text in pairs]


def _shown(keys: Sequence[str]) -> str:
    return f"folders {'/'.join(f'{key}=...' for key in keys)}" if keys else "no such folder"


def _type(values: Iterable[str | None]) -> Literal["int64", "double", "string"]:
    present = [text for text in values if text is not None]
    if present and all(map(_INTEGER.fullmatch, present)):
        return "int64"
    return "double" if present and all(map(_NUMBER.fullmatch, present)) else "string"
