"""What differs between the parameters of two executions of a node, field by field.

A parameter is often JSON, with more JSON in its strings: it is taken apart down to its fields.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from components.trainer.config import FINGERPRINT_KEY
from pipeline.config.problems import brief
from preprocessing.text import printable

ChangeKind = Literal["parameter", "code", "data", "input"]

_FINGERPRINT_OF_FILES = "input_fingerprint"
"""TFX's parameter, a line for each split: `split:all,num_files:1,total_bytes:15203,xor_checksum:1,sum_checksum:1`."""
_FILES = re.compile(r"split:(?P<split>[^,]*),num_files:(?P<files>\d+),total_bytes:(?P<bytes>\d+),(?P<times>.*)")
ABSENT = "nothing"
"""Stands for a value that is not there."""


@dataclass(frozen=True)
class Change:
    """One difference between two executions.

    Attributes:
      kind: of what: a parameter, the code (its fingerprint), the data, or an input.
      field: the path to it, such as `custom_config.features.numeric.0.scale`.
      old, new: in short.
      setting: the field of pipeline.yaml that made it; "" where none is known.
    """

    kind: ChangeKind
    field: str
    old: str
    new: str
    setting: str = ""

    def text(self) -> str:
        """The difference in one line."""
        names = {"code": "code", "data": "data"}
        name = self.setting or names.get(self.kind, self.field)
        return printable(f"{name}: {self.old} -> {self.new}")


def changes(old: Mapping[str, Any], new: Mapping[str, Any], settings: Mapping[str, tuple[Any, Any]]) -> list[Change]:
    """What differs between two executions' parameters.

    Args:
      old, new: the parameters by name.
      settings: the fields of pipeline.yaml that differ, each with its old and its new value; see `leaves`.
    """
    before, after = leaves(old), leaves(new)
    found = []
    for field in sorted({*before, *after}):
        was, now = before.get(field), after.get(field)
        if was == now:
            continue
        if field.startswith(_FINGERPRINT_OF_FILES):
            found += _changes_of_files(str(was or ""), str(now or ""))
        elif field.rpartition(".")[2] == FINGERPRINT_KEY:
            found.append(Change("code", field, str(was or ABSENT), str(now or ABSENT)))
        else:
            setting = _setting_behind(field, was, now, settings)
            found.append(Change("parameter", field, *_brief_pair(was, now), setting=setting))
    return found


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """The scalars, and the lists of scalars, in nested data, by their paths; strings that hold JSON are opened."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return {path: value}
    if isinstance(value, Mapping):
        parts: Iterable[tuple[str, Any]] = value.items()
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        parts = ((str(place), each) for place, each in enumerate(value))
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, part in parts:
        found |= leaves(part, f"{path}.{key}" if path else key)
    return found


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that differ between two configurations, each with its old and its new value."""
    before, after = leaves(old), leaves(new)
    return {
        field: (before.get(field), after.get(field))
        for field in sorted({*before, *after})
        if before.get(field) != after.get(field)
    }


def _short(value: Any) -> str:
    """A value in a few characters, without passwords."""
    return ABSENT if value is None else brief(value)


def _brief_pair(old: Any, new: Any) -> tuple[str, str]:
    """The two values; of two texts with several lines, or two lists, what one has and the other has not."""
    was, now = _parts(old), _parts(new)
    gone, come = [each for each in was if each not in now], [each for each in now if each not in was]
    if max(len(was), len(now)) > 1 and (gone or come):
        return _some(gone), _some(come)
    return _short(old), _short(new)


def _parts(value: Any) -> list[Any]:
    """A text's lines, and a list's items; anything else has no parts."""
    if isinstance(value, str):
        return value.splitlines()
    return value if isinstance(value, list) else []


def _some(parts: list[Any]) -> str:
    """The first of the parts that only one of two has, and how many more there are."""
    if not parts:
        return ABSENT
    more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
    first = parts[0].strip() if isinstance(parts[0], str) else parts[0]
    return f"{brief(first)}{more}"


def _setting_behind(field: str, old: Any, new: Any, settings: Mapping[str, tuple[Any, Any]]) -> str:
    """The one field of pipeline.yaml that changed in the same way, by the end of its path where there are several."""
    same = [name for name, values in settings.items() if values == (old, new)]
    ends = [name for name in same if field.endswith(f".{name}") or field == name]
    if len(ends or same) != 1:
        ends = [name for name in same if name.rpartition(".")[2] == field.rpartition(".")[2]]
    chosen = ends or same
    return chosen[0] if len(chosen) == 1 else ""


def _changes_of_files(old: str, new: str) -> list[Change]:
    """By split; of several spans the last one counts."""
    before, after = _by_split(old), _by_split(new)
    found = []
    for split in sorted({*before, *after}):
        was, now = before.get(split), after.get(split)
        if was == now:
            continue
        (said_before, _), (said_now, _) = was or (ABSENT, ""), now or (ABSENT, "")
        if said_before == said_now:
            said_now = f"{said_now}, written at another time"
        found.append(Change("data", f"{_FINGERPRINT_OF_FILES}.{split}", said_before, said_now))
    # A database that can't tell whether it has changed, or a line that TFX writes in another way.
    return found or [Change("data", _FINGERPRINT_OF_FILES, _short(old), _short(new))]


def _by_split(fingerprint: str) -> dict[str, tuple[str, str]]:
    """By split: how many files and bytes, and the rest of the line, which the times of the files are in."""
    found: dict[str, tuple[str, str]] = {}
    for line in fingerprint.splitlines():
        if (said := _FILES.fullmatch(line)) is not None:
            number, size = int(said["files"]), int(said["bytes"])
            words = f"{number:,} file{'' if number == 1 else 's'}, {size:,} bytes"
            earlier = found.get(said["split"], ("", ""))[1]
            found[said["split"]] = words, f"{earlier}{said['times']}"
    return found
