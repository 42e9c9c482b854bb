"""The examples of a split, or so many of them, evenly spread, as memory holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

_MOST_RECORDS = 2**17
_MOST_BYTES = 64 * 2**20
_AT_ONCE = 64


@dataclass(frozen=True)
class Split:
    """Serialized examples of one split.

    Attributes:
      records: serialized tf.Examples, in the order in which the split is read.
      positions: where each stands in the split, counted from 0.
      total: how many the split has.
    """

    records: Sequence[bytes]
    positions: Sequence[int]
    total: int

    def of(self, places: Sequence[int]) -> list[bytes]:
        """Some of the records, by place."""
        return [self.records[place] for place in places]

    def spread(self, first: int) -> list[int]:
        """All places in an order that is spread over the split wherever it ends.

        Args:
          first: so many come first that lie evenly apart.
        """
        count = len(self.records)
        even = [i * count // first for i in range(first)] if count > first else list(range(count))
        bits = max(1, count - 1).bit_length()
        # Backwards, the bits of rising numbers halve what is left of every gap in turn.
        halving = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits))
        return list(dict.fromkeys([*even, *(place for place in halving if place < count)]))


def read_split(files: Sequence[str], fewest: int) -> Split:
    """Reads a split once: all of its examples, or of a large one every second, fourth, ... one.

    Args:
      files: TFRecord files of serialized tf.Examples, gzip where the name says so, in their order.
      fewest: so many are kept, whatever their size, where there are as many.

    Raises:
      tf.errors.OpError: a file can't be read.
    """
    records: list[bytes] = []
    kept, stride, total = 0, 1, 0
    for record in read_examples(files):
        if total % stride == 0:
            records.append(record)
            kept += len(record)
            while len(records) > _MOST_RECORDS or (kept > _MOST_BYTES and len(records) >= 2 * fewest):
                records = records[::2]
                kept, stride = sum(map(len, records)), 2 * stride
        total += 1
    return Split(records, range(0, len(records) * stride, stride), total)


def read_examples(files: Sequence[str]) -> Iterator[bytes]:
    """The serialized examples of a split's files, gzip where the name says so, in the given order."""
    for file in files:
        compression = "GZIP" if file.endswith(".gz") else ""
        for batch in tf.data.TFRecordDataset(file, compression_type=compression).batch(_AT_ONCE).as_numpy_iterator():
            yield from batch.tolist()
