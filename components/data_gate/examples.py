"""One pass over the examples: a hash of every row, and a sample of the rows of one split, in bounded memory.

Both keep the rows with the smallest hashes. Which rows these are depends on the rows alone, so that the copies of a
row in all splits are kept or left out together: what is true of the sample about copies is true of the whole
(coordinated sampling; Broder, On the resemblance and containment of documents, 1997).
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from components.data_gate.counting import Counting
from components.data_gate.row_hashes import StoredHashes
from components.data_gate.seen import Seen
from components.examples import SplitExamples
from components.progress import Progress
from preprocessing.row_hash import Hashes, row_hash

_FULL = 1 << 64
_NONE = np.zeros(0, np.uint64)


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
    examples: Mapping[str, SplitExamples],
    *,
    stored: Mapping[str, StoredHashes] | None = None,
    max_hashes: int,
    sample_split: str,
    sample_rows: int,
    sample_bytes: int,
    counting: Counting | None = None,
    progress: Progress | None = None,
) -> Rows:
    """Reads all splits once.

    Args:
      examples: by split.
      stored: by split, the hashes that ExampleGen left; None makes them of the rows.
      max_hashes: how many hashes are kept, of all splits together; 8 bytes each.
      sample_split: where the sample is taken from.
      sample_rows: how many rows the sample may have.
      sample_bytes: and how many bytes; a row of thousands of columns is large.
      counting: is given every batch.
      progress: is told the rows.

    Raises:
      RuntimeError, ValueError, tf.errors.OpError: as `SplitExamples.read`.
    """
    hashes: dict[str, list[NDArray[np.uint64]]] = {split: [] for split in examples}
    rows = dict.fromkeys(examples, 0)
    threshold = _FULL
    sample = _Sample(sample_rows, sample_bytes)
    for split, found in examples.items():
        for records, keys in _hashed(split, found, None if stored is None else stored[split], counting):
            rows[split] += len(keys)
            if split == sample_split:
                for position in np.flatnonzero(_below(keys, sample.threshold)):
                    if keys[position] < sample.threshold:  # it sinks as the sample fills
                        sample.add(int(keys[position]), records()[position])
            hashes[split].append(keys[_below(keys, threshold)])
            while sum(map(len, itertools.chain(*hashes.values()))) > max_hashes:
                threshold //= 2
                for name, parts in hashes.items():
                    hashes[name] = [part[_below(part, threshold)] for part in parts]
            if progress is not None:
                progress.add(len(keys))
    if progress is not None:
        progress.say()
    ordered = {split: np.sort(np.concatenate([_NONE, *parts])) for split, parts in hashes.items()}
    return Rows(ordered, rows, threshold / _FULL, sample.records(), counting.seen if counting is not None else {})


def _hashed(
    split: str, examples: SplitExamples, stored: StoredHashes | None, counting: Counting | None
) -> Iterator[tuple[Callable[[], NDArray[np.object_]], Hashes]]:
    """The rows of one split, some thousands at a time: what gives them serialized, and their hashes.

    A row's hash is of what it says and not of its bytes: in which order an encoder writes its features is a matter of
    chance. Where the hashes are there already, no other features are parsed than those that are counted.
    """
    only = None if stored is None or counting is None else counting.seen.keys()
    for records, batch in examples.read(only):
        if counting is not None:
            counting.add(split, batch)
        yield cache(records.numpy), row_hash(batch) if stored is None else stored.take(batch.num_rows)


def _below(keys: NDArray[np.uint64], threshold: int) -> NDArray[np.bool_]:
    return np.ones(len(keys), bool) if threshold == _FULL else keys < np.uint64(threshold)


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
