"""What each epoch came to, for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf


class EpochScalars:
    """Writes into the folders `train/` and `validation/`, as Keras' own callback names them.

    That one also works in every step, for a tenth of the time of a training of small steps.
    """

    def __init__(self, folder: Path) -> None:
        self._writers = {name: tf.summary.create_file_writer(str(folder / name)) for name in ("train", "validation")}

    def write(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Writes the numbers of one epoch, counted from 0; a name that begins with `val_` is of the eval split."""
        for name, value in logs.items():
            validation = name.startswith("val_")
            with self._writers["validation" if validation else "train"].as_default():
                tf.summary.scalar(f"epoch_{name.removeprefix('val_')}", float(value), step=epoch)

    def close(self) -> None:
        """Ends the files."""
        for writer in self._writers.values():
            writer.close()
