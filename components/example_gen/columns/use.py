"""Which type each column gets, by what it is used for and what it holds. Pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.example_gen.block import FeatureType
from components.example_gen.columns.convert import is_bytes, is_string, value_type
from components.example_gen.columns.facts import ColumnFacts
from preprocessing.errors import UserError
from preprocessing.readable import digits_only
from preprocessing.text import listed, quoted

if TYPE_CHECKING:
    import pyarrow as pa

Role = Literal[
    "number", "weight", "category", "boolean", "date", "list", "text", "class", "target", "key", "own", "unused"
]
"""What the configuration uses a column for: `class` and `target` are the label of a classification and of a
regression, `key` a column that splits or slices, `own` one that only the user's function reads."""
NUMBERS: tuple[Role, ...] = ("number", "weight", "target")
"""The roles of columns that must hold numbers."""
TEXTS: tuple[Role, ...] = ("list", "text")
"""The roles of columns whose numbers are read as text too."""
SEVERAL: tuple[Role, ...] = ("list", "own", "unused")
"""The roles of columns that may have several values in a row."""

RESERVED = "__raw_record__"
"""The name under which TFX's Evaluator keeps the serialized rows: no column of the examples can have it."""


@dataclass(frozen=True)
class ColumnUse:
    """What is said about a column beforehand.

    Attributes:
      role: what the configuration uses it for.
      declared: its type in the curated schema.
      date_format: of a date column, the format of its texts.
    """

    role: Role = "unused"
    declared: FeatureType | None = None
    date_format: str | None = None


def wanted_type(column: ColumnFacts, use: ColumnUse) -> FeatureType:
    """The type that a column gets; the curated schema wins.

    Args:
      column: what all of its rows hold.
      use: what it is used for.
    """
    if use.declared is not None:
        return use.declared
    integers = column.cells.integers and column.cells.any_number
    if use.role in NUMBERS:
        return "int64" if is_boolean(column) or (integers and not _has_floats(column)) else "double"
    if use.role in TEXTS:
        return "string"
    if use.role == "date":
        return "int64" if integers and not is_text(column) and not digits_only(use.date_format or "") else "string"
    if use.role in ("category", "boolean", "class", "key"):
        return "int64" if integers and not is_text(column) else "string"
    if is_text(column) or column.cells.kind != "number" or column.cells.leading_zeros:
        return "string"
    return "int64" if integers and not _has_floats(column) else "double"


def resolve_types(
    facts: Mapping[str, ColumnFacts], uses: Mapping[str, ColumnUse], partial: Mapping[str, str] | None = None
) -> tuple[dict[str, FeatureType], dict[str, str]]:
    """The types of all columns, and why the others are left out.

    Args:
      facts: what the columns hold in all of the table, in the table's order.
      uses: the columns that the configuration or the schema names.
      partial: the columns that not every file has, and why that matters; a reader refuses a file without one that is
        asked for.

    Returns:
      The type of each column that becomes a feature, and the reason for each that does not: nobody uses it, and it
      is empty, not in every file, of a name or a type that a feature can't have, or not what the schema says.

    Raises:
      UserError: a column that the configuration uses is not there, or can't be a feature.
    """
    for name, use in uses.items():
        if use.role != "unused" and name not in facts:
            raise UserError(
                f"column {name!r} is not in the table; its columns are {listed(list(facts), form=repr)}",
                hint="change the name in the configuration, or the table",
            )
    types: dict[str, FeatureType] = {}
    left_out: dict[str, str] = {}
    for name, column in facts.items():
        if name in uses and name == RESERVED:
            raise UserError(f"column {name!r}: {why_reserved()}", hint="rename the column in the table")
        use = uses.get(name, ColumnUse())
        if use.role != "unused" and column.unsupported is not None:
            raise not_a_feature(name, column.unsupported)
        if name == RESERVED:
            left_out[name] = why_reserved()
        elif column.unsupported is not None:
            left_out[name] = f"its type is {column.unsupported}"
        elif use.role == "unused" and name in (partial or {}):
            left_out[name] = f"nobody uses it, and {(partial or {})[name]}"
        elif column.present == 0 and name not in uses:
            left_out[name] = "it is empty everywhere"
        elif use.role == "unused" and (cell := misfit(column, use.declared)) is not None:
            left_out[name] = f"nobody uses it, and {quoted(cell)} is not of its type in data.schema"
        else:
            types[name] = wanted_type(column, use)
    return types, left_out


def padded_numbers(facts: Mapping[str, ColumnFacts], types: Mapping[str, FeatureType]) -> tuple[str, ...]:
    """The columns that become numbers although some are written with leading zeros, as codes are: 007.1.

    Args:
      facts: what the columns hold in all of the table.
      types: the type that each of them gets.
    """
    return tuple(name for name, kind in types.items() if kind != "string" and facts[name].cells.leading_zeros)


def misfit(column: ColumnFacts, declared: FeatureType | None) -> str | None:
    """The first value that is not of the type that the schema states; None when all are."""
    if declared in (None, "string") or is_boolean(column):
        return None
    if column.cells.first_text is not None or declared == "double":
        return column.cells.first_text
    return column.cells.first_fraction


def not_a_feature(name: str, kind: str) -> UserError:
    """The error for a used column of a type that can become neither numbers nor text."""
    return UserError(
        f"column {name!r} is of type {kind}, which can't become a feature",
        hint="write one value per row (a number, text, a boolean or a date), declare a column of lists under "
        "features.lists, or take the column out",
    )


def why_reserved() -> str:
    """Why the column named `RESERVED` can't be used."""
    return "the name is reserved: TFX's Evaluator keeps the rows themselves under it"


def is_text(column: ColumnFacts) -> bool:
    """Whether the format says itself that the column is text, or bytes."""
    return any(is_string(kind) or is_bytes(kind) for kind in _value_types(column))


def is_binary(column: ColumnFacts) -> bool:
    """Whether the format says that the column is bytes, which may not be UTF-8."""
    return any(is_bytes(kind) for kind in _value_types(column))


def is_temporal(column: ColumnFacts) -> bool:
    """Whether the format says that the column holds dates or points in time."""
    import pyarrow as pa

    kinds = _value_types(column)
    return bool(kinds) and all(pa.types.is_date(kind) or pa.types.is_timestamp(kind) for kind in kinds)


def is_boolean(column: ColumnFacts) -> bool:
    """Whether the format says that the column is boolean."""
    import pyarrow as pa

    kinds = _value_types(column)
    return bool(kinds) and all(pa.types.is_boolean(kind) for kind in kinds)


def schema_types(schema: Path | str | None) -> dict[str, FeatureType]:
    """The column types that a curated schema states.

    Args:
      schema: the file, or the schema's text (text protobuf).

    Raises:
      UserError: it can't be read as a schema.
    """
    if schema is None:
        return {}
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    names: dict[int, FeatureType] = {schema_pb2.INT: "int64", schema_pb2.FLOAT: "double", schema_pb2.BYTES: "string"}
    try:
        text = schema.read_text("utf-8") if isinstance(schema, Path) else schema
        parsed = text_format.Parse(text, schema_pb2.Schema())
    except (OSError, UnicodeError, text_format.ParseError) as error:
        shown = schema if isinstance(schema, Path) else "the schema"
        raise UserError(
            f"{shown} can't be read as a TFX schema: {error}",
            field=("data", "schema"),
            hint="correct the file, or remove data.schema to have a schema inferred",
        ) from error
    return {feature.name: names[feature.type] for feature in parsed.feature if feature.type in names}


def _has_floats(column: ColumnFacts) -> bool:
    import pyarrow as pa

    return any(not pa.types.is_integer(kind) for kind in _value_types(column))


def _value_types(column: ColumnFacts) -> list[pa.DataType]:
    """The types of single values; what a part without any value says of itself does not count."""
    import pyarrow as pa

    return [kind for kind in map(value_type, column.types) if not pa.types.is_null(kind)]
