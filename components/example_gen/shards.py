"""Gzipped TFRecord shards on any filesystem that Beam knows: written under a temporary name, renamed at the end."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import google_crc32c
import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

_GZIP = 16 + zlib.MAX_WBITS
_MASK = 0xA282EAD8


def framed(records: Sequence[bytes]) -> bytes:
    """Records in the TFRecord format: length, its checksum, data, its checksum.

    The format is described in tensorflow/core/lib/io/record_writer.h; checksums are masked CRC-32C. Half again as
    fast as a call of TensorFlow's writer for each record.
    """
    sums = np.fromiter(map(google_crc32c.value, records), np.uint64, len(records)).astype(np.uint32)
    footers = (((sums >> np.uint32(15)) | (sums << np.uint32(17))) + np.uint32(_MASK)).astype("<u4").tobytes()
    pieces: list[bytes] = []
    for position, record in enumerate(records):
        pieces += (_header(len(record)), record, footers[4 * position : 4 * position + 4])
    return b"".join(pieces)


@functools.lru_cache(maxsize=65_536)
def _header(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    checksum = google_crc32c.value(packed)
    return packed + struct.pack("<I", ((checksum >> 15 | checksum << 17) + _MASK) & 0xFFFFFFFF)


def gzipped(records: Sequence[bytes], level: int) -> bytes:
    """Records as a gzip member of their own: members that follow each other in one file are one gzip file (RFC 1952).

    So pieces of a shard can be compressed at the same time. A member without records must not be followed by another:
    TensorFlow takes it for the end of the file.
    """
    compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    return compressor.compress(framed(records)) + compressor.flush()


def create(path: str) -> BinaryIO:
    """A new file, written as it is whatever its name ends in; its folder is made where the filesystem has folders."""
    folder = path.rpartition("/")[0]
    if "://" not in path and not FileSystems.exists(folder):
        try:
            FileSystems.mkdirs(folder)
        except OSError:  # another worker was first
            if not FileSystems.exists(folder):
                raise
    file: BinaryIO = FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return file


def write_empty(path: str) -> None:
    """A shard without examples, and no hashes of them."""
    with create(path) as file:
        file.write(gzipped([], level=1))
    with create(hashes_path(path)):
        pass


def move(moves: Sequence[tuple[str, str]]) -> None:
    """Renames files; what an earlier try has moved already is left alone."""
    waiting = [(source, target) for source, target in moves if FileSystems.exists(source)]
    for folder in {target.rpartition("/")[0] for _, target in waiting if "://" not in target}:
        if not FileSystems.exists(folder):
            FileSystems.mkdirs(folder)
    for start in range(0, len(waiting), 100):
        sources, targets = zip(*waiting[start : start + 100], strict=True)
        FileSystems.rename(list(sources), list(targets))


def hashes_path(shard: str) -> str:
    """The temporary file with the hashes of a temporary shard's rows."""
    return f"{shard}.u64"


def shard_name(position: int, count: int) -> str:
    """The name that TFX's own ExampleGen gives a shard."""
    return f"data_tfrecord-{position:05d}-of-{count:05d}.gz"
