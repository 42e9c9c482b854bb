"""For `data.reader: tfx`: a converted copy of the table, made only where the stock readers would misread it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.columns.convert import arrow_type
from components.example_gen.columns.typed import typed
from components.example_gen.columns.use import ColumnUse
from components.example_gen.config import Format
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight.column_roles import date_formats
from pipeline.preflight.table_check import TableFacts
from pipeline.preflight.table_files import TableReader
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUT = 1
"""Part of the copy's name: a change of what is written makes a new copy."""
_OURS = re.compile(r"[0-9a-f]{16}|\.[0-9a-f]{16}\.\d+\.tmp")
"""The names of copies, and of those that are being written."""

_log = logging.getLogger("lockgate")


@dataclass(frozen=True)
class StagedData:
    """What ExampleGen reads.

    Attributes:
      sources: a file or glob for each split, or for "all".
      format: of those files.
      reasons: why a copy was made; empty when these are the user's own files.
      warnings: rows and columns that the copy lacks.
    """

    sources: Mapping[str, str]
    format: Format
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


def stage(config: PipelineConfig, facts: TableFacts, root: Path) -> StagedData:
    """The user's own files where TFX reads them as meant, else a converted copy of them below `root`.

    The copy has int64, double and string columns, every value as a list of one (see `single_value_lists`); no rows
    without a label; and no columns without a name or of a type that a feature can't have. An earlier copy of the
    same files for the same types is used again; every other copy, whole or half written, is removed, so the caller
    must hold the root alone.

    Args:
      config: the configuration.
      facts: what `check_table` found.
      root: the folder that holds everything that the pipeline writes.

    Raises:
      UserError: a split is empty once rows without a label are left out; the copy can't be written.
    """
    folder = root / "staged" / _digest(config, facts)
    _remove_stale(folder.parent, current=folder.name if facts.reasons else None)
    if not facts.reasons:
        sources = {split: str(pattern) for split, pattern in facts.patterns.items()}
        return StagedData(sources, facts.format, (), ())
    for split, rows in facts.rows.items():
        if rows == facts.missing_labels[split]:
            raise UserError(f"no row of {split!r} has a label ({config.features.label.column!r})", hint="fill it")
    if not folder.is_dir():
        try:
            _write(config, facts, folder)
        except OSError as error:
            raise UserError(
                f"{folder}: the converted copy of the table can't be written: {error.strerror or error}",
                hint="free some space, or set root to a folder that you may write to",
            ) from error
    warnings = tuple(f"column {name!r} is left out: {why}" for name, why in facts.left_out.items())
    return StagedData({split: str(_part(folder, split)) for split in facts.files}, "parquet", facts.reasons, warnings)


def _remove_stale(folder: Path, current: str | None) -> None:
    """Removes every copy but the current one. Nothing that has another name or is a symbolic link is touched."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.name == current or not _OURS.fullmatch(entry.name) or entry.is_symlink() or not entry.is_dir():
            continue
        try:
            shutil.rmtree(entry)
        except OSError as error:
            _log.warning("%s: an old copy of the table can't be removed: %s", entry, error.strerror or error)


def _digest(config: PipelineConfig, facts: TableFacts) -> str:
    files = {
        split: [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in paths]
        for split, paths in facts.files.items()
    }
    content = {
        "layout": LAYOUT,
        "files": files,
        "format": facts.format,
        "csv": config.data.csv.model_dump(mode="json"),
        "types": list(facts.types.items()),
        "dates": date_formats(config.features),
        "label": config.features.label.column,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _part(folder: Path, split: str) -> Path:
    return folder / split / "part-00000.parquet"


def _write(config: PipelineConfig, facts: TableFacts, folder: Path) -> None:
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        for split, files in facts.files.items():
            part = _part(temporary, split)
            part.parent.mkdir(parents=True)
            _write_split(config, facts, files, part)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_split(config: PipelineConfig, facts: TableFacts, files: Sequence[Path], part: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.list_(arrow_type(kind))) for name, kind in facts.types.items()])
    with pq.ParquetWriter(part, schema) as writer:
        for columns in _converted(config, facts, files):
            writer.write_batch(pa.record_batch([single_value_lists(column) for column in columns], schema=schema))
    # ExampleGen's cache key has the file's time: a copy that is made again must look like the one before.
    newest = max(file.stat().st_mtime_ns for file in files)
    os.utime(part, ns=(newest, newest))


def _converted(config: PipelineConfig, facts: TableFacts, files: Sequence[Path]) -> Iterator[list[pa.Array]]:
    """The columns of each batch in their staged types, without the rows that have no label."""
    import pyarrow.compute as pc

    reader = TableReader(facts.format, config.data)
    uses = {name: ColumnUse(date_format=date_format) for name, date_format in date_formats(config.features).items()}
    label = list(facts.types).index(config.features.label.column)
    for file in files:
        for rows in reader.rows(file, facts.types):
            converted = typed(rows, facts.types, uses, reader.null_words, str(file))
            if converted.bad:
                raise reader.refused(converted.bad[0])
            columns = converted.batch.columns
            if columns[label].null_count:
                labelled = pc.is_valid(columns[label])
                columns = [column.filter(labelled) for column in columns]
            if len(columns[label]):
                yield columns


def single_value_lists(array: pa.Array) -> pa.ListArray:
    """Every value as a list of one; null stays null.

    The stock Parquet reader takes a bare 0 for missing (`if not pyval` in `dict_to_example`,
    tfx/components/example_gen/utils.py), but not a list that holds 0.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    absent = pc.is_null(array)
    ends = pc.cumulative_sum(pc.invert(absent).cast(pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, array.drop_null(), mask=absent)
