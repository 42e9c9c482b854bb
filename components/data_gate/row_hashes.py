"""The hashes of the rows that ExampleGen left beside the examples."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from components.artifacts.ingest import row_hashes_file
from components.examples import SplitExamples
from preprocessing.row_hash import Hashes

_BYTES = 8


class StoredHashes:
    """The hashes of one split's rows, given out piece by piece: never more than a file of them is in memory."""

    def __init__(self, files: Sequence[str]) -> None:
        self._waiting = list(files)
        self._left: Hashes = np.zeros(0, np.uint64)

    def take(self, rows: int) -> Hashes:
        """The next ones, uint64 [rows].

        Raises:
          ValueError: there are fewer.
        """
        while len(self._left) < rows:
            if not self._waiting:
                raise ValueError(f"the row hashes end {rows - len(self._left):,} rows before the examples do")
            with tf.io.gfile.GFile(self._waiting.pop(0), "rb") as file:
                self._left = np.concatenate([self._left, np.frombuffer(file.read(), "<u8").astype(np.uint64)])
        taken, self._left = self._left[:rows], self._left[rows:]
        return taken


def stored_hashes(uri: str, examples: Mapping[str, SplitExamples]) -> dict[str, StoredHashes] | None:
    """The hashes of all splits; None where they are not all there, as beside examples of another origin or version.

    Args:
      uri: of the Examples artifact.
      examples: its splits.
    """
    files = {split: [row_hashes_file(uri, split, shard) for shard in found.files] for split, found in examples.items()}
    for split, names in files.items():
        rows = examples[split].rows
        if rows is None or not all(tf.io.gfile.exists(name) for name in names):
            return None
        if sum(tf.io.gfile.stat(name).length for name in names) != _BYTES * rows:
            return None
    return {split: StoredHashes(names) for split, names in files.items()}
