"""What the values of a column are like, and what they tell of the label: a row number, the label itself, a leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.scaffold.survey import Column

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ID_WORDS = frozenset({"id", "ids", "uuid", "guid", "idx", "index", "rowid", "rownum", "key", "pk", "hash", "unnamed"})
"""Words of the names of columns that number the rows."""
MIN_ROWS_FOR_UNIQUENESS = 20
"""In fewer rows, that all values differ means nothing."""
_LEAK = 0.999
_MIN_ROWS_PER_VALUE = 5


def skewness(values: NDArray[np.float64]) -> float:
    """The third standardised moment; 0 for a constant."""
    deviations = values - values.mean()
    spread = float((deviations**2).mean())
    return float((deviations**3).mean()) / spread**1.5 if spread > 0 else 0.0


def is_row_number(column: Column) -> bool:
    """Whether integers ascend by the same step from row to row, from 0 or 1, none missing, as a row number does."""
    import numpy as np

    if column.profile.missing or column.uniqueness < 1 or len(column.numbers) < MIN_ROWS_FOR_UNIQUENESS:
        return False
    steps = np.diff(column.numbers)
    begins = column.numbers[0] in (0, 1) or bool(column.words & ID_WORDS)
    return begins and bool(steps[0] > 0 and (steps == steps[0]).all())


def same_as(column: Column, target: Column) -> bool:
    """Whether each value of a column stands for one value of the label, and the other way round."""
    if column.cells.equals(target.cells):
        return True
    if abs(column.distinct - target.distinct) > 1 or not _repeats(column):
        return False
    pairs, values, labels = _distinct_pairs(column, target)
    return pairs == values == labels


def determines(column: Column, target: Column) -> bool:
    """Whether a column's value leaves one value for the label, or the two move as one."""
    import numpy as np

    if _repeats(column):
        pairs, values, classes = _distinct_pairs(column, target)
        if pairs == values and classes > 1:
            return True
    if not (column.is_number and target.is_number) or column.profile.missing or target.profile.missing:
        return False
    numbers, labels = column.numbers, target.numbers
    if len(numbers) != len(labels) or len(labels) < MIN_ROWS_FOR_UNIQUENESS or not numbers.std() or not labels.std():
        return False
    return abs(float(np.corrcoef(numbers, labels)[0, 1])) > _LEAK


def _repeats(column: Column) -> bool:
    """Whether values have several rows each; where every row is different, that it tells the label means nothing."""
    return column.distinct * _MIN_ROWS_PER_VALUE <= len(column.cells)


def _distinct_pairs(column: Column, target: Column) -> tuple[int, int, int]:
    """How many different pairs of a value and a label there are, how many values, and how many labels."""
    import numpy as np

    size = int(target.codes.max()) + 1
    pairs = np.unique(column.codes * size + target.codes)
    return len(pairs), int(column.codes.max()) + 1, size
