"""What the configuration says of each column, in the words of ExampleGen's rules. Pure rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.data_gate.columns import Columns
from components.example_gen.block import FeatureType
from components.example_gen.columns.use import ColumnUse, Role
from components.example_gen.split_config import TimeSplit
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight.table_profile import Watch
from preprocessing.config import FeaturesConfig


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
        *(("list", listed.columns) for listed in features.lists),
        *(("text", text.columns) for text in features.text),
        ("own", features.preprocessing_columns),
        ("weight", (features.weight,) if features.weight is not None else ()),
        ("key", tuple(config.data.split_columns().values())),
        *(("key", columns) for columns in config.evaluate.slices),
    )
    for role, columns in groups:
        for column in columns:
            yield role, column


def date_formats(features: FeaturesConfig) -> dict[str, str]:
    """The declared format of each date column."""
    return {column: datetime.format for datetime in features.datetime for column in datetime.columns}


def uses(config: PipelineConfig, declared: Mapping[str, FeatureType]) -> dict[str, ColumnUse]:
    """What is said beforehand about each column that the configuration or the curated schema names.

    Args:
      config: the configuration.
      declared: the schema's types, see `schema_types`.
    """
    used, formats = roles(config), date_formats(config.features)
    split = config.data.split
    if isinstance(split, TimeSplit) and split.format is not None:
        formats.setdefault(split.column, split.format)
    return {
        name: ColumnUse(used.get(name, "unused"), declared.get(name), formats.get(name)) for name in (*used, *declared)
    }


def watch(config: PipelineConfig) -> Watch:
    """What a profile must look at more closely to check this configuration."""
    columns = Columns.of(config.features)
    regression = columns.task == "regression"
    numbers = [*([columns.label] if regression else []), *([columns.weight] if columns.weight is not None else [])]
    floors = {name: columns.floor(name) for name in numbers}
    return Watch(
        counted=frozenset() if regression else frozenset({columns.label}),
        ranged=frozenset(numbers),
        floors={name: floor for name, floor in floors.items() if floor is not None},
        readings=columns.readings,
    )
