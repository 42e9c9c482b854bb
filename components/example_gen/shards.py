"""Gzipped TFRecord shards on any filesystem that Beam knows: written under a temporary name, renamed at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from components.tfrecord import gzipped

if TYPE_CHECKING:
    from apache_beam.io.filesystems import FileSystems


def _file_systems() -> type[FileSystems]:
    # Here and not at the top: who only reads a table, as a prediction does, need not wait for Beam.
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def create(path: str) -> BinaryIO:
    """A new file, written as it is whatever its name ends in; its folder is made where the filesystem has folders."""
    from apache_beam.io.filesystem import CompressionTypes

    systems = _file_systems()
    folder = path.rpartition("/")[0]
    if "://" not in path and not systems.exists(folder):
        try:
            systems.mkdirs(folder)
        except OSError:  # another worker was first
            if not systems.exists(folder):
                raise
    file: BinaryIO = systems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return file


def write_empty(path: str) -> None:
    """A shard without examples, and no hashes of them."""
    with create(path) as file:
        file.write(gzipped(b"", level=1))
    with create(hashes_path(path)):
        pass


def move(moves: Sequence[tuple[str, str]]) -> None:
    """Renames files; what an earlier try has moved already is left alone."""
    systems = _file_systems()
    waiting = [(source, target) for source, target in moves if systems.exists(source)]
    for folder in {target.rpartition("/")[0] for _, target in waiting if "://" not in target}:
        if not systems.exists(folder):
            systems.mkdirs(folder)
    for start in range(0, len(waiting), 100):
        sources, targets = zip(*waiting[start : start + 100], strict=True)
        systems.rename(list(sources), list(targets))


def hashes_path(shard: str) -> str:
    """The temporary file with the hashes of a temporary shard's rows."""
    return f"{shard}.u64"


def shard_name(position: int, count: int) -> str:
    """The name that TFX's own ExampleGen gives a shard."""
    return f"data_tfrecord-{position:05d}-of-{count:05d}.gz"
