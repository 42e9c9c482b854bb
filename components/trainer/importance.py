"""How much each raw column mattered to the model: what shuffling it among rows changes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Inputs = Mapping[str, Array]
Sources = Mapping[str, tuple[str, ...]]


class Importance(NamedTuple):
    """How much each raw column mattered, in the predictions' own units.

    Attributes:
      change: by column: the mean absolute change.
      error: by column: its standard error, over the rows that differ.
    """

    change: dict[str, float]
    error: dict[str, float]


def importance(
    predict: Callable[[Inputs], Array], inputs: Inputs, sources: Sources, seed: int, copies: int = 1, at_once: int = 1
) -> Importance | None:
    """The mean absolute change of the predictions, over rows and classes, when one column is shuffled.

    All inputs that are made of the column are shuffled together. A cross stays what Transform would have made of the
    shuffled row: rows exchange a column's value only where they agree in the columns that it is crossed with. Where
    few agree the number is lower than that of a free shuffle, never that of another column.

    Args:
      predict: gives predictions of shape [rows] or [rows, classes] for model inputs.
      inputs: the model's inputs by name, each of shape [rows, size].
      sources: the columns behind each input (see `preprocessing.features.source_columns`). An input that is not in it
        keeps its rows; a column that is in none of its tuples gets no number.
      seed: of the shuffling.
      copies: how often `inputs` has each row: see `Sample.repeated`.
      at_once: so many columns are shuffled in one call of `predict`, each among rows of its own: of a few rows of many
        columns, a call takes as long as the inputs are many.

    Returns:
      None when a prediction is not finite.
    """
    many = {name: np.tile(values, (at_once, 1)) for name, values in inputs.items()}
    # Compared at equal places of equal batches: elsewhere in a batch the last digits of an answer differ.
    before = predict(many)
    if not np.isfinite(before).all():
        return None
    random = np.random.default_rng(seed)
    found = Importance({}, {})
    rows = len(before) // at_once
    columns = list(dict.fromkeys(column for columns in sources.values() for column in columns))
    for start in range(0, len(columns), at_once):
        together = columns[start : start + at_once]
        after = predict({**many, **_shuffled(together, inputs, many, sources, random)})
        for block, column in enumerate(together):
            part = slice(block * rows, (block + 1) * rows)
            # Copies of a row are not further rows: the error is that of the rows' own means.
            changes = np.abs(after[part] - before[part], dtype=np.float64).reshape(copies, rows // copies, -1)
            by_row = changes.mean(axis=(0, 2))
            found.change[column] = float(by_row.mean())
            found.error[column] = float(by_row.std(ddof=1) / np.sqrt(len(by_row))) if len(by_row) > 1 else 0.0
    return found if np.isfinite([*found.change.values(), *found.error.values()]).all() else None


def _shuffled(
    columns: Sequence[str], inputs: Inputs, many: Inputs, sources: Sources, random: np.random.Generator
) -> dict[str, Array]:
    """The inputs that are made of some columns, each column shuffled in a block of its own of the repeated rows."""
    changed: dict[str, Array] = {}
    for block, column in enumerate(columns):
        givers = _givers(column, inputs, sources, random)
        rows = slice(block * len(givers), (block + 1) * len(givers))
        for name in (name for name, behind in sources.items() if column in behind):
            if name not in changed:
                changed[name] = many[name].copy()
            changed[name][rows] = inputs[name][givers]
    return changed


def _givers(column: str, inputs: Inputs, sources: Sources, random: np.random.Generator) -> Array:
    """From which row each row takes the column: a permutation among rows that agree in what it is crossed with."""
    crossed = {other for columns in sources.values() if column in columns for other in columns} - {column}
    keys = [inputs[name] for name, columns in sources.items() if len(columns) == 1 and columns[0] in crossed]
    rows = len(next(iter(inputs.values())))
    group = np.zeros(rows, np.int64)
    if keys:
        _, group = np.unique(np.concatenate(keys, axis=1), axis=0, return_inverse=True)
    givers = np.empty(rows, np.int64)
    # Both orders go group by group; within one, the first is that of the rows and the second is random.
    givers[np.argsort(group, kind="stable")] = np.lexsort((random.random(rows), group))
    return givers


class Sample:
    """A few of the rows that pass by in batches, each row with the same chance.

    The first ones alone would not do: a table may be sorted by anything.

    Attributes:
      inputs: the model inputs of the rows drawn so far, each of shape [rows, size].
    """

    def __init__(self, size: int, seed: int) -> None:
        """Draws at most `size` rows."""
        self._size, self._random = size, np.random.default_rng(seed)
        self._lots: Array = np.zeros(0)
        self.inputs: dict[str, Array] = {}

    def add(self, batch: Inputs) -> None:
        """Draws a lot for each row of the batch, by input of shape [rows, size]; the lowest lots so far stay."""
        rows = len(next(iter(batch.values())))
        lots = np.concatenate([self._lots, self._random.random(rows)])
        kept = np.argsort(lots)[: self._size]
        self._lots = lots[kept]
        before = self.inputs or {name: values[:0] for name, values in batch.items()}
        self.inputs = {name: np.concatenate([before[name], values])[kept] for name, values in batch.items()}

    @property
    def copies(self) -> int:
        """How many whole copies fit into its size."""
        return max(1, self._size // max(1, len(self._lots)))

    def repeated(self) -> dict[str, Array]:
        """The sample over and over, in `copies`.

        Shuffled as one table, each of a few rows meets many others: a single shuffle of sixty is a matter of luck.
        """
        return {name: np.tile(values, (self.copies, 1)) for name, values in self.inputs.items()}
