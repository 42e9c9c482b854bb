"""Transformed features as tf.Examples in the TFRecord format."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.tfrecord import framed, framed_alike
from components.transform.tft_private import impl_helper

Batch = Mapping[str, tf.Tensor]
Encoder = Callable[[Batch], Callable[[], bytes]]
"""Takes a batch of features by name; what it gives makes the records of it, and may do so in another thread."""

_LENGTH_DELIMITED = 2
_VARINT_BITS = np.uint64(7)
_MORE = 0x80
"""Marks a byte of a varint that another one follows."""
# The fields of tensorflow/core/example/{example,feature}.proto. A map is a list of messages of key (1) and value (2).
_FEATURES = _FEATURE_ENTRY = _KEY = _VALUES = 1
_VALUE, _FLOATS, _INTEGERS = 2, 2, 3


def encoder(schema: schema_pb2.Schema) -> Encoder:
    """How the rows of a transformed data set are encoded.

    Args:
      schema: what tf.Transform says of the outputs.
    """
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    if all(_has_fixed_size(feature) for feature in spec.values()):
        sizes = {name: int(np.prod(feature.shape, dtype=int)) for name, feature in sorted(spec.items())}

        def alike(batch: Batch) -> Callable[[], bytes]:
            columns = {name: batch[name].numpy().reshape(-1, size) for name, size in sizes.items()}
            return lambda: framed_alike(same_size_examples(columns))

        return alike
    converter = impl_helper.make_tensor_to_arrow_converter(schema)
    coder = RecordBatchToExamplesEncoder(schema)

    def any_size(batch: Batch) -> Callable[[], bytes]:
        records = coder.encode(converter.convert(dict(batch)))
        return lambda: framed(records)

    return any_size


def _has_fixed_size(feature: Any) -> bool:
    return isinstance(feature, tf.io.FixedLenFeature) and feature.dtype in (tf.float32, tf.int64)


def same_size_examples(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Rows of numbers as tf.Examples of the same length, by filling in a form: several times as fast as one by one.

    Args:
      columns: float32 or int64 [rows, values]. Their order is that of the features.

    Returns:
      Bytes [rows, length].
    """
    numbers = {name: _floats(each) if each.dtype == np.float32 else _varints(each) for name, each in columns.items()}
    pieces: list[bytes] = []
    places: dict[str, int] = {}
    length = 0
    for name, content in numbers.items():
        size = content.shape[1]
        kind = _FLOATS if columns[name].dtype == np.float32 else _INTEGERS
        head, size = _field(_VALUES, size), size
        head = _field(kind, len(head) + size) + head
        head = _field(_VALUE, len(head) + size) + head
        key = name.encode()
        head = _field(_KEY, len(key)) + key + head
        head = _field(_FEATURE_ENTRY, len(head) + size) + head
        places[name] = length + len(head)
        pieces += head, bytes(size)
        length += len(head) + size
    opening = _field(_FEATURES, length)
    form = np.frombuffer(opening + b"".join(pieces), np.uint8)
    rows = np.tile(form, (len(next(iter(numbers.values()))), 1))
    for name, content in numbers.items():
        start = len(opening) + places[name]
        rows[:, start : start + content.shape[1]] = content
    return rows


def _floats(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(values, "<f4").view(np.uint8)


def _varints(values: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Integers as varints of one length, that of the longest: all bytes but the last say that more follow."""
    unsigned = values.astype(np.int64).view(np.uint64)
    length = max(1, -(-int(unsigned.max(initial=0)).bit_length() // int(_VARINT_BITS)))
    shifts = np.arange(length, dtype=np.uint64) * _VARINT_BITS
    digits = ((unsigned[:, :, np.newaxis] >> shifts) & np.uint64(_MORE - 1)).astype(np.uint8)
    digits[:, :, :-1] |= _MORE
    return digits.reshape(len(values), values.shape[1] * length)


def _field(number: int, length: int) -> bytes:
    """The tag and the length before a field of bytes, or of numbers one after the other."""
    return bytes([number << 3 | _LENGTH_DELIMITED]) + _varints(np.array([[length]], np.int64)).tobytes()
