"""Which columns the gate looks at, and as what: the part of `features:` that its checks depend on.

Less than the whole section, so that another scaling or a cross doesn't make the gate run again.
"""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from components.data_gate.seen import Floor
from preprocessing.bag_config import ListFeature, TextFeature
from preprocessing.config import BooleanFeature, CategoricalFeature, DatetimeFeature, FeaturesConfig, Task
from preprocessing.number_config import NumericFeature
from preprocessing.readable import Reading, readings
from preprocessing.settings import ColumnName, Settings

Kind = Literal["number", "category", "boolean", "datetime", "list", "text", "own"]
"""`own`: a column that only the user's preprocessing function reads."""
_Group = NumericFeature | CategoricalFeature | BooleanFeature | DatetimeFeature | ListFeature | TextFeature


class Columns(Settings):
    """The label and the inputs of the model."""

    label: ColumnName
    task: Task
    inputs: dict[ColumnName, Kind]
    """Inputs by column. A column of the table that is not here is not used by the model."""
    classes: tuple[str, ...] | None = None
    """The label's classes, where the configuration names them."""
    transform: Literal["none", "log", "log1p"] = "none"
    """The scale that a regression learns on."""
    weight: ColumnName | None = None
    """The column of example weights."""
    readings: dict[ColumnName, Reading] = Field(default_factory=dict)
    """How dates and booleans are read."""
    keys: tuple[ColumnName, ...] = ()
    """The columns that split or slice."""
    divided_by: tuple[ColumnName, ...] = ()
    """The columns that decide each row's split, where the schema knows their values from the training split alone:
    that the other splits have others is what they are for."""

    @classmethod
    def of(cls, features: FeaturesConfig, keys: Sequence[str] = (), divided_by: Sequence[str] = ()) -> Self:
        """The columns of a `features:` section, and those that the rest of the configuration names."""
        kinds: tuple[tuple[Kind, tuple[_Group, ...]], ...] = (
            ("number", features.numeric),
            ("category", features.categorical),
            ("boolean", features.boolean),
            ("datetime", features.datetime),
            ("list", features.lists),
            ("text", features.text),
        )
        inputs: dict[str, Kind] = {
            column: kind for kind, groups in kinds for group in groups for column in group.columns
        }
        inputs.update(dict.fromkeys(features.preprocessing_columns, "own"))
        return cls(
            label=features.label.column,
            task=features.label.task,
            inputs=inputs,
            classes=features.label.classes,
            transform=features.label.transform,
            weight=features.weight,
            readings=readings(features),
            keys=tuple(keys),
            divided_by=tuple(divided_by),
        )

    @property
    def counted(self) -> tuple[str, ...]:
        """The columns whose values are judged one by one: the label, the weight, dates and booleans."""
        return (self.label, *([self.weight] if self.weight is not None else []), *self.readings)

    @property
    def numbers(self) -> dict[str, str]:
        """The columns that have to be numbers, each with what it is: a column, the label of a regression, a weight."""
        roles = {name: "column" for name, kind in self.inputs.items() if kind == "number"}
        if self.task == "regression":
            roles[self.label] = "label"
        if self.weight is not None:
            roles[self.weight] = "weight"
        return roles

    def floor(self, column: str) -> Floor | None:
        """The smallest number that the column may hold; None where any will do."""
        if column == self.weight:
            return Floor(0.0, allowed=True)
        if column == self.label and self.transform != "none":
            return Floor({"log": 0.0, "log1p": -1.0}[self.transform], allowed=False)
        return None

    def used(self, column: str) -> bool:
        """Whether the model may use the column as an input."""
        return column in self.inputs

    def named(self, column: str) -> bool:
        """Whether the configuration uses the column for anything."""
        return column in self.inputs or column in (self.label, self.weight, *self.keys, *self.divided_by)

    def needs(self, column: str) -> bool:
        """Whether no run can do without the column."""
        return column == self.label or self.used(column)

    def is_number(self, column: str) -> bool:
        """Whether the column has to hold numbers."""
        return self.inputs.get(column) == "number" or (column == self.label and self.task == "regression")

    def comparable(self, column: str) -> bool:
        """Whether the column's distribution is expected to stay: a date moves on by nature."""
        return self.used(column) and self.inputs.get(column) != "datetime"
