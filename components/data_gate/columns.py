"""Which columns the gate looks at, and as what: the part of `features:` that its checks depend on.

Less than the whole section, so that another scaling or a cross doesn't make the gate run again.
"""

from collections.abc import Sequence
from typing import Literal, Self

from preprocessing.config import (
    BooleanFeature,
    CategoricalFeature,
    DatetimeFeature,
    FeaturesConfig,
    NumericFeature,
    Task,
)
from preprocessing.settings import ColumnName, Settings

Kind = Literal["number", "category", "boolean", "datetime", "own"]
"""`own`: a column that only the user's preprocessing function reads."""
_Group = NumericFeature | CategoricalFeature | BooleanFeature | DatetimeFeature


class Columns(Settings):
    """The label and the inputs of the model."""

    label: ColumnName
    task: Task
    inputs: dict[ColumnName, Kind]
    """Inputs by column. A column of the table that is not here is not used by the model."""
    divided_by: tuple[ColumnName, ...] = ()
    """The columns that decide each row's split, where the schema knows their values from the training split alone:
    that the other splits have others is what they are for."""

    @classmethod
    def of(cls, features: FeaturesConfig, divided_by: Sequence[str] = ()) -> Self:
        """The columns of a `features:` section."""
        kinds: tuple[tuple[Kind, tuple[_Group, ...]], ...] = (
            ("number", features.numeric),
            ("category", features.categorical),
            ("boolean", features.boolean),
            ("datetime", features.datetime),
        )
        inputs: dict[str, Kind] = {
            column: kind for kind, groups in kinds for group in groups for column in group.columns
        }
        inputs.update(dict.fromkeys(features.preprocessing_columns, "own"))
        return cls(label=features.label.column, task=features.label.task, inputs=inputs, divided_by=tuple(divided_by))

    def used(self, column: str) -> bool:
        """Whether the model may use the column as an input."""
        return column in self.inputs

    def needs(self, column: str) -> bool:
        """Whether no run can do without the column."""
        return column == self.label or self.used(column)

    def is_number(self, column: str) -> bool:
        """Whether the column has to hold numbers."""
        return self.inputs.get(column) == "number" or (column == self.label and self.task == "regression")

    def comparable(self, column: str) -> bool:
        """Whether the column's distribution is expected to stay: a date moves on by nature."""
        return self.used(column) and self.inputs.get(column) != "datetime"
