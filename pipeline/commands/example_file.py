"""The first rows of a file as serialized tf.Examples, whatever its format; for models of any project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from components.artifacts.splits import split_folder
from components.example_gen.block import FeatureType, Rows
from components.example_gen.config import CsvOptions, DataConfig, Format
from components.example_gen.formats.registry import FORMATS, named_format
from pipeline.config.problems import shown
from pipeline.preflight.table_files import TableReader
from preprocessing.errors import UserError
from preprocessing.text import listed

if TYPE_CHECKING:
    from components.example_gen.columns.facts import ColumnFacts

_TFX_NAME = re.compile(r"tfrecord", re.IGNORECASE)
"""In the names that TFX gives, `data_tfrecord-00000-of-00001.gz`, it is not an ending."""


def example_files(source: Path) -> tuple[list[Path], Format]:
    """The files of `--examples` and their format.

    Args:
      source: a file, or a folder of TFRecord files, for example a split of a TFX Examples artifact.

    Raises:
      UserError: there is no such file, or its name tells no format.
    """
    if source.is_dir():
        files = [each for each in sorted(source.iterdir()) if each.is_file() and _format(each) == "tfrecord"]
        if not files:
            splits = [shown(each) for each in sorted(source.glob(split_folder("*")))]
            hint = f"give one split: {listed(splits)}" if splits else "give a file, or a folder of TFRecord files"
            raise UserError(f"--examples: {shown(source)}: the folder holds no TFRecord file", hint=hint)
        return files, "tfrecord"
    if not source.is_file():
        raise UserError(f"--examples: {shown(source)}: no such file", hint="give a file of examples")
    found = _format(source)
    if found is None:
        raise UserError(
            f"--examples: {shown(source)}: the name does not say what this is",
            hint=f"name the file by what it holds: {', '.join(FORMATS)}; .gz may follow for text and TFRecord",
        )
    return [source], found


def _format(file: Path) -> Format | None:
    packed = file.suffix.lower() == ".gz"
    unnamed: Format | None = "tfrecord" if _TFX_NAME.search(file.name) or packed else None
    return named_format(file.name) or unnamed


def first_examples(files: list[Path], fmt: Format, declared: Mapping[str, FeatureType], most: int) -> list[bytes]:
    """The first rows as serialized tf.Examples.

    Args:
      files: of one format.
      fmt: the format.
      declared: the types that columns must have; others get the type that their values suggest. TFRecord has its own.
      most: so many rows at most.

    Raises:
      UserError: a file can't be read, or a value does not fit its column's type; with the row's place.
    """
    if fmt == "tfrecord":
        return list(islice(_records(files), most))
    from components.example_gen.columns.typed import typed
    from components.example_gen.columns.use import ColumnUse, resolve_types
    from components.example_gen.encode import encoded, value_lists

    [file] = files
    reader = _reader(file, fmt)
    parts = list(_first_rows(reader, file, most))
    facts = _facts(parts)
    # What the signature takes is used, so that a value of another type is an error and not a column that is left out.
    uses = {name: ColumnUse("own", declared=kind) for name, kind in declared.items() if name in facts}
    types, _ = resolve_types(facts, uses)
    records: list[bytes] = []
    for part in parts:
        rows = typed(part, types, uses, str(file))
        _refuse_bad(reader, rows)
        records += encoded(value_lists(rows.batch))
    return records


def _reader(file: Path, fmt: Format) -> TableReader:
    csv = CsvOptions()
    if fmt == "csv":
        from pipeline.scaffold.sniff import sniff

        csv = sniff(file)
    # A bad row is told of here, in words that fit; the path is not read from.
    return TableReader(fmt, DataConfig(path=file.name or ".", csv=csv, on_bad_row="skip"))


def _first_rows(reader: TableReader, file: Path, most: int) -> Iterator[Rows]:
    missing = most
    for part in reader.rows(file):
        _refuse_bad(reader, part)
        batch, written = part.batch.slice(0, missing), part.as_written.slice(0, missing)
        yield replace(part, batch=batch, places=part.places[:missing], written=written)
        missing -= part.batch.num_rows
        if missing <= 0:
            return


def _facts(parts: list[Rows]) -> dict[str, ColumnFacts]:
    from components.example_gen.columns.facts import ColumnFacts

    facts: dict[str, ColumnFacts] = {}
    for part in parts:
        for name, column in zip(part.batch.schema.names, part.batch.columns, strict=True):
            facts.setdefault(name, ColumnFacts()).add(column, untyped=part.untyped)
    return facts


def _refuse_bad(reader: TableReader, rows: Rows) -> None:
    if rows.bad:
        row = min(rows.bad, key=lambda each: each.place)
        raise UserError(
            f"--examples: {reader.place(row.file, row.place)}: {row.reason}",
            hint="correct the row, or the schema; without one a column has the type that the model's signatures take",
        )


def _records(files: list[Path]) -> Iterator[bytes]:
    import tensorflow as tf

    from components.smoke_test.bench.split import read_examples

    for file in files:
        try:
            yield from read_examples([str(file)])
        except tf.errors.OpError as error:
            raise UserError(
                f"--examples: {shown(file)} can't be read as TFRecord: {error.message}",
                hint="write or copy the file again; a compressed one must end in .gz",
            ) from error
