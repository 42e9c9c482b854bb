"""The rows that are asked about: their files, and the reader that gives them as training saw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.example_gen.block import FeatureType, Reader, Rows
from components.example_gen.columns.use import schema_types
from components.example_gen.config import ColumnOptions, CsvOptions, DataConfig, Format
from components.example_gen.formats import registry
from components.example_gen.listing import NOTHING_THERE, list_files
from components.example_gen.partitions import Partition, partitions
from components.example_gen.sources import source_format
from pipeline.config.loader import LoadedConfig
from pipeline.preflight.table_files import LOOSE
from pipeline.scaffold.sniff import sniff
from preprocessing.errors import UserError
from preprocessing.nearest import nearest
from preprocessing.text import listed

_MOST_HEADERS = 1000
"""Files whose columns are looked at before anything is asked; the others are looked at when they are read."""
_PEEK_MB = 1
"""Blocks of this size are enough for the first rows."""


@dataclass(frozen=True)
class Source:
    """The files, before anything is read of them.

    Attributes:
      place: the file, folder or glob that was given.
      files: in the order of their rows.
      format: of all of them.
      partitions: the columns in their folders' names.
    """

    place: str
    files: tuple[str, ...]
    format: Format
    partitions: tuple[Partition, ...] = ()


def find_source(place: str, data: DataConfig) -> Source:
    """The files behind `--input`.

    Args:
      place: a file, folder or glob, here or behind a URL.
      data: the configuration; its format counts where the names tell none, or where the training table's name is as
        wrong about it as these are.

    Raises:
      UserError: nothing is there, or the names don't tell one format.
    """
    try:
        files = list_files(place, data.format)
        fmt = registry.format_of(files, _configured(files, data))
        return Source(place, tuple(files), fmt, partitions([(place, files)]))
    except UserError as error:
        hint = "check the path; a relative one starts where you are" if error.hint == NOTHING_THERE else error.hint
        raise UserError(f"--input: {error.message}", field=error.field, hint=hint) from error


def _configured(files: Sequence[str], data: DataConfig) -> Format | None:
    """The configured format, unless the names tell another one than the names of the training table do."""
    told = registry.named_format(files[0])
    trained = {registry.named_format(each) for each in data.sources().values()}
    return data.format if told is None or told in trained else None


def reading(source: Source, loaded: LoadedConfig, inputs: Mapping[str, FeatureType]) -> DataConfig:
    """How the files are read: as the training table was, where they have its format.

    In another format the words that mean missing stay those of the training, by column, because the model was made
    with them; numbers also take those of the format itself. CSV beside a training table of another format is looked at
    to see how it is written, as `init` does.

    Args:
      source: the files.
      loaded: the configuration.
      inputs: the columns that the model reads.
    """
    data = loaded.config.data
    try:
        trained = source_format(data, str(loaded.base))
    except UserError:
        trained = source.format  # the table of the training is not here; its format is as good a guess as any
    if trained == source.format:
        return data
    local = "://" not in source.files[0]
    csv = sniff(Path(source.files[0])) if source.format == "csv" and data.csv == CsvOptions() and local else data.csv
    words, own = data.missing(trained), data.missing(source.format)
    columns = dict(data.columns)
    for name, kind in inputs.items():
        options = columns.get(name, ColumnOptions())
        also = () if kind == "string" else own.of(name)
        columns[name] = options.model_copy(update={"null_values": tuple(dict.fromkeys((*words.of(name), *also)))})
    return data.model_copy(update={"csv": csv, "columns": columns})


def reader(source: Source, data: DataConfig) -> Reader:
    """The reader of the files, as `reading` says."""
    return registry.reader(source.format, data, source.partitions)


def names_of(
    source: Source, data: DataConfig, inputs: Mapping[str, FeatureType], headerless: Sequence[str]
) -> list[str]:
    """The columns of the first file, once it is sure that no file lacks one that the model reads.

    Args:
      source: the files.
      data: how they are read.
      inputs: the columns that the model reads.
      headerless: the columns that the training table is known to have, where columns are told by their position alone.

    Raises:
      UserError: a file lacks a column, or can't be read.
    """
    small = reader(source, data.model_copy(update={"block_mb": _PEEK_MB}))
    first: list[str] = []
    for file in source.files[:_MOST_HEADERS]:
        names = [name for name in small.columns(file) if name]
        check_columns(file, names, inputs, loose=source.format in LOOSE)
        lacking = [name for name in headerless if name not in names]
        if lacking and source.format == "csv":
            raise UserError(
                f"{file}: has {len(names)} columns and no header; the training table has {lacking[-1]!r} too, and "
                "columns are told by their position alone",
                hint="write every column of the training table, the label's too; its cells may be empty",
            )
        first = first or names
    return first


def check_columns(file: str, names: Sequence[str], inputs: Iterable[str], *, loose: bool) -> None:
    """Refuses a file that lacks a column that the model reads.

    Args:
      file: the file.
      names: its columns.
      inputs: the columns that the model reads.
      loose: whether each row may have other columns, so that these are those of the first rows.

    Raises:
      UserError: it lacks one.
    """
    lacking = [name for name in inputs if name not in names]
    if not lacking:
        return
    close = nearest(lacking[0], set(names).difference(inputs))
    meant = f"; did you mean {close!r}?" if close else ""
    where = "the first rows have no" if loose else "no"
    hint = "add the column, or rename it; where a value is not known, leave its cell empty"
    raise UserError(
        f"{PurePosixPath(file)}: {where} {listed(lacking, 5, repr)}, which the model reads; its columns are "
        f"{listed(names, 30, repr)}{meant}",
        hint="write the key in the first row at least; null where a value is not known" if loose else hint,
    )


def check_kept(file: str, names: Sequence[str], kept: Sequence[str]) -> None:
    """Refuses a file that lacks a column that is to stand beside the predictions.

    Raises:
      UserError: it lacks one.
    """
    lacking = [name for name in kept if name not in names]
    if lacking:
        raise UserError(
            f"{file}: no column {lacking[0]!r}, which the first file has",
            hint="give all files the same columns, or name those to keep with --keep",
        )


def known_columns(loaded: LoadedConfig) -> dict[str, FeatureType]:
    """The columns of the training table and their types, as far as a curated schema tells."""
    schema = loaded.config.data.schema_file
    return schema_types(None if schema is None else loaded.resolve(schema))


def first_rows(source: Source, data: DataConfig) -> Rows | None:
    """The first rows that can be read; None where there are none.

    Raises:
      UserError: a file can't be read.
    """
    small = reader(source, data.model_copy(update={"block_mb": _PEEK_MB}))
    rows = (rows for file in source.files for block in small.plan(file) for rows in small.read(block))
    return next((each for each in rows if each.batch.num_rows), None)
