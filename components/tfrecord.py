"""Records in the TFRecord format and gzip members of them, in memory: what ExampleGen and Transform write."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterable, Sequence

import google_crc32c
import numpy as np
from numpy.typing import NDArray

_GZIP = 16 + zlib.MAX_WBITS
_MASK = 0xA282EAD8
_HEADER, _FOOTER = 12, 4
"""Bytes around a record: its length with a checksum, and the checksum of the record."""


def framed(records: Sequence[bytes]) -> bytes:
    """Records in the TFRecord format: length, its checksum, data, its checksum.

    The format is described in tensorflow/core/lib/io/record_writer.h; checksums are masked CRC-32C. Half again as
    fast as a call of TensorFlow's writer for each record.
    """
    footers = _checksums(records, len(records)).tobytes()
    pieces: list[bytes] = []
    for position, record in enumerate(records):
        pieces += (_header(len(record)), record, footers[_FOOTER * position : _FOOTER * (position + 1)])
    return b"".join(pieces)


def framed_alike(records: NDArray[np.uint8]) -> bytes:
    """As `framed`, for records of one length: uint8 [records, length]."""
    count, length = records.shape
    table = np.empty((count, _HEADER + length + _FOOTER), np.uint8)
    table[:, :_HEADER] = np.frombuffer(_header(length), np.uint8)
    table[:, _HEADER:-_FOOTER] = records
    content = records.tobytes()
    pieces = (content[length * row : length * (row + 1)] for row in range(count))
    table[:, -_FOOTER:] = _checksums(pieces, count).view(np.uint8).reshape(count, _FOOTER)
    return table.tobytes()


def _checksums(records: Iterable[bytes], count: int) -> NDArray[np.uint32]:
    sums = np.fromiter(map(google_crc32c.value, records), np.uint64, count).astype(np.uint32)
    return (((sums >> np.uint32(15)) | (sums << np.uint32(17))) + np.uint32(_MASK)).astype("<u4")


@functools.lru_cache(maxsize=65_536)
def _header(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    checksum = google_crc32c.value(packed)
    return packed + struct.pack("<I", ((checksum >> 15 | checksum << 17) + _MASK) & 0xFFFFFFFF)


def gzipped(content: bytes, level: int) -> bytes:
    """A gzip member of its own: members that follow each other in one file are one gzip file (RFC 1952).

    So pieces of a file can be compressed at the same time. A member without content must not be followed by another:
    TensorFlow takes it for the end of the file.
    """
    compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    return compressor.compress(content) + compressor.flush()
