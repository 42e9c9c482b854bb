"""TFRecord files of tf.Example: what TensorFlow and TFX write. Read without TensorFlow."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from components.example_gen.block import BadRow, Block, FeatureType, Rows
from components.example_gen.formats import io
from components.example_gen.formats.pieces import PIECE_ROWS
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

_LENGTH = struct.Struct("<QI")
"""Before a record: its length, and the length's checksum. Behind it: its own checksum."""
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True)
class TfRecordReader:
    """Reads TFRecord files of tf.Example, plain or packed. A file is one block: records have no index.

    Attributes:
      block_bytes: about how much is held at once.
    """

    block_bytes: int

    def columns(self, file: str) -> list[str]:
        """The names of the features in the first `block_bytes`, sorted; a TFRecord file has no header.

        Raises:
          UserError: no TFRecord file, damaged in its first part, or without any feature there.
        """
        rows = next(self.read(Block(file, 0, 0, -1, 1)), None)
        if rows is None:
            raise UserError(f"{file}: the file is empty", hint="write the records again")
        if not rows.batch.num_columns:
            reason = rows.bad[0].reason if rows.bad else "its examples are empty"
            raise UserError(
                f"{file}: expected tf.Example records with features, found none: {reason}",
                hint="write tf.train.Example records, or set data.format",
            )
        return sorted(rows.batch.schema.names)

    def plan(self, file: str) -> Iterator[Block]:
        """One block for the whole file; none for a file without records.

        Raises:
          UserError: no TFRecord file.
        """
        if next(read_records(file), None) is not None:
            yield Block(file, 0, 0, -1, 1)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The examples, every feature as a list, null where an example lacks it.

        The lists hold int64, float32 or bytes, as the data has it; a feature that no example of a piece has is
        of type null there. Where an example has another kind than the one before it, a new piece begins.

        Args:
          block: as `plan` gave it.
          types: the wanted features; None gives those that the piece has.

        Raises:
          UserError: the file is cut short, or a checksum does not match. A record that is not a tf.Example is a
            `BadRow`.
        """
        from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

        decoder = ExamplesToRecordBatchDecoder()
        first = block.first
        for records in self._pieces(block.file):
            for rows in _decoded(decoder, block.file, records, first):
                yield rows if types is None else Rows(_selected(rows.batch, types), rows.places, rows.bad)
            first += len(records)

    def _pieces(self, file: str) -> Iterator[list[bytes]]:
        waiting: list[bytes] = []
        size = 0
        for record in read_records(file):
            if waiting and (size + len(record) > self.block_bytes or len(waiting) == PIECE_ROWS):
                yield waiting
                waiting, size = [], 0
            waiting.append(record)
            size += len(record)
        if waiting:
            yield waiting


def read_records(file: str) -> Iterator[bytes]:
    """The records of a file, checked.

    Raises:
      UserError: the file is cut short, or a checksum does not match.
    """
    with io.open_bytes(file) as raw:
        number = 1
        while (record := _record(raw, file, number)) is not None:
            yield record
            number += 1


def _record(raw: BinaryIO, file: str, number: int) -> bytes | None:
    head = raw.read(_LENGTH.size)
    if not head:
        return None
    if len(head) == _LENGTH.size:
        length, expected = _LENGTH.unpack(head)
        if _masked_crc(head[:8]) != expected:
            what = "not a TFRecord file" if number == 1 else "damaged"
            raise _broken(file, number, f"{what}: the checksum of the record's length does not match")
        record = raw.read(length)
        tail = raw.read(_CHECKSUM.size)
        if len(tail) == _CHECKSUM.size:
            if _masked_crc(record) != _CHECKSUM.unpack(tail)[0]:
                raise _broken(file, number, "damaged: the record's checksum does not match")
            return record
    raise _broken(file, number, "the file is cut short within the record")


def _masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted as TFRecord wants it, so that a file may hold files."""
    import google_crc32c

    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _broken(file: str, number: int, reason: str) -> UserError:
    return UserError(
        f"{file}: record {number}: {reason}",
        hint="write or copy the file again, or set data.format if it is not a TFRecord file",
    )


def _decoded(decoder: ExamplesToRecordBatchDecoder, file: str, records: list[bytes], first: int) -> Iterator[Rows]:
    """The records as rows: one piece, unless one is bad or a feature changes its kind."""
    import numpy as np

    try:
        batch = decoder.DecodeBatch(records)
    except RuntimeError:  # what the decoder raises for every reason, without saying for which record
        for good, places, bad in _runs(decoder, file, records, first):
            yield Rows(decoder.DecodeBatch(good), np.array(places, dtype=np.int64), tuple(bad))
    else:
        yield Rows(batch, np.arange(first, first + len(records), dtype=np.int64))


def _runs(
    decoder: ExamplesToRecordBatchDecoder, file: str, records: list[bytes], first: int
) -> Iterator[tuple[list[bytes], list[int], list[BadRow]]]:
    """Runs of records whose features agree in kind, with their places, and the bad records between them."""
    import pyarrow as pa

    good: list[bytes] = []
    places: list[int] = []
    bad: list[BadRow] = []
    kinds: dict[str, pa.DataType] = {}
    for place, record in enumerate(records, start=first):
        try:
            schema = decoder.DecodeBatch([record]).schema
        except RuntimeError:
            bad.append(_bad_row(file, place, record))
            continue
        ours = {field.name: field.type for field in schema if not pa.types.is_null(field.type)}
        if any(kinds.get(name, kind) != kind for name, kind in ours.items()):
            yield good, places, bad
            good, places, bad, kinds = [], [], [], {}
        kinds |= ours
        good.append(record)
        places.append(place)
    yield good, places, bad


def _bad_row(file: str, place: int, record: bytes) -> BadRow:
    text = json.dumps({"record_base64": base64.b64encode(record).decode()}).encode()
    return BadRow(file, place, f"expected a tf.Example, received {len(record):,} bytes that are not one", text)


def _selected(batch: pa.RecordBatch, types: Mapping[str, FeatureType]) -> pa.RecordBatch:
    import pyarrow as pa

    present = set(batch.schema.names)
    columns = [batch.column(name) if name in present else pa.nulls(batch.num_rows) for name in types]
    return pa.RecordBatch.from_arrays(columns, names=list(types))
