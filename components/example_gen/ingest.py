"""Blocks become shards: read, convert, divide into splits, encode, write. No Beam: any process can call this."""

from __future__ import annotations

import functools
import itertools
import json
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, Self

import numpy as np
import pyarrow as pa

from components.artifacts.ingest import BadRowReport, Collapse, FileReport
from components.artifacts.splits import SPLITS
from components.example_gen import shards
from components.example_gen.block import BadRow, Block, FeatureType, Reader, Rows
from components.example_gen.columns.float32 import Float32Sample
from components.example_gen.columns.typed import typed
from components.example_gen.config import Format
from components.example_gen.encode import encoded, value_lists
from components.example_gen.formats import registry
from components.example_gen.job import IngestJob
from components.example_gen.partitions import Partition
from components.example_gen.progress import progress
from components.example_gen.splits import Assigner
from components.tfrecord import framed, gzipped
from preprocessing.errors import UserError
from preprocessing.row_hash import row_hash

SHOWN_BAD_ROWS = 20
"""So many bad rows are described one by one; all of them are counted, and in quarantine all of them are kept."""
_PIECE_ROWS = 16_384
"""Encoded and compressed at once."""
_THREADS = 2
_PIECES_AHEAD = 2 * _THREADS
"""Pieces in work or waiting to be written: with a block, all that is in memory."""
_QUERY = "data.sql.query"


@dataclass(frozen=True)
class Source:
    """A file that is read.

    Attributes:
      input: the split that it belongs to, or "all".
      file: its path or URL.
      size: in bytes; 0 where it is not known.
    """

    input: str
    file: str
    size: int


@dataclass(frozen=True)
class Unit:
    """What one worker turns into one shard of each split: a block of a large file, or some small files.

    Attributes:
      key: where it stands in the order of all units.
      blocks: the input, the block and its bytes in the source, for each part.
      total: the bytes of all sources.
    """

    key: tuple[int, int]
    blocks: tuple[tuple[str, Block, float], ...]
    total: float


@dataclass
class UnitResult:
    """What has become of a unit.

    Attributes:
      key: the unit's.
      shards: by split, the temporary file and its examples.
      files: what was found in each file.
      bad: the first bad rows.
      quarantine: the temporary file with all of them, if there are any.
      collapsed: the columns of numbers that lose different values as float32.
    """

    key: tuple[int, int]
    shards: dict[str, tuple[str, int]] = field(default_factory=dict)
    files: list[FileReport] = field(default_factory=list)
    bad: list[BadRowReport] = field(default_factory=list)
    quarantine: str | None = None
    collapsed: dict[str, Collapse] = field(default_factory=dict)


def groups(sources: Sequence[Source], block_bytes: int) -> list[list[Source]]:
    """Consecutive small files of one input together, up to the size of a block; every large file alone."""
    found: list[list[Source]] = []
    room = 0
    for source in sources:
        if not found or source.size > room or found[-1][0].input != source.input:
            found.append([])
            room = block_bytes
        found[-1].append(source)
        room -= source.size
    return found


def units(reader: Reader, position: int, group: Sequence[Source], total: float) -> Iterator[Unit]:
    """The units of one group, as `groups` gave it."""
    if len(group) == 1:
        blocks = list(reader.plan(group[0].file))
        for number, block in enumerate(blocks):
            yield Unit((position, number), ((group[0].input, block, _bytes(group[0], blocks, block)),), total)
        return
    parts = []
    for source in group:
        blocks = list(reader.plan(source.file))
        parts += [(source.input, block, _bytes(source, blocks, block)) for block in blocks]
    yield Unit((position, 0), tuple(parts), total)


def _bytes(source: Source, blocks: Sequence[Block], block: Block) -> float:
    end = blocks[-1].end
    return source.size * (block.end - block.start) / end if end > 0 else source.size


@dataclass(frozen=True)
class Reading:
    """How the sources are read.

    Attributes:
      job: what the component was told.
      reader: of the sources' format.
      loose: whether rows may each have other columns.
    """

    job: IngestJob
    reader: Reader
    loose: bool = False

    @classmethod
    def of(cls, job: IngestJob, files: Sequence[str], partitions: tuple[Partition, ...] = ()) -> Self:
        """How these files are read.

        Args:
          job: what the component was told.
          files: the sources.
          partitions: the columns that stand in the names of their folders.

        Raises:
          UserError: their names don't tell one format, and none is configured.
        """
        fmt = registry.format_of(files, job.data.format)
        return cls(job, registry.reader(fmt, job.data, partitions), fmt in registry.LOOSE)


@dataclass(frozen=True)
class Labelled(Rows):
    """Rows in their final types; those that lack a required column are counted and gone.

    Attributes:
      unlabeled: how many lack one.
      source: the rows as the reader gave them.
    """

    unlabeled: int = 0
    source: pa.RecordBatch | None = None


@dataclass(frozen=True)
class Ingestion:
    """All that is needed to turn any unit into shards.

    Attributes:
      table: how the sources are read.
      types: the type of every feature.
      assigner: which row belongs to which split; None where the inputs are the splits.
      folder: where temporary files go.
    """

    table: Reading
    types: Mapping[str, FeatureType]
    assigner: Assigner | None
    folder: str

    def run(self, unit: Unit) -> UnitResult:
        """Turns one unit into shards.

        Raises:
          UserError: a file can't be read; a row is bad and `on_bad_row` is fail.
        """
        writer, sample = _UnitWriter(self, unit), Float32Sample(self.types)
        for name, block, size in unit.blocks:
            for rows in self.examples(block):
                writer.add(name, self.shown(block.file), rows)
                if rows.source is not None:
                    sample.add(rows.source)
                progress.add(rows.batch.num_rows, 0, unit.total)
            progress.add(0, size, unit.total)
        result = writer.close()
        result.collapsed = sample.collapsed()
        return result

    def examples(self, block: Block) -> Iterator[Labelled]:
        """The rows of one block that can become examples."""
        job = self.table.job
        for rows in self.table.reader.read(block, self.types):
            converted = typed(rows, self.types, job.uses, self.shown(block.file))
            batch, places = converted.batch, converted.places
            for column in job.required:
                present = batch.column(column).is_valid()
                batch, places = batch.filter(present), places[present.to_numpy(zero_copy_only=False)]
            unlabeled = converted.batch.num_rows - batch.num_rows
            yield Labelled(batch, places, converted.bad, unlabeled=unlabeled, source=rows.batch)

    def shown(self, file: str) -> str:
        """How reports call a file. That of a query is a temporary one, which nobody can look into afterwards."""
        return file if self.table.job.data.sql is None else _QUERY


class _UnitWriter:
    """The shards of one unit, and what is to be said about it."""

    def __init__(self, ingestion: Ingestion, unit: Unit) -> None:
        self._ingestion = ingestion
        # A unit that is tried again must not meet its first try's files.
        self._name = f"{ingestion.folder}/{unit.key[0]:05d}-{unit.key[1]:05d}-{uuid.uuid4().hex[:8]}"
        self._shards: dict[str, tuple[BinaryIO, BinaryIO]] = {}
        self._waiting: deque[tuple[str, Future[tuple[bytes, bytes]]]] = deque()
        self._files: dict[str, FileReport] = {}
        self._bad: list[BadRow] = []
        self._result = UnitResult(unit.key)

    def add(self, name: str, file: str, rows: Labelled) -> None:
        """Writes the rows of one input's file."""
        batch = rows.batch
        bad = list(rows.bad)
        hashes = row_hash(batch)
        if self._ingestion.assigner is None:
            splits = np.full(batch.num_rows, SPLITS.index(name), np.int8)
        else:
            splits, refused = self._ingestion.assigner.assign(batch, hashes, file, rows.places)
            bad += refused
        self._reject(bad)
        for position, split in enumerate(SPLITS):
            mask = splits == position
            if mask.all():
                self._write(split, batch)
            elif mask.any():
                self._write(split, batch.filter(pa.array(mask)))
        good = splits >= 0
        report = FileReport(
            file=file,
            input=name,
            rows=int(good.sum()),
            bad_rows=len(bad),
            unlabeled_rows=rows.unlabeled,
            digest=f"{int(hashes[good].sum(dtype=np.uint64)):016x}",
        )
        self._files[file] = self._files[file].plus(report) if file in self._files else report

    def _reject(self, bad: Iterable[BadRow]) -> None:
        policy = self._ingestion.table.job.data.on_bad_row
        for row in sorted(bad, key=lambda row: row.place):
            if policy == "fail":
                raise bad_row_error(row, self._ingestion.table.job.data.format)
            if len(self._result.bad) < SHOWN_BAD_ROWS:
                self._result.bad.append(BadRowReport(file=row.file, place=row.place, reason=row.explained))
            if policy == "quarantine":
                self._bad.append(row)

    def _write(self, split: str, batch: pa.RecordBatch) -> None:
        level = self._ingestion.table.job.data.gzip_level
        if split not in self._shards:
            path = f"{self._name}-{split}.gz"
            self._shards[split] = shards.create(path), shards.create(shards.hashes_path(path))
            self._result.shards[split] = (path, 0)
        path, rows = self._result.shards[split]
        self._result.shards[split] = (path, rows + batch.num_rows)
        for start in range(0, batch.num_rows, _PIECE_ROWS):
            self._waiting.append((split, _threads().submit(_member, batch.slice(start, _PIECE_ROWS), level)))
            self._flush(keep=_PIECES_AHEAD)

    def _flush(self, keep: int) -> None:
        while len(self._waiting) > keep:
            split, member = self._waiting.popleft()
            for file, content in zip(self._shards[split], member.result(), strict=True):
                file.write(content)

    def close(self) -> UnitResult:
        """Ends the files and says what is in them."""
        self._flush(keep=0)
        for file in itertools.chain(*self._shards.values()):
            file.close()
        if self._bad:
            self._result.quarantine = f"{self._name}-quarantine.jsonl"
            with shards.create(self._result.quarantine) as file:
                file.writelines(quarantined(row) for row in self._bad)
        self._result.files = list(self._files.values())
        return self._result


@functools.cache
def _threads() -> ThreadPoolExecutor:
    # The encoder and zlib let go of the interpreter's lock: while two pieces are in work, the next block is read.
    return ThreadPoolExecutor(_THREADS, "example-gen")


def _member(batch: pa.RecordBatch, level: int) -> tuple[bytes, bytes]:
    """The rows as a piece of a shard, and the hashes of what a reader of it sees, with floats as float32."""
    lists = value_lists(batch)
    return gzipped(framed(encoded(lists)), level), row_hash(lists).astype("<u8").tobytes()


def bad_row_error(row: BadRow, configured: Format | None) -> UserError:
    """The error for a run that takes no bad rows.

    Args:
      row: the row.
      configured: `data.format`.
    """
    return UserError(
        f"{registry.place_text(row.file, row.place, configured)}: {row.reason}",
        hint=row.hint or "correct the row, or set data.on_bad_row to skip or quarantine to go on without such rows",
    )


def quarantined(row: BadRow) -> bytes:
    """One bad row as a line of JSON; bytes that are not UTF-8 are kept as latin-1 under another name."""
    content = {"file": row.file, "place": row.place, "reason": row.explained}
    try:
        content["row"] = row.text.decode()
    except UnicodeDecodeError:
        content["row_latin1"] = row.text.decode("latin-1")
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
