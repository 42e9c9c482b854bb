"""One pass over the examples: a hash of every row, and a sample of the rows of one split, in bounded memory.

Both keep the rows with the smallest hashes. Which rows these are depends on the rows alone, so that the copies of a
row in all splits are kept or left out together: what is true of the sample about copies is true of the whole
(coordinated sampling; Broder, On the resemblance and containment of documents, 1997).
"""

import gzip
import itertools
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tfx.dsl.io import fileio
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.data_gate.counting import Counting
from components.data_gate.seen import Seen
from preprocessing.row_hash import row_hash

_CHUNK = 1 << 22
_FULL = 1 << 64
_BATCH = 4096
_NONE = np.zeros(0, np.uint64)


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Rows:
    """What the pass brings.

    Attributes:
      hashes: by split, uint64, ascending, one for each row below the threshold.
      rows: by split, how many there are in all.
      sampled: the share of the possible hashes that is below the threshold.
      sample: serialized rows of one split, one for each distinct row and copy.
      seen: by column and split, what the columns that are counted hold.
    """

    hashes: Mapping[str, NDArray[np.uint64]]
    rows: Mapping[str, int]
    sampled: float
    sample: Sequence[bytes]
    seen: Mapping[str, Mapping[str, Seen]] = field(default_factory=dict)


def read_rows(
    files: Mapping[str, Iterable[str]],
    *,
    max_hashes: int,
    sample_split: str,
    sample_rows: int,
    sample_bytes: int,
    counting: Counting | None = None,
) -> Rows:
    """Reads the TFRecord files of all splits once.

    Args:
      files: by split; gzip by the name's `.gz`.
      max_hashes: how many hashes are kept, of all splits together; 8 bytes each.
      sample_split: where the sample is taken from.
      sample_rows: how many rows the sample may have.
      sample_bytes: and how many bytes; a row of thousands of columns is large.
      counting: is given every batch.

    Raises:
      ValueError: a file ends within a record.
    """
    hashes: dict[str, list[NDArray[np.uint64]]] = {split: [] for split in files}
    rows = dict.fromkeys(files, 0)
    threshold = _FULL
    sample = _Sample(sample_rows, sample_bytes)
    for split, names in files.items():
        for records, batch in _decoded(names):
            keys = row_hash(batch)
            if counting is not None:
                counting.add(split, batch)
            rows[split] += len(records)
            if split == sample_split:
                for position in np.flatnonzero(_below(keys, sample.threshold)):
                    if keys[position] < sample.threshold:  # it sinks as the sample fills
                        sample.add(int(keys[position]), records[position])
            hashes[split].append(keys[_below(keys, threshold)])
            while sum(map(len, itertools.chain(*hashes.values()))) > max_hashes:
                threshold //= 2
                for name, parts in hashes.items():
                    hashes[name] = [part[_below(part, threshold)] for part in parts]
    ordered = {split: np.sort(np.concatenate([_NONE, *parts])) for split, parts in hashes.items()}
    return Rows(ordered, rows, threshold / _FULL, sample.records(), counting.seen if counting is not None else {})


def _below(keys: NDArray[np.uint64], threshold: int) -> NDArray[np.bool_]:
    return np.ones(len(keys), bool) if threshold == _FULL else keys < np.uint64(threshold)


def _decoded(names: Iterable[str]) -> Iterator[tuple[list[bytes], pa.RecordBatch]]:
    """The records some thousands at a time, and what they say.

    A row's hash is of that and not of its bytes: in which order an encoder writes its features is a matter of chance.
    """
    decoder = ExamplesToRecordBatchDecoder()
    records = (record for name in names for record in read_records(name))
    while batch := list(itertools.islice(records, _BATCH)):
        yield batch, decoder.DecodeBatch(batch)


class _Sample:
    """The records with the smallest hashes. Above so many rows or bytes, half of the hashes are given up."""

    def __init__(self, rows: int, size: int) -> None:
        self.rows, self.size = rows, size
        self.threshold = _FULL
        self.items: list[tuple[int, bytes]] = []
        self.held = 0

    def add(self, key: int, record: bytes) -> None:
        self.items.append((key, record))
        self.held += len(record)
        while (len(self.items) > self.rows or self.held > self.size) and self.threshold > 1:
            self.threshold //= 2
            self.items = [item for item in self.items if item[0] < self.threshold]
            self.held = sum(len(record) for _, record in self.items)

    def records(self) -> list[bytes]:
        return [record for _, record in self.items]


def read_records(name: str) -> Iterator[bytes]:
    """The records of a TFRecord file: length, its checksum, the record, its checksum.

    Checksums are not verified: the statistics were made from the same files a moment ago by a reader that does.
    """
    with fileio.open(name, "rb") as raw:
        if not name.endswith(".gz"):
            yield from _split_records(raw, name)
            return
        with gzip.GzipFile(fileobj=raw) as stream:
            yield from _split_records(stream, name)


def _split_records(stream: _Stream, name: str) -> Iterator[bytes]:
    length_of = struct.Struct("<Q").unpack_from
    rest = b""
    while chunk := stream.read(_CHUNK):
        data = rest + chunk
        position, size = 0, len(data)
        while position + 12 <= size:
            end = position + 16 + length_of(data, position)[0]
            if end > size:
                break
            yield data[position + 12 : end - 4]
            position = end
        rest = data[position:]
    if rest:
        raise ValueError(f"{name}: the file ends within a record")
