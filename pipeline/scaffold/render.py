"""The proposal as text: YAML with a reason at every decision, and the schema as text protobuf."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from components.example_gen.block import FeatureType
from components.example_gen.columns.use import is_binary
from components.example_gen.config import ColumnOptions
from pipeline.config.problems import ConfigError
from pipeline.config.yaml_tree import Origin, parse
from pipeline.scaffold.columns import Decision, Kind
from pipeline.scaffold.survey import Survey
from preprocessing.errors import FieldPath

_WIDTH = 110
KINDS: tuple[Kind, ...] = ("numeric", "categorical", "boolean", "datetime", "lists", "text")
"""The groups of the `features:` section, in order."""
_TRUTH = frozenset("yYnN")
"""What YAML 1.1 takes for true and false, and PyYAML for text."""
_MAX_DOMAIN = 20
_DOMAIN_MASS = 0.9
_MIN_PRESENCE = 0.05
_SCHEMA_HEAD = f"""\
# The TFX schema that `lockgate init` derived from the table: type and presence of every column.
# No feature has a shape: a missing value is normal here.
# Except for the label, one value in ten may be unknown (min_domain_mass: {_DOMAIN_MASS}).
"""


def scalar(value: Any) -> str:
    """A value in YAML, quoted where needed, on one line: it means the same inside a list and outside.

    Text is quoted wherever a reader could take it for something else: readers of YAML 1.1 and 1.2 differ in what is a
    number (`1e3`, `0o17`, `12:30:45`) and in what is true (`yes`, `y`).
    """
    plain = _dumped(value, None)
    if isinstance(value, str) and not (value.isprintable() and value not in _TRUTH and _read(plain) == value):
        return _dumped(value, '"')
    return plain


def _dumped(value: Any, style: str | None) -> str:
    """As PyYAML writes it, which quotes what YAML 1.1 takes for something else, the words of `_TRUTH` aside."""
    text = yaml.safe_dump([value], default_flow_style=True, default_style=style, allow_unicode=True, width=math.inf)
    return text.strip().removeprefix("[").removesuffix("]")


def _read(text: str) -> Any:
    """What our own reader of pipeline.yaml makes of a scalar; None where it refuses it."""
    try:
        [value] = parse(f"[{text}]", Origin(None)).plain()
    except ConfigError:
        return None
    return value


def sequence(values: Iterable[Any], indent: int) -> str:
    """A list of scalars in YAML, broken into lines where it is long."""
    lines, current = [], ""
    for item in map(scalar, values):
        if current and indent + len(current) + len(item) > _WIDTH:
            lines.append(current.rstrip())
            current = ""
        current += f"{item}, "
    lines.append(current.removesuffix(", "))
    return "[" + ("\n" + " " * indent).join(lines) + "]"


def mapping(values: Mapping[str, Any]) -> str:
    """A small mapping on one line; values may be scalars, lists and mappings."""
    return "{" + ", ".join(f"{key}: {_inline(value)}" for key, value in values.items()) + "}"


def comment(text: str, indent: int = 0) -> str:
    """A comment of one line or more; what can't stand in one (a line break in a name) is escaped."""
    margin = " " * indent + "# "
    lines, current = [], ""
    for word in text.split(" "):
        if current and len(margin) + len(current) + len(word) > _WIDTH:
            lines.append(current.rstrip())
            current = ""
        current += f"{word} "
    lines.append(current.rstrip())
    return "\n".join(margin + line for line in lines)


def quoted(name: str) -> str:
    """A name for a comment: in quotes, every character that could end the line escaped."""
    return json.dumps(name, ensure_ascii=not name.isprintable())


def column_options(options: Mapping[str, ColumnOptions], reasons: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The section `data.columns`: how the texts of single columns are read.

    Args:
      options: by column.
      reasons: columns, each with a reason for its options; some columns have several.
    """
    said = list(reasons)
    if options:
        yield "  columns:"
    for name, each in options.items():
        yield from (comment(f"{reason[0].upper()}{reason[1:]}", 4) for column, reason in said if column == name)
        yield f"    {scalar(name)}:"
        for key, value in each.model_dump(mode="json", exclude_defaults=True).items():
            if isinstance(value, Mapping):
                yield f"      {key}: {mapping({scalar(text): each for text, each in value.items()})}"
            else:
                yield f"      {key}: {sequence(value, 8 + len(key)) if isinstance(value, list) else scalar(value)}"


def feature_groups(decisions: Iterable[Decision]) -> Iterator[str]:
    """The groups of the `features:` section: columns of one kind and the same settings stand together."""
    for kind, groups in _grouped(decisions):
        yield f"  {kind}:"
        for members in groups:
            for reason in dict.fromkeys(member.reason for member in members):
                yield comment(reason[0].upper() + reason[1:] + ".", 4)
            yield f"    - columns: {sequence((member.column for member in members), 17)}"
            for key, value in members[0].settings.items():
                yield f"      {key}: {_inline(value)}"


def feature_fields(decisions: Iterable[Decision]) -> dict[FieldPath, str]:
    """The columns of the `features:` section, by the field that names each: `features`, `numeric`, 0, `columns`, 2."""
    return {
        ("features", kind, position, "columns", item): member.column
        for kind, groups in _grouped(decisions)
        for position, members in enumerate(groups)
        for item, member in enumerate(members)
    }


def _grouped(decisions: Iterable[Decision]) -> Iterator[tuple[Kind, list[list[Decision]]]]:
    kept = list(decisions)
    for kind in KINDS:
        groups: dict[str, list[Decision]] = {}
        for decision in kept:
            if decision.kind == kind:
                groups.setdefault(json.dumps(decision.settings, sort_keys=True), []).append(decision)
        if groups:
            yield kind, list(groups.values())


def schema_text(types: Mapping[str, FeatureType], survey: Survey, label: str, categories: Iterable[str]) -> str:
    """The TFX schema: type and presence of every column, and the values of small vocabularies.

    Args:
      types: the type of every column as TFX will see it.
      survey: what the columns hold.
      label: the label's name; its values are all of its classes.
      categories: the columns whose values are a closed list.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    names = {"int64": schema_pb2.INT, "double": schema_pb2.FLOAT, "string": schema_pb2.BYTES}
    closed = {*categories}
    schema = schema_pb2.Schema()
    for name, kind in types.items():
        feature = schema.feature.add(name=name, type=names[kind])
        column = survey.columns.get(name)
        missing_share = 1.0 if name not in survey.lists else survey.lists[name].missing_share
        if column is not None:
            missing_share = column.missing_share
        if name == label or missing_share == 0:
            feature.presence.min_fraction = 1.0
        elif missing_share < 1 - _MIN_PRESENCE:
            # Half of what is there today: a split may have fewer, and a column that empties is still noticed.
            feature.presence.min_fraction = round((1 - missing_share) / 2, 3)
        if column is None:
            continue  # a domain is of single values
        if kind == "string" and name == label:
            feature.string_domain.value.extend(sorted(survey.label_counts))
        elif kind == "string" and name in closed and column.distinct <= _MAX_DOMAIN and not survey.sampled:
            if is_binary(column.profile) and any("\\" in value for value in column.counts):
                continue  # as good as surely bytes that are not UTF-8, which a schema can't list
            feature.string_domain.value.extend(sorted(column.counts))
            feature.distribution_constraints.min_domain_mass = _DOMAIN_MASS
    return f"{_SCHEMA_HEAD}{text_format.MessageToString(schema, as_utf8=True)}"


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return mapping(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(scalar, value)) + "]"
    return scalar(value)
