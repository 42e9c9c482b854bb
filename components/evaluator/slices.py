"""Which slices rows are in: TensorFlow Model Analysis decides it once for all rows with the same values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator import tfma_private
from components.evaluator.totals import Groups

SliceKey = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Values:
    """The values of some rows of one column.

    Attributes:
      flat: [values], int64, float32 or (as objects) bytes.
      splits: int64 [rows + 1]: row i has the values from splits[i] to splits[i + 1]; it may have none, or several.
    """

    flat: NDArray[Any]
    splits: NDArray[np.int64]

    @classmethod
    def of_dense(cls, values: NDArray[Any]) -> "Values":
        """The values of [rows, ...], as many in each row."""
        rows = len(values)
        size = math.prod(values.shape[1:])
        return cls(values.reshape(-1), np.arange(rows + 1, dtype=np.int64) * size)

    @classmethod
    def joined(cls, parts: Sequence["Values"]) -> "Values":
        """The values of the rows of several parts, of which there is at least one."""
        flat = np.concatenate([part.flat for part in parts])
        lengths = np.concatenate([np.diff(part.splits) for part in parts])
        return cls(flat, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def row(self, row: int) -> NDArray[Any]:
        """The values of one row."""
        return self.flat[self.splits[row] : self.splits[row + 1]]

    def codes(self) -> NDArray[np.int64]:
        """A number for each row, int64 [rows]: the same for rows with the same values."""
        kind = pa.binary() if self.flat.dtype == object else None
        encoded = pa.array(self.flat, kind).dictionary_encode().indices.to_numpy() + 1
        lengths = np.diff(self.splits)
        longest = int(lengths.max(initial=0))
        padded = np.zeros((len(lengths), longest), np.int64)  # 0 is behind the last value
        padded[np.arange(longest) < lengths[:, None]] = encoded
        return padded[:, 0] if longest == 1 else _numbered(padded)


@dataclass(frozen=True)
class Features:
    """What slices are made of, for some rows.

    Attributes:
      rows: how many there are.
      transformed: by column, for each model: where a column is here, the raw one is not looked at.
      raw: by column.
    """

    rows: int
    transformed: Sequence[Mapping[str, Values]]
    raw: Mapping[str, Values]


class Slicer:
    """The slices that were seen, in the order of their first rows.

    Attributes:
      keys: each slice, as TensorFlow Model Analysis names it, with its position.
      rows: how many rows each has, int64 [slices].
    """

    def __init__(self, specs: Iterable[config_pb2.SlicingSpec]) -> None:
        given = list(specs) or [config_pb2.SlicingSpec()]
        self._specs = [(tfma_private.SingleSliceSpec(spec=spec), sorted(columns_of([spec]))) for spec in given]
        self.keys: dict[SliceKey, int] = {}
        self.rows: NDArray[np.int64] = np.zeros(0, np.int64)

    def groups(self, features: Features) -> Groups:
        """Puts rows into slices."""
        found = [self._of_spec(spec, columns, features) for spec, columns in self._specs]
        # A row that two specs put into the same slice is in it once.
        pairs = np.unique(np.concatenate([rows * (len(self.keys) or 1) + slices for rows, slices in found]))
        rows, slices = np.divmod(pairs, len(self.keys) or 1)
        counted = np.bincount(slices, minlength=len(self.keys))
        counted[: len(self.rows)] += self.rows
        self.rows = counted
        return Groups(rows, slices, len(self.keys))

    def _of_spec(
        self, spec: tfma_private.SingleSliceSpec, columns: Sequence[str], features: Features
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows and slices of pairs, int64 [pairs] each."""
        sources = [*features.transformed, features.raw]
        present = [source[name] for source in sources for name in columns if name in source]
        codes = [values.codes() for values in present]
        code = _numbered(np.stack(codes, axis=1)) if codes else np.zeros(features.rows, np.int64)
        _, first, alike = np.unique(code, return_index=True, return_inverse=True)
        positions = [self._positions(spec, columns, features, row) for row in first.tolist()]
        counts = np.array([len(each) for each in positions])
        starts = np.cumsum(counts) - counts
        of_row = counts[alike]
        rows = np.repeat(np.arange(features.rows), of_row)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(of_row) - of_row, of_row)
        flat = np.array([position for each in positions for position in each], np.int64)
        return rows, flat[starts[alike][rows] + within]

    def _positions(
        self, spec: tfma_private.SingleSliceSpec, columns: Sequence[str], features: Features, row: int
    ) -> list[int]:
        """The slices of one row by one spec."""

        def chosen(source: Mapping[str, Values]) -> dict[str, NDArray[Any]]:
            return {name: source[name].row(row) for name in columns if name in source}

        transformed = [chosen(source) for source in features.transformed]
        keys = tfma_private.get_slices_for_features_dicts(transformed, chosen(features.raw), [spec])
        # A NaN equals no other but itself.
        one_nan = [tuple((name, math.nan if value != value else value) for name, value in key) for key in keys]
        return [self.keys.setdefault(key, len(self.keys)) for key in one_nan]


def columns_of(specs: Iterable[config_pb2.SlicingSpec]) -> set[str]:
    """The columns that slices are made of."""
    return {name for spec in specs for name in (*spec.feature_keys, *spec.feature_values)}


def _numbered(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each row of [rows, values], int64 [rows]: the same for equal rows."""
    if not rows.shape[1]:
        return np.zeros(len(rows), np.int64)
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
