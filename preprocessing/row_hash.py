"""A 64-bit hash of each row's content: decides splits, finds rows that stand there twice.

Stable: it has no seed, and is the same on every machine and in every version of Python, NumPy and pyarrow. A change
of it moves rows between the splits of every table, so it has golden values in its test and must not change silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

LONG = 128
"""Cells with more bytes are hashed one by one with BLAKE2, shorter ones all together, eight bytes at a time."""
ROWS_AT_ONCE = 16_384
"""Rows whose intermediate values fit the processor's cache."""
_WORD = np.dtype("<u8")
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_MASKS = np.array([(1 << (8 * size)) - 1 for size in range(9)], np.uint64)
"""Which bits of a word belong to a cell of which 0 to 8 bytes are left."""


def row_hash(batch: pa.RecordBatch, columns: Sequence[str] | None = None) -> Hashes:
    """The hash of each row.

    Equal rows have equal hashes whatever the order of the columns, how the table is cut into batches, and whether a
    column is dictionary encoded. A missing value (null, NaN, an empty list) counts as no column at all, so a column
    without values changes nothing. A list of one value is that value.

    Args:
      batch: columns of integers, booleans, floats, strings, bytes, or lists of those.
      columns: only these count; None takes all.

    Returns:
      uint64 of shape [rows].

    Raises:
      TypeError: a column has another type.
    """
    names = batch.schema.names if columns is None else columns
    total = np.zeros(batch.num_rows, np.uint64)
    for name in names:
        column = batch.column(name)
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            kind, values, valid = _values(column.slice(start, ROWS_AT_ONCE))
            cells = mixed(values ^ _salt(name, kind))
            if valid is not None:
                cells[~valid] = 0
            total[start : start + ROWS_AT_ONCE] += cells
    return mixed(total)


def mixed(values: Hashes) -> Hashes:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): every bit of the input moves half of those of the output."""
    values = values + _STEP
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        values ^= values >> shift
        values *= multiplier
    values ^= values >> _SHIFTS[2]
    return values


def _salt(name: str, kind: str) -> np.uint64:
    """Tells columns, and the number 1 from the text "1", apart."""
    return np.uint64(int.from_bytes(blake2b(f"{kind}:{name}".encode(), digest_size=8).digest(), "little"))


Kind = Literal["int", "float", "bytes", "none"]


def _values(array: pa.Array) -> tuple[Kind, Hashes, Mask | None]:
    """What the values are, 64 bits for each, and which of them are there (None: all)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        return _of_dictionary(array)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _of_lists(array)
    if pa.types.is_null(kind):
        return "none", np.zeros(len(array), np.uint64), np.zeros(len(array), np.bool_)
    valid = np.asarray(pc.is_valid(array)) if array.null_count else None
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        whole = array.cast(pa.int64(), safe=False)
        numbers = pc.fill_null(whole, 0).to_numpy(zero_copy_only=False) if array.null_count else np.asarray(whole)
        return "int", numbers.view(np.uint64), valid
    if pa.types.is_floating(kind):
        doubles = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
        present = ~np.isnan(doubles)
        # Adding 0 makes -0.0 the same as 0.0.
        return "float", (doubles + 0.0).view(np.uint64), None if present.all() else present
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return "bytes", _of_bytes(array), valid
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return "bytes", _of_bytes(array.cast(pa.binary())), valid
    raise TypeError(f"a row hash is for numbers, text and lists of them, received a column of {kind}")


def _of_dictionary(array: pa.DictionaryArray) -> tuple[Kind, Hashes, Mask | None]:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, values, known = _values(array.dictionary)
    present = np.asarray(pc.is_valid(array.indices))
    if not len(values):
        return kind, np.zeros(len(array), np.uint64), np.zeros(len(array), np.bool_)
    indices = pc.fill_null(array.indices.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return kind, values[indices], present if known is None else present & known[indices]


def _of_lists(array: pa.Array) -> tuple[Kind, Hashes, Mask | None]:
    """The first element as it is; the others mixed with their positions and added to it."""
    ends = array.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    first, last = int(ends[0]), int(ends[-1])
    starts, lengths = ends[:-1] - first, np.diff(ends)
    kind, values, known = _values(array.values.slice(first, last - first))
    places = np.arange(last - first) - np.repeat(starts, lengths)
    later = places > 0
    elements = values.copy()
    if known is not None:
        elements[~known] = _STEP
    elements[later] = mixed(elements[later] + mixed(places[later].astype(np.uint64)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(elements, dtype=np.uint64)])
    return kind, sums[starts + lengths] - sums[starts], (lengths > 0) & ~np.asarray(array.is_null())


def _of_bytes(array: pa.Array) -> Hashes:
    """The hash of each string's bytes; anything for null."""
    if not len(array):
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    buffer = array.buffers()[2]
    # Words are read past the end of the last cell: never of the table's own memory.
    content = np.zeros(last - first + 8, np.uint8)
    if buffer is not None and last > first:
        content[:-8] = np.frombuffer(buffer, np.uint8)[first:last]
    starts, lengths = offsets[:-1] - first, np.diff(offsets)
    hashes = mixed(lengths.astype(np.uint64))
    active = np.flatnonzero((lengths > 0) & (lengths <= LONG))
    words: Hashes = np.ndarray((len(content) - 7,), _WORD, content, strides=(1,))
    position = 0
    while len(active):
        left = lengths[active] - position
        word = words[starts[active] + position] & _MASKS[np.minimum(left, 8)]
        hashes[active] = mixed(hashes[active] ^ word)
        active = active[left > 8]
        position += 8
    for row in np.flatnonzero(lengths > LONG):
        cell = content[starts[row] : starts[row] + lengths[row]]
        hashes[row] = int.from_bytes(blake2b(cell.tobytes(), digest_size=8).digest(), "little")
    return hashes
