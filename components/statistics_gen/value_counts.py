"""How often each text of each column stands there: exact, as TFDV counts on Beam, and in bounded memory.

TFDV's own way without Beam is a sketch that is exact up to a thousand values only. Here the counts that no longer fit
are put down on disk, divided by the hash of the text, and summed up part by part at the end.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from preprocessing.row_hash import row_hash

_ROOM = 32 << 20
"""Bytes of counts that are held. While they are summed up, about seven times as much is in use for a moment."""
_PENDING = 65_536
"""Counts that wait to be summed up, at least; as many as there are different values, where these are more."""
_PARTS = 64
"""What is put down is read again in so many parts."""


class Top(NamedTuple):
    """What is known of one column.

    Attributes:
      distinct: how many different texts there are.
      values: the most frequent ones, of equally frequent ones those that are larger, with their counts.
    """

    distinct: int
    values: list[tuple[bytes, int]]


@dataclass(frozen=True)
class _Counts:
    """Texts, large binary [n], and how often each was seen, int64 [n]. The same text may come several times."""

    texts: pa.Array
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def bytes(self) -> int:
        return int(self.texts.nbytes) + self.counts.nbytes

    @classmethod
    def joined(cls, parts: list["_Counts"]) -> "_Counts":
        """All of them, every text once."""
        coded = pa.concat_arrays([part.texts for part in parts]).dictionary_encode()
        weights = np.concatenate([part.counts for part in parts]).astype(np.float64)
        return cls(coded.dictionary, np.bincount(coded.indices.to_numpy(), weights).astype(np.int64))

    def top(self, most: int) -> "_Counts":
        if len(self) <= most:
            return self
        table = pa.table({"text": self.texts, "count": self.counts})
        chosen = pc.select_k_unstable(table, most, [("count", "descending"), ("text", "descending")])
        return self.taken(chosen.to_numpy())

    def taken(self, rows: NDArray[np.int64]) -> "_Counts":
        return _Counts(self.texts.take(pa.array(rows)), self.counts[rows])


_NOTHING = _Counts(pa.array([], pa.large_binary()), np.zeros(0, np.int64))


class ValueCounts:
    """The counts of all columns of one split.

    Args:
      folder: for what does not fit; it must be there, empty, and on this machine.
      room: bytes of counts in memory.
    """

    def __init__(self, folder: Path, room: int = _ROOM) -> None:
        self._folder, self._room = folder, room
        self._columns: dict[str, _Column] = {}

    def add(self, texts: Mapping[str, pa.Array]) -> None:
        """Adds texts, large binary and none of them null, by column."""
        for name, values in texts.items():
            if name not in self._columns:
                self._columns[name] = _Column(self._folder, len(self._columns))
            self._columns[name].add(values)
        held = sum(column.bytes for column in self._columns.values())
        for column in sorted(self._columns.values(), key=lambda column: -column.bytes):
            if held <= self._room:
                return
            held -= column.bytes
            held += column.shrink(self._room // 4)

    def tops(self, most: int) -> Iterator[tuple[str, Top]]:
        """What is known of each column that has a text, with so many values at most."""
        for name, column in self._columns.items():
            top = column.top(most)
            if top.distinct:
                yield name, top


class _Column:
    """The counts of one column: summed up ones, those that wait for it, and files of those that were put down."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number = folder, number
        self._summed = _NOTHING
        self._waiting: list[_Counts] = []
        self._files: list[Path] = []

    @property
    def bytes(self) -> int:
        return self._summed.bytes + sum(part.bytes for part in self._waiting)

    def add(self, values: pa.Array) -> None:
        found = values.value_counts()
        self._waiting.append(_Counts(found.field(0), found.field(1).to_numpy()))
        if sum(map(len, self._waiting)) > max(_PENDING, len(self._summed)):
            self._sum_up()

    def _sum_up(self) -> None:
        self._summed = _Counts.joined([self._summed, *self._waiting])
        self._waiting = []

    def shrink(self, small: int) -> int:
        """Sums up, and puts all counts down where they are more than so many bytes; says how many are left."""
        self._sum_up()
        if self.bytes > small:
            self._put_down()
        return self.bytes

    def _put_down(self) -> None:
        part = (row_hash(pa.RecordBatch.from_arrays([self._summed.texts], ["text"])) % _PARTS).astype(np.int64)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(_PARTS + 1))
        file = self._folder / f"{self._number}-{len(self._files)}.arrow"
        schema = pa.schema({"text": pa.large_binary(), "count": pa.int64()})
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for start, end in itertools.pairwise(ends):
                rows = self._summed.taken(order[start:end])
                writer.write_batch(pa.RecordBatch.from_arrays([rows.texts, pa.array(rows.counts)], schema=schema))
        self._files.append(file)
        self._summed = _NOTHING

    def top(self, most: int) -> Top:
        if self._files and (len(self._summed) or self._waiting):
            self._sum_up()
            self._put_down()
        parts = self._parts() if self._files else iter([_Counts.joined([self._summed, *self._waiting])])
        distinct, best = 0, _NOTHING
        for part in parts:
            distinct += len(part)
            best = _Counts.joined([best, part.top(most)]).top(most)
        return Top(distinct, list(zip(best.texts.to_pylist(), best.counts.tolist(), strict=True)))

    def _parts(self) -> Iterator[_Counts]:
        """What was put down, a part of the texts at a time."""
        # Not mapped into memory, where all that was read would stay.
        readers = [pa.ipc.open_file(pa.OSFile(str(file))) for file in self._files]
        for number in range(_PARTS):
            batches = [reader.get_batch(number) for reader in readers]
            yield _Counts.joined([_Counts(batch.column(0), batch.column(1).to_numpy()) for batch in batches])
