"""How many different numbers of a column are left once they are float32, as tf.Example and models hold them.

Looked at in a sample: some thousand values show a key that loses its digits as well as all do, while among a million
measurements some are the same by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from components.artifacts.ingest import Collapse
from components.example_gen.block import FeatureType
from components.example_gen.columns.convert import elements, is_list, is_plain_number, is_string, plain

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_ROWS = 2048
_EXACT = 2**24
"""Every whole number up to this one is a float32 of its own."""


class Float32Sample:
    """The first numbers of some rows.

    Args:
      types: the type that each column gets.
    """

    def __init__(self, types: Mapping[str, FeatureType]) -> None:
        self._room = {name: _ROWS for name, kind in types.items() if kind != "string"}
        self._seen: dict[str, list[NDArray[Any]]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds rows as a reader gave them, before their numbers were converted."""
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if self._room.get(name, 0) > 0:
                part = array.slice(0, self._room[name])
                self._room[name] -= len(part)
                self._seen.setdefault(name, []).append(_numbers(part))

    def collapsed(self) -> dict[str, Collapse]:
        """The columns that lose some of their different values."""
        found = {name: _collapse(parts) for name, parts in self._seen.items()}
        return {name: collapse for name, collapse in found.items() if collapse is not None}


def merged(parts: Iterable[Mapping[str, Collapse]]) -> dict[str, Collapse]:
    """For each column the report of the part that lost the most; the order of the parts does not matter."""
    found: dict[str, Collapse] = {}
    for part in parts:
        for name, collapse in part.items():
            found[name] = max(found.get(name, collapse), collapse, key=_weight)
    return found


def _weight(collapse: Collapse) -> tuple[int, int, tuple[str, str]]:
    return collapse.distinct - collapse.left, collapse.distinct, collapse.example


def _collapse(parts: Sequence[NDArray[Any]]) -> Collapse | None:
    import numpy as np

    parts = [part for part in parts if len(part)]
    if len({part.dtype for part in parts}) > 1:
        # Pieces that were read in different ways: exact in Python's own numbers, a whole one an integer.
        parts = [np.array([_exact(value) for value in part.tolist()], object) for part in parts]
    values = np.unique(np.concatenate(parts)) if parts else np.array([], np.int64)
    if not len(values) or (values.dtype.kind in "iu" and values[0] >= -_EXACT and values[-1] <= _EXACT):
        return None
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float64 if values.dtype == object else values.dtype).astype(np.float32)
    same = np.flatnonzero(numbers[1:] == numbers[:-1])
    if not len(same):
        return None
    first, second = (str(_exact(value)) for value in values[same[0] : same[0] + 2].tolist())
    return Collapse(
        distinct=len(values),
        left=len(values) - len(same),
        whole=all(isinstance(_exact(value), int) for value in values.tolist()),
        example=(first, second),
    )


def _numbers(array: pa.Array) -> NDArray[Any]:
    """The finite numbers of an array: int64, uint64 or float64, and Python's own of a text or a decimal."""
    import numpy as np
    import pyarrow as pa

    array = plain(array)
    if is_list(array.type):
        array, _ = elements(array)
    array = array.drop_null()
    if is_string(array.type) or pa.types.is_decimal(array.type):
        texts = array.unique().cast(pa.string()).to_pylist()
        return np.array([number for text in texts if (number := _of_text(text)) is not None], object)
    # What is a float32 already has lost its digits elsewhere.
    if pa.types.is_float32(array.type) or not is_plain_number(array.type):
        return np.array([], np.float64)
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values[np.isfinite(values)]


def _of_text(text: str) -> float | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return _exact(number) if math.isfinite(float(number)) else None


def _exact(number: float | Decimal) -> float:
    """The number as the integer that it is, of any size; else as a float."""
    return int(number) if number == int(number) else float(number)
