"""Columns become serialized tf.Examples, by TFX-BSL's C++ encoder."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder


def value_lists(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows as tf.Examples have them: lists of int64, float32 or binary.

    Args:
      batch: int64, float64, string or binary columns, or lists of these. Numbers become INT and FLOAT (float32,
        as tf.Example has no other), text and bytes become BYTES. A null or an empty list is a feature without a value.
    """
    return pa.RecordBatch.from_arrays([_value_lists(column) for column in batch.columns], names=batch.schema.names)


def encoded(lists: pa.RecordBatch) -> list[bytes]:
    """The rows as serialized tf.Examples, in order.

    Args:
      lists: as `value_lists` gives them.

    Returns:
      One record for each row. The order of the features within a record is not settled: it is that of a C++ hash map.
    """
    records: list[bytes] = RecordBatchToExamplesEncoder().encode(lists)
    return records


def _value_lists(array: pa.Array) -> pa.Array:
    """An array as the list<int64 | float32 | binary> that the encoder takes."""
    if _is_list(array.type):
        return array.cast(pa.list_(_value_type(array.type.value_type)), safe=False)
    array = array.cast(_value_type(array.type), safe=False)
    absent = pc.is_null(array)
    ends = pc.cumulative_sum(pc.invert(absent).cast(pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, array.drop_null(), mask=absent if array.null_count else None)


def _value_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.int64()
    return pa.float32() if pa.types.is_floating(kind) else pa.binary()


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
