"""Which type each column should have for TFX, by what the configuration says that it is. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.config import PipelineConfig
from pipeline.table_cells import CellType
from pipeline.table_convert import StagedType
from pipeline.table_profile import ColumnProfile, Watch
from preprocessing.config import DatetimeFeature, FeaturesConfig
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

Role = Literal["number", "weight", "category", "boolean", "date", "class", "target", "key", "own", "unused"]
"""What the configuration uses a column for: `class` and `target` are the label of a classification and of a
regression, `key` a column that splits or slices, `own` one that only the user's function reads."""

STOCK: Mapping[StagedType, CellType] = {
    "int64": CellType.INT,
    "double": CellType.FLOAT,
    "string": CellType.STRING,
}


def roles(config: PipelineConfig) -> dict[str, Role]:
    """What each column that the configuration names is used for; a feature's own kind comes first."""
    features = config.features
    found: dict[str, Role] = {features.label.column: "target" if features.label.task == "regression" else "class"}
    for role, column in _named(config, features):
        found.setdefault(column, role)
    return found


def _named(config: PipelineConfig, features: FeaturesConfig) -> Iterator[tuple[Role, str]]:
    groups: tuple[tuple[Role, tuple[str, ...]], ...] = (
        *(("number", numeric.columns) for numeric in features.numeric),
        *(("category", categorical.columns) for categorical in features.categorical),
        *(("boolean", boolean.columns) for boolean in features.boolean),
        *(("date", datetime.columns) for datetime in features.datetime),
        ("own", features.preprocessing_columns),
        ("weight", (features.weight,) if features.weight is not None else ()),
        ("key", (config.data.split_column,) if config.data.split_column is not None else ()),
        *(("key", columns) for columns in config.evaluate.slices),
    )
    for role, columns in groups:
        for column in columns:
            yield role, column


def date_formats(features: FeaturesConfig) -> dict[str, str]:
    """The declared format of each date column."""
    return {column: datetime.format for datetime in features.datetime for column in datetime.columns}


def watch(config: PipelineConfig) -> Watch:
    """What a profile must look at more closely to check this configuration."""
    features = config.features
    label = features.label.column
    is_class = features.label.task != "regression"
    patterns = {column: date_pattern(datetime) for datetime in features.datetime for column in datetime.columns}
    for boolean in features.boolean:
        words = "|".join(re.escape(word) for word in (*boolean.true_values, *boolean.false_values))
        patterns |= dict.fromkeys(boolean.columns, f"(?i:{words})")
    return Watch(
        counted=frozenset({label} if is_class else ()),
        ranged=frozenset(({label} if not is_class else set()) | ({features.weight} if features.weight else set())),
        patterns=patterns,
    )


def date_pattern(feature: DatetimeFeature) -> str:
    """RE2 pattern of the texts that preprocessing reads as a date: the format, then anything but a digit."""
    digits = {"Y": r"\d{4}"}
    pieces = re.split(r"%([YmdHMS])", feature.format)
    body = "".join(digits.get(piece, r"\d{1,2}") if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))
    # Integers count the time since 1970, unless the format itself is nothing but digits.
    count = "" if digits_only(feature.format) else r"|-?\d{1,19}"
    return rf"(?s:\s*{body}(?:\D.*)?{count})"


def digits_only(date_format: str) -> bool:
    """Whether a date in this format looks like an integer, as 20240131 in `%Y%m%d`."""
    return re.fullmatch(r"(?:%[YmdHMS]|\d)+", date_format) is not None


def wanted_type(column: ColumnProfile, role: Role, declared: StagedType | None, date_format: str | None) -> StagedType:
    """The type that a column should have for TFX.

    Args:
      column: what all of its files hold.
      role: what it is used for.
      declared: its type in the curated schema, which wins.
      date_format: the format of a date column.
    """
    if declared is not None:
        return declared
    integers = column.cells.integers and column.cells.any_number
    if role in ("number", "weight", "target"):
        return "int64" if is_boolean(column) or (integers and not _has_floats(column)) else "double"
    if role == "date":
        return "int64" if integers and not is_text(column) and not digits_only(date_format or "") else "string"
    if role in ("category", "boolean", "class", "key"):
        return "int64" if integers and not is_text(column) else "string"
    if is_text(column) or column.cells.kind != "number" or column.cells.leading_zeros:
        return "string"
    return "int64" if integers and not _has_floats(column) else "double"


def is_text(column: ColumnProfile) -> bool:
    """Whether a Parquet file says itself that the column is text."""
    import pyarrow as pa

    return any(pa.types.is_string(kind) or pa.types.is_large_string(kind) for kind in map(_value_type, column.types))


def is_temporal(column: ColumnProfile) -> bool:
    """Whether Parquet files say that the column holds dates or points in time."""
    import pyarrow as pa

    return bool(column.types) and all(pa.types.is_date(kind) or pa.types.is_timestamp(kind) for kind in column.types)


def is_boolean(column: ColumnProfile) -> bool:
    """Whether Parquet files say that the column is boolean."""
    import pyarrow as pa

    return bool(column.types) and all(pa.types.is_boolean(kind) for kind in column.types)


def read_as_is(column: ColumnProfile) -> bool:
    """Whether the stock Parquet reader takes every type that the column has in its files."""
    import pyarrow as pa

    return all(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        for kind in column.types
    )


def schema_types(schema: Path | None) -> dict[str, StagedType]:
    """The column types that a curated schema states.

    Raises:
      UserError: the file can't be read as a schema.
    """
    if schema is None:
        return {}
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    names: dict[int, StagedType] = {schema_pb2.INT: "int64", schema_pb2.FLOAT: "double", schema_pb2.BYTES: "string"}
    try:
        parsed = text_format.Parse(schema.read_text("utf-8"), schema_pb2.Schema())
    except (OSError, UnicodeError, text_format.ParseError) as error:
        raise UserError(
            f"data.schema: {schema} can't be read as a TFX schema: {error}",
            hint="mend the file, or remove data.schema to have a schema inferred",
        ) from error
    return {feature.name: names[feature.type] for feature in parsed.feature if feature.type in names}


def _has_floats(column: ColumnProfile) -> bool:
    import pyarrow as pa

    return any(not pa.types.is_integer(kind) for kind in map(_value_type, column.types) if not pa.types.is_null(kind))


def _value_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind
