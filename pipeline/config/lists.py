"""Where a column of lists can't stand. Pure rules."""

from collections.abc import Sequence

from components.example_gen.config import DataConfig
from preprocessing.config import FeaturesConfig
from preprocessing.errors import FieldPath
from preprocessing.rules import broken_rule


def check_lists(features: FeaturesConfig, data: DataConfig, slices: Sequence[tuple[str, ...]]) -> None:
    """A row is in one split, and a slice is of rows that share a value; lists are for columns that take several.

    Raises:
      PydanticCustomError: a broken rule: a slice or a split is by a column of lists, or cells are divided into the
        values of a column that is none.
    """
    named: dict[FieldPath, str] = {
        ("evaluate", "slices", position, item): column
        for position, columns in enumerate(slices)
        for item, column in enumerate(columns)
    }
    named |= {("data", *field): column for field, column in data.split_columns().items()}
    for field, column in named.items():
        if column in features.list_columns():
            message, hint = "is a column of features.lists, of which a row has several values", "name another column"
            raise broken_rule(message, field=field, received=column, hint=hint)
    for column, options in data.columns.items():
        if options.separator is not None and column not in features.list_columns():
            raise broken_rule(
                f"makes lists of {column!r}, which is not a column of features.lists",
                field=("data", "columns", column, "separator"),
                received=options.separator,
                hint="declare the column under features.lists, or remove it",
            )
