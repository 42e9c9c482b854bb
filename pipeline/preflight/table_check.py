"""Looks at the whole table before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.data_gate.columns import Columns
from components.example_gen.block import FeatureType
from components.example_gen.columns.use import RESERVED, Role, padded_numbers, resolve_types, schema_types, why_reserved
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight import folds
from pipeline.preflight import table_rules as rules
from pipeline.preflight.column_roles import roles, uses, watch
from pipeline.preflight.table_files import LOOSE, TableReader, is_remote, table_files, table_format, table_partitions
from pipeline.preflight.table_profile import TableProfile, profile_file
from pipeline.preflight.table_values import check_values
from preprocessing.errors import UserError


@dataclass(frozen=True)
class TableFacts:
    """What the preflight found.

    Attributes:
      types: the type that each column gets, without those that are left out.
      left_out: these, and why.
      leading_zeros: the columns of numbers that are written with leading zeros.
      warnings: what the user should know and what does not stop a run.
    """

    types: Mapping[str, FeatureType]
    left_out: Mapping[str, str]
    leading_zeros: tuple[str, ...]
    warnings: tuple[str, ...]


def check_table(config: PipelineConfig, base: Path) -> TableFacts | None:
    """Reads every file once, streaming, and checks it against the configuration.

    Args:
      config: the configuration.
      base: the folder that its relative paths start from.

    Returns:
      What was found; None for tables that are elsewhere (a database, a URL), which only the run itself reads.

    Raises:
      UserError: what is wrong, with file, column, row where known, and the next step.
    """
    if is_remote(config.data):
        return None
    return check_profile(config, base, read_table(config, base))


def check_profile(config: PipelineConfig, base: Path, table: TableProfile) -> TableFacts:
    """Does what `check_table` does, of a table that was read already.

    Args:
      config: the configuration.
      base: the folder that its relative paths start from.
      table: what `read_table` found for this configuration, or for one with more features.

    Raises:
      UserError: as `check_table`.
    """
    used = roles(config)
    schema = None if config.data.schema_file is None else base / Path(config.data.schema_file).expanduser()
    declared = schema_types(schema)
    label = config.features.label
    suspect = _check(table, config, used, declared)
    facts = {name: table.column(name) for name in table.names}
    types, left_out = resolve_types(facts, uses(config, declared), table.partial())
    unlabelled = sum(table.column(label.column, split).missing for split in table.splits)
    stock = config.data.reader == "tfx"
    if stock and RESERVED in left_out:
        raise UserError(
            f"column {RESERVED!r}: {why_reserved()}; reader: tfx leaves no column out",
            hint="rename the column in the table, or set data.reader: arrow",
        )
    if stock and unlabelled:
        raise UserError(
            f"{unlabelled} rows have no label ({label.column!r}); reader: tfx keeps such rows",
            hint="fill or remove them, or set data.reader: arrow",
        )
    return TableFacts(
        types=types,
        left_out=left_out,
        leading_zeros=padded_numbers(facts, types),
        warnings=(
            *rules.empty_files(table),
            *rules.nameless((profile.file, profile.names) for profile in table.files),
            *suspect,
            *rules.rare_classes(table, label),
            *folds.rare_in_folds(table, config),
            *([f"{unlabelled} rows have no label ({label.column!r}) and are left out"] if unlabelled else []),
            *(f"column {name!r} is left out: {why}" for name, why in left_out.items() if not stock),
        ),
    )


def _check(
    table: TableProfile, config: PipelineConfig, used: Mapping[str, Role], declared: Mapping[str, FeatureType]
) -> tuple[str, ...]:
    """Holds the table against the rules; gives what is worth a warning."""
    features = config.features
    rules.check_rows(table, features.label.column)
    stated = {name: used.get(name, "unused") for name in table.names if name in used or name in declared}
    rules.check_kinds(table, stated, declared)
    rules.check_split_columns(table, config.data.split_columns().values())
    folds.check_folds(table, config)
    return tuple(check_values(table, Columns.of(features), config.data_gate))


def read_table(config: PipelineConfig, base: Path) -> TableProfile:
    """Reads every file of a table on this machine once, streaming.

    Args:
      config: the configuration.
      base: the folder that its relative paths start from.

    Raises:
      UserError: a file can't be read, or lacks a column that the configuration names.
    """
    used = roles(config)
    files = table_files(config.data, base)
    fmt = table_format([file for paths in files.values() for file in paths], config.data)
    reader = TableReader(fmt, config.data, table_partitions(config.data, base))
    first: tuple[Path, list[str]] | None = None
    for paths in files.values() if reader.format not in LOOSE else ():
        for file in paths:
            names = reader.columns(file)
            if first is None:
                first = file, names
                rules.check_names(used, names, str(file))
            else:
                # TFX's own readers take the columns of one file for those of all.
                alike = {*first[1], *names} if config.data.reader == "tfx" else used
                rules.check_same_columns(first, (file, names), alike)
    looked_at = watch(config)
    table = TableProfile(
        reader,
        {split: tuple(profile_file(file, reader, looked_at) for file in paths) for split, paths in files.items()},
    )
    rules.check_names(used, list(table.names), str(table.files[0].file))
    return table
