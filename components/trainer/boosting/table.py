"""The transformed rows as the matrix that trees are grown on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from components.trainer.boosting.sklearn_private import MOST_CATEGORIES
from preprocessing.errors import UserError
from preprocessing.features import LABEL, WEIGHT, ModelInput, transformed, without_positions
from preprocessing.input_pipeline import Rows
from preprocessing.matrices import Matrices

Array = np.ndarray[Any, Any]

UNKNOWN = -1
"""The code of an id that no training row has."""
_ROW_AND_UNIT = 16
"""Bytes that a row takes for each unit while trees grow: a sum in float64, a gradient and a hessian in float32."""
_DIRECTIONS = {"increasing": 1, "decreasing": -1}


@dataclass(frozen=True)
class Columns:
    """What the columns of the matrix are: all numbers first, then a code for each categorical input.

    Attributes:
      inputs: the model inputs in their own order, `without_positions`.
      codes: for each categorical input the code of each id, int64 [size], or `UNKNOWN`.
    """

    inputs: tuple[ModelInput, ...]
    codes: tuple[Array, ...]

    @classmethod
    def learned(cls, rows: Matrices) -> Self:
        """The columns of a training split."""
        sizes = [each.size for each in rows.inputs if each.kind == "categorical"]
        ids = rows.ids.numpy()
        return cls(without_positions(rows.inputs), tuple(codes_of(ids[:, at], size) for at, size in enumerate(sizes)))

    @property
    def numbers(self) -> int:
        """How many columns are numbers."""
        return sum(each.size for each in self.inputs if each.kind == "dense")

    @property
    def categories(self) -> list[int | None]:
        """By column how many codes it has, None for numbers."""
        return [*[None] * self.numbers, *(int(codes.max()) + 1 for codes in self.codes)]

    def monotone(self, wanted: Mapping[str, Literal["increasing", "decreasing"]]) -> Array | None:
        """The direction of each column of the matrix, int8: 1, -1, or 0 for any; None where none has one.

        Args:
          wanted: by column of the table, numeric ones.
        """
        if not wanted:
            return None
        directions = np.zeros(len(self.categories), np.int8)
        names = {transformed(column, "number"): _DIRECTIONS[direction] for column, direction in wanted.items()}
        at = 0
        for each in self.inputs:
            if each.kind == "dense":
                directions[at : at + each.size] = names.get(each.name, 0)
                at += each.size
        return directions

    def matrix(self, rows: Matrices) -> Array:
        """The rows, float64 [rows, columns]; NaN for missing numbers and for codes of unknown ids."""
        ids = rows.ids.numpy()
        matrix = np.empty((len(rows), len(self.categories)), np.float64, order="F")
        dense = [each for each in rows.inputs if each.kind == "dense"]
        seen = np.repeat([not each.position_of for each in dense], [each.size for each in dense])
        matrix[:, : self.numbers] = rows.numbers.numpy()[:, seen]
        for at, codes in enumerate(self.codes):
            found = codes[ids[:, at]]
            matrix[:, self.numbers + at] = np.where(found == UNKNOWN, np.nan, found)
        return matrix


def codes_of(ids: Array, size: int) -> Array:
    """A code for each id that occurs, from 0 on; beyond the most that a column may have, the rarest share the last one.

    Args:
      ids: those of the training rows, each in [0, size).
      size: how many different ids there can be.

    Returns:
      int64 [size].
    """
    counts = np.bincount(ids, minlength=size)
    present = np.flatnonzero(counts)
    codes = np.full(size, UNKNOWN, np.int64)
    if len(present) <= MOST_CATEGORIES:
        codes[present] = np.arange(len(present))
        return codes
    # Of equally frequent ones the lower ids, which a vocabulary gives to those that came first.
    by_frequency = present[np.argsort(-counts[present], kind="stable")]
    codes[by_frequency] = MOST_CATEGORIES - 1
    codes[np.sort(by_frequency[: MOST_CATEGORIES - 1])] = np.arange(MOST_CATEGORIES - 1)
    return codes


@dataclass(frozen=True)
class Table:
    """The rows of one split.

    Attributes:
      matrix: float64 [rows, columns], see `Columns`.
      labels: float64 [rows]: class ids, or standardised numbers.
      weights: float64 [rows], 1 on average; None where all rows count the same.
    """

    matrix: Array
    labels: Array
    weights: Array | None

    @classmethod
    def read(
        cls,
        rows: Matrices,
        columns: Columns,
        split: str,
        *,
        mean: float,
        std: float,
        class_weights: Array | None = None,
    ) -> Self:
        """Takes the rows of a split.

        Args:
          rows: in memory.
          columns: of the training split.
          split: its name, for messages.
          mean, std: of a regression's training labels; 0 and 1 of classes.
          class_weights: by class id; None weighs all alike.

        Raises:
          UserError: all rows have the weight 0.
        """
        raw = rows.targets[LABEL].numpy()[:, 0]
        weights = rows.targets[WEIGHT].numpy()[:, 0].astype(np.float64) if WEIGHT in rows.targets else None
        if class_weights is not None:
            weights = class_weights[raw] * (1.0 if weights is None else weights)
        if weights is not None:
            if not weights.sum() > 0:
                raise UserError(
                    f"all rows of split {split!r} have the weight 0, which leaves the training nothing to go by",
                    field=("features", "weight"),
                    hint="correct the column, or remove it from features.weight",
                )
            # What counts is how they compare: scikit-learn splits nothing whose weights add up to less than 0.001.
            weights = weights / weights.mean()
        return cls(columns.matrix(rows), (raw.astype(np.float64) - mean) / std, weights)


def in_memory_only(rows: Rows, split: str, limit_mb: float, units: int) -> Matrices:
    """The rows, which trees need all at once.

    Args:
      rows: of a split.
      split: its name, for messages.
      limit_mb: MiB that the split may take, with what growing trees keeps for each row and unit.
      units: outputs of the model.

    Raises:
      UserError: they take more memory than they may; much more, where they are in files.
    """
    if isinstance(rows, Matrices) and rows.size + _ROW_AND_UNIT * units * len(rows) <= limit_mb * 2**20:
        return rows
    classes = f" and {units} classes" if units > 1 else ""
    raise UserError(
        f"split {split!r} takes more than this, and the family gbt is trained on all of its rows{classes} at once",
        field=("train", "memory_mb"),
        received=limit_mb,
        hint="raise it (the training takes about four times as much as the split), or choose a family that reads rows "
        "from files: mlp, wide_deep, dcn",
    )


def as_known(codes: Sequence[Array], unknown: int) -> Array:
    """The codes of all categorical inputs one after the other, int32, with a code for unknown ids too."""
    joined = np.concatenate([np.zeros(0, np.int64), *codes])
    return np.where(joined == UNKNOWN, unknown, joined).astype(np.int32)
