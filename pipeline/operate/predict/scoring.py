"""From blocks of the input to files of predictions: read, convert, ask, write. No Beam: any process can call this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from components.artifacts.ingest import BadRowReport
from components.example_gen.block import BadRow, Block, FeatureType, Reader, Rows
from components.example_gen.columns.typed import typed
from components.example_gen.columns.use import ColumnUse
from components.example_gen.config import Format
from components.example_gen.encode import encoded, value_lists
from components.example_gen.ingest import SHOWN_BAD_ROWS, Unit, quarantined
from components.example_gen.progress import ReadingProgress
from pipeline.operate.predict.kept import Kept
from pipeline.operate.predict.served import Answers, loaded
from pipeline.operate.predict.source import check_columns, check_kept
from pipeline.operate.predict.target import OutputFormat
from pipeline.operate.predict.writers import Writer, writing
from pipeline.preflight.table_files import LOOSE

BATCH = 8192
"""Rows that the model is asked at a time."""

progress = ReadingProgress("Predict")
"""The progress of this process."""


@dataclass
class Scored:
    """What became of some units.

    Attributes:
      key: the first unit's.
      path: the file with the predictions.
      rows: how many there are.
      bad: how many rows have none.
      bad_path: the file with them, one JSON object a line; "" where there are none.
      first_bad: the first of them.
      later: columns that came up after the first rows, and are not kept.
    """

    key: tuple[int, int]
    path: str
    rows: int = 0
    bad: int = 0
    bad_path: str = ""
    first_bad: list[BadRowReport] = field(default_factory=list)
    later: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Scoring:
    """All that is needed to turn any unit of the input into predictions; can travel to a Beam worker.

    Attributes:
      reader: of the input's files.
      source: their format.
      read: the columns that are read; None for all.
      types: the columns that get ExampleGen's types.
      inputs: those of them that the model reads.
      uses: what the configuration says of columns.
      names: the columns of the first rows.
      kept: the columns that stand beside the predictions.
      answers: those of the predictions.
      version: the folder of the version.
      target: the format of the files.
      shown: how bad rows and errors call the file of a query; "" where each file has its own name.
    """

    reader: Reader
    source: Format
    read: tuple[str, ...] | None
    types: Mapping[str, FeatureType]
    inputs: tuple[str, ...]
    uses: Mapping[str, ColumnUse]
    names: tuple[str, ...]
    kept: Kept
    answers: Answers
    version: str
    target: OutputFormat
    shown: str = ""

    def schema(self) -> pa.Schema:
        """The columns of the output; a kept one that isn't made one type has that of text here."""
        kept = [(each.name, each.type or pa.string()) for each in self.kept.columns]
        return pa.schema([*kept, *self.answers.schema()])

    def run(self, units: Iterable[Unit], path: Path) -> Scored:
        """Writes the predictions of some units into one file, and their bad rows into one beside it.

        Raises:
          UserError: a file can't be read, or lacks a column; a kept column changes its type.
          OSError: a file can't be written.
        """
        scored = Scored((0, 0), str(path))
        bad_path = path.with_name(f"{path.name}.bad")
        # These formats have types of their own, whatever is asked for.
        read: dict[str, FeatureType] | None = None if self.read is None else dict.fromkeys(self.read, "string")
        with bad_path.open("wb") as bad, writing(path, self.target, self.schema()) as writer:
            for position, unit in enumerate(units):
                scored.key = scored.key if position else unit.key
                for _, block, size in unit.blocks:
                    for rows in self.reader.read(block, read):
                        self._add(rows, block, scored, writer, bad)
                        progress.add(rows.batch.num_rows, 0, unit.total)
                    progress.add(0, size, unit.total)
        scored.bad_path = str(bad_path) if scored.bad else ""
        return scored

    def _add(self, rows: Rows, block: Block, scored: Scored, writer: Writer, bad: BinaryIO) -> None:
        names = [name for name in rows.batch.schema.names if name]
        if self.source not in LOOSE:
            check_columns(block.file, names, self.inputs, loose=False)
            check_kept(block.file, names, [each.name for each in self.kept.columns])
        scored.later |= set(names).difference(self.names)
        converted, refused = in_types(rows, self.types, self.uses, block.file)
        refused = [replace(row, file=self.shown or row.file) for row in refused]
        bad.writelines(map(quarantined, refused))
        scored.bad += len(refused)
        for row in refused[: SHOWN_BAD_ROWS - len(scored.first_bad)]:
            scored.first_bad.append(BadRowReport(file=row.file, place=row.place, reason=row.explained))
        kept = self.kept.batch(rows, converted, self.shown or block.file)
        for start in range(0, converted.batch.num_rows, BATCH):
            part = converted.batch.select(list(self.inputs)).slice(start, BATCH)
            answers = self.answers.columns(loaded(self.version).ask(encoded(value_lists(part))))
            columns = {name: cells.slice(start, BATCH) for name, cells in kept.items()}
            writer.write(columns | dict(zip(self.answers.schema().names, answers, strict=True)))
            scored.rows += part.num_rows


def in_types(
    rows: Rows, types: Mapping[str, FeatureType], uses: Mapping[str, ColumnUse], file: str
) -> tuple[Rows, list[BadRow]]:
    """Rows in ExampleGen's types.

    Args:
      rows: as the reader gives them.
      types: the columns.
      uses: what the configuration says of them.
      file: where the rows stand.

    Returns:
      The good ones, whose places are positions in `rows`; and the bad ones, in order.
    """
    numbered = replace(rows, places=np.arange(rows.batch.num_rows), bad=())
    good = typed(numbered, types, uses, file)
    misfits = (replace(row, place=int(rows.places[row.place])) for row in good.bad)
    return good, sorted([*rows.bad, *misfits], key=lambda row: row.place)
