"""Looks at the whole table before anything is spent, and says what the stock TFX readers would misread."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from components.example_gen.block import FeatureType
from components.example_gen.columns.cells import CellType
from components.example_gen.columns.use import Role, resolve_types, schema_types
from components.example_gen.config import Format
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight import table_rules as rules
from pipeline.preflight.column_roles import STOCK, read_as_is, roles, uses, watch
from pipeline.preflight.table_files import LOOSE, TableReader, is_remote, table_files, table_format
from pipeline.preflight.table_profile import FileProfile, Table, profile_file
from pipeline.preflight.table_text import text_encoding


@dataclass(frozen=True)
class TableFacts:
    """What the preflight found.

    Attributes:
      format: of the user's files.
      files: the user's files by split; one split "all" where the pipeline splits by hash.
      patterns: for each split the file or glob that gives the stock reader these files and no others, or None;
        empty where the stock readers are not to read them.
      rows: data rows by split.
      class_counts: rows by class and split; empty for regression.
      missing_labels: rows without a label, by split.
      types: the type that each column gets, without those that are left out.
      left_out: columns that the examples (or a converted copy) do not have, and why.
      reasons: why the stock TFX readers would misread the table; empty when they would not, or are not to read it.
      warnings: what the user should know and what does not stop a run.
    """

    format: Format
    files: Mapping[str, tuple[Path, ...]]
    patterns: Mapping[str, str | None]
    rows: Mapping[str, int]
    class_counts: Mapping[str, Mapping[str, int]]
    missing_labels: Mapping[str, int]
    types: Mapping[str, FeatureType]
    left_out: Mapping[str, str]
    reasons: tuple[str, ...]
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
    used = roles(config)
    schema = None if config.data.schema_file is None else base / Path(config.data.schema_file).expanduser()
    declared = schema_types(schema)
    table = _read(config, base, used)
    label = config.features.label
    unreadable = _check(table, config, used, declared)
    dropped = {} if config.data.reader == "arrow" else _beyond_tfx(table, used)
    facts = {name: table.column(name) for name in table.names if name not in dropped}
    types, left_out = resolve_types(facts, uses(config, declared))
    left_out |= dropped
    missing_labels = {split: table.column(label.column, split).missing for split in table.splits}
    files = {split: tuple(profile.file for profile in profiles) for split, profiles in table.splits.items()}
    stock = config.data.reader == "tfx"
    patterns = {split: stock_pattern(list(paths)) for split, paths in files.items()} if stock else {}
    return TableFacts(
        format=table.reader.format,
        files=files,
        patterns=patterns,
        rows={split: table.rows(split) for split in table.splits},
        class_counts={split: dict(table.column(label.column, split).counts) for split in table.splits},
        missing_labels=missing_labels,
        types=types,
        left_out=left_out,
        reasons=tuple(_reasons(table, config, types, left_out, used, declared, patterns)) if stock else (),
        warnings=(
            *rules.empty_files(table),
            *unreadable,
            *rules.rare_classes(table, label),
            *_label_warning(label.column, missing_labels),
            # Of a converted copy `stage` says it.
            *(f"column {name!r} is left out: {why}" for name, why in left_out.items() if not stock),
        ),
    )


def _check(
    table: Table, config: PipelineConfig, used: Mapping[str, Role], declared: Mapping[str, FeatureType]
) -> tuple[str, ...]:
    """Holds the table against the rules; gives what is worth a warning."""
    features = config.features
    rules.check_rows(table, features.label.column)
    stated = {name: used.get(name, "unused") for name in table.names if name in used or name in declared}
    rules.check_kinds(table, stated, declared)
    rules.check_label(table, features.label)
    if features.weight is not None:
        rules.check_weight(table, features.weight)
    rules.check_split_columns(table, config.data.split_columns().values())
    return tuple(rules.check_patterns(table, used))


def stock_pattern(files: list[Path]) -> str | None:
    """A path or glob that matches these files and no others, or None where there is none."""
    if len(files) == 1:
        return None if any(character in str(files[0]) for character in "*?[{") else str(files[0])
    folder = files[0].parent
    suffix = "".join(files[0].suffixes[-1:])
    pattern = f"*{suffix}"
    try:
        matched = {file for file in folder.iterdir() if fnmatch.fnmatchcase(file.name, pattern)}
    except OSError:
        return None
    if matched != set(files) or any(character in str(folder) for character in "*?[{"):
        return None
    return str(folder / pattern)


def _read(config: PipelineConfig, base: Path, used: Mapping[str, Role]) -> Table:
    files = table_files(config.data, base)
    reader = TableReader(table_format([file for paths in files.values() for file in paths], config.data), config.data)
    first: tuple[Path, list[str]] | None = None
    for paths in files.values() if reader.format not in LOOSE else ():
        for file in paths:
            names = reader.columns(file)
            if first is None:
                first = file, names
                rules.check_names(used, names, str(file))
            else:
                rules.check_same_columns(first, (file, names))
    looked_at = watch(config)
    table = Table(
        reader,
        {split: tuple(profile_file(file, reader, looked_at) for file in paths) for split, paths in files.items()},
    )
    rules.check_names(used, list(table.names), str(table.files[0].file))
    return table


def _beyond_tfx(table: Table, used: Mapping[str, Role]) -> dict[str, str]:
    """Columns that a converted copy can't have although our own reader could read them."""
    return {
        name: f"its type is {kind}"
        for name in table.names
        if name not in used and (kind := table.unsupported(name)) is not None
    }


def _label_warning(name: str, missing: Mapping[str, int]) -> Iterator[str]:
    if any(missing.values()):
        yield f"{sum(missing.values())} rows have no label ({name!r}) and are left out"


def _reasons(
    table: Table,
    config: PipelineConfig,
    types: Mapping[str, FeatureType],
    left_out: Mapping[str, str],
    used: Mapping[str, Role],
    declared: Mapping[str, FeatureType],
    patterns: Mapping[str, str | None],
) -> Iterator[str]:
    if table.reader.format == "csv":
        yield from _text_reasons(table)
    for split, pattern in patterns.items():
        if pattern is None:
            yield f"no single pattern matches the files of {split!r} alone"
    for name, why in left_out.items():
        yield f"column {name!r} is left out: {why}"
    alike: dict[str, list[str]] = {}
    for name, kind in types.items():
        flexible = used.get(name) in ("number", "weight", "target") and name not in declared
        accepted = {CellType.INT, CellType.FLOAT} if flexible else {STOCK[kind]}
        for why in _column_reasons(table, name, accepted, name in used or name in declared):
            alike.setdefault(why, []).append(name)
    for why, names in alike.items():
        shown = ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield f"column{'s' if len(names) > 1 else ''} {shown}: {why}"
    if any(table.column(config.features.label.column, split).missing for split in table.splits):
        yield f"rows without a label ({config.features.label.column!r}) are left out"


def _text_reasons(table: Table) -> Iterator[str]:
    if table.reader.data.csv.delimiter != ",":
        yield f"the delimiter is {table.reader.data.csv.delimiter!r}; TFX reads commas only"
    if text_encoding(table.reader.data.csv) not in ("utf-8-sig", "ascii"):
        yield f"the encoding is {table.reader.data.csv.encoding}; TFX reads UTF-8 only"
    for profiles in table.splits.values():
        for profile in profiles:
            yield from _file_reasons(profile, profiles[0], table.reader.data.csv.delimiter)


def _file_reasons(profile: FileProfile, first: FileProfile, delimiter: str) -> Iterator[str]:
    text = profile.text
    if text is None:
        return
    if profile.file.suffix == ".gz":
        yield f"{profile.file.name}: compressed"
    if text.byte_order_mark:
        yield f"{profile.file.name}: a byte order mark, which TFX takes for part of the first column's name"
    elif text.first_line.strip().split(delimiter) != list(profile.names) or "" in profile.names:
        yield f"{profile.file.name}: a header that TFX misreads (it splits the first line at every comma)"
    if profile.names != first.names:
        yield f"{profile.file.name}: the columns stand in another order than in {first.file.name}"
    if profile.irregular:
        yield f"{profile.file.name}: quotation marks or line ends that TFX misreads"


def _column_reasons(table: Table, name: str, accepted: set[CellType], matters: bool) -> Iterator[str]:
    column = table.column(name)
    stock = {table.column(name, split).cells.stock for split in table.splits} - {CellType.EMPTY}
    if table.reader.format == "parquet":
        if not read_as_is(column):
            yield f"of type {', '.join(map(str, column.types))}, which TFX does not read"
            return
        if len(column.types) > 1:
            yield f"of several types, {', '.join(map(str, column.types))}"
            return
        if matters and column.zeros:
            yield "0, which TFX's Parquet reader takes for missing"
    if matters and column.null_words:
        yield "words that mean missing, which TFX would read as values"
    elif len(stock) > 1:
        yield "TFX would read another type in each split"
    elif matters and not stock <= accepted:
        read, wanted = (next(iter(kinds)).name.lower() for kinds in (stock, accepted))
        yield f"TFX would read {read}, it is to be {wanted}"
