"""The `features:` section: what each column is and how it becomes a model input."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from preprocessing.bag_config import Columns, ListFeature, TextFeature, Vocabulary
from preprocessing.errors import FieldPath, dotted
from preprocessing.number_config import NumericFeature, Ratio
from preprocessing.rules import broken_rule, check_named_once
from preprocessing.settings import ColumnName, DottedPath, Settings

Task = Literal["binary", "multiclass", "regression"]
DatePart = Literal["year", "month", "day", "day_of_week", "day_of_year", "hour", "minute", "elapsed"]
Parameter = bool | int | float | str

DECISION_THRESHOLD = 0.5
"""The more probable of two classes is answered."""


class CategoricalFeature(Vocabulary):
    """Columns of strings or integers that name categories: by vocabulary, or hashed."""

    top_k: Annotated[int, Field(ge=1)] | None = None
    """Keeps the most frequent values of the training split only; none keeps all."""
    oov_buckets: Annotated[int, Field(ge=1)] = 1
    """Ids for values outside the vocabulary, chosen by hash."""
    hash_buckets: Annotated[int, Field(ge=2)] | None = None
    """Hashes every value into this many ids instead of keeping a vocabulary."""
    fill: str | None = None
    """The value that replaces a missing one; none makes missing a category of its own."""
    indicator: bool = False
    """Adds a 0/1 input that says that the value was missing."""


class BooleanFeature(Settings):
    """Columns of yes or no: 0/1 integers, or strings listed here (compared in lower case)."""

    columns: Columns
    true_values: Annotated[tuple[str, ...], Field(min_length=1)] = ("true", "t", "yes", "y", "1")
    false_values: Annotated[tuple[str, ...], Field(min_length=1)] = ("false", "f", "no", "n", "0")
    fill: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The input, between 0 (no) and 1 (yes), for a missing or unlisted value."""
    indicator: bool = False
    """Adds a 0/1 input that says that the value was missing."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        # The list that the user gave is the one to look at: the other may have its defaults.
        lists = {"true_values": self.true_values, "false_values": self.false_values}
        name = "false_values" if "false_values" in self.model_fields_set else "true_values"
        (other,) = lists.keys() - {name}
        taken = {value.lower() for value in lists[other]}
        for position, value in enumerate(lists[name]):
            if value.lower() in taken:
                message = f"is in {other} too (upper and lower case are the same)"
                raise broken_rule(message, field=(name, position), received=value, hint="remove it from one of them")
        return self


class DatetimeFeature(Settings):
    """Columns of dates or times: strings in a given format, or integers since 1970-01-01 UTC."""

    columns: Columns
    format: str = "%Y-%m-%d"
    """For strings: `%Y %m %d %H %M %S` and literal characters; text after the last directive is ignored."""
    unit: Literal["s", "ms", "us", "ns", "days"] = "s"
    """For integers: what is counted since 1970-01-01 UTC."""
    parts: Annotated[tuple[DatePart, ...], Field(min_length=1)] = ("month", "day_of_week")
    """`day_of_week` counts from Monday; `elapsed` is the time itself, z-scored (so is `year`)."""
    encoding: Literal["cyclic", "categorical"] = "cyclic"
    """Repeating parts as sine and cosine of their period, or as category ids."""
    indicator: bool = True
    """Adds a 0/1 input that says that the date was missing or unreadable."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        directives = re.findall(r"%(.?)", self.format)
        if not directives or not set(directives) <= set("YmdHMS") or len(set(directives)) < len(directives):
            expected = "some of %Y %m %d %H %M %S, each once, and literal characters"
            raise broken_rule(field=("format",), expected=expected, received=self.format)
        check_named_once(self.parts, ("parts",))
        return self


class Cross(Settings):
    """One input for a combination of categorical, boolean or bucketed columns, hashed."""

    columns: Annotated[tuple[ColumnName, ...], Field(min_length=2)]
    hash_buckets: Annotated[int, Field(ge=2)] = 1000


class Label(Settings):
    """The column to predict. It is never a serving input."""

    column: ColumnName
    task: Task
    classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    """The classes in output order (for binary: negative, then positive). None learns them from the
    training split, most frequent first, so that the rarer class of a binary label is the positive one."""
    transform: Literal["none", "log", "log1p"] = "none"
    """Regression only: the scale that the model learns on. Predictions come back in the label's units."""
    decision_threshold: Annotated[float, Field(gt=0, lt=1)] = DECISION_THRESHOLD
    """Binary only: above this probability the positive class is answered. The served `label` and the metrics that count
    answers (docs/metrics.md) go by it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.classes is not None:
            if self.task == "regression":
                raise broken_rule("a regression label has none", field=("classes",), hint="remove it")
            check_named_once(self.classes, ("classes",))
            if self.task == "binary" and len(self.classes) != 2:
                hint = "name the negative and the positive one, or set task to multiclass"
                message = "a binary label has two"
                raise broken_rule(message, field=("classes",), received=list(self.classes), hint=hint)
        if self.transform != "none" and self.task != "regression":
            message = f"is for regression, this label is {self.task}"
            raise broken_rule(message, field=("transform",), received=self.transform, hint="use none")
        if self.decision_threshold != DECISION_THRESHOLD and self.task != "binary":
            message, received = f"is for binary labels, this label is {self.task}", self.decision_threshold
            raise broken_rule(message, field=("decision_threshold",), received=received, hint="remove it")
        return self


_Group = NumericFeature | CategoricalFeature | BooleanFeature | DatetimeFeature | ListFeature | TextFeature


class FeaturesConfig(Settings):
    """Which columns the model sees, by kind. A column belongs to one group; columns in none are ignored."""

    label: Label
    numeric: tuple[NumericFeature, ...] = ()
    categorical: tuple[CategoricalFeature, ...] = ()
    boolean: tuple[BooleanFeature, ...] = ()
    datetime: tuple[DatetimeFeature, ...] = ()
    lists: tuple[ListFeature, ...] = ()
    text: tuple[TextFeature, ...] = ()
    crosses: tuple[Cross, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    weight: ColumnName | None = None
    """A column of example weights (0 or more), used in training and evaluation."""
    preprocessing_fn: DottedPath | None = None
    """Your own tf.Transform function, `f(inputs, custom_config) -> dict`: what it returns is added to
    the declared model inputs (see docs/preprocessing.md)."""
    preprocessing_params: dict[str, Parameter | tuple[Parameter, ...]] = Field(default_factory=dict)
    """Passed to `preprocessing_fn` as `custom_config`."""
    preprocessing_columns: tuple[ColumnName, ...] = ()
    """Columns that only `preprocessing_fn` reads. They become serving inputs too."""

    def columns(self) -> tuple[str, ...]:
        """The feature columns, in declaration order, without label and weight: the serving inputs."""
        return tuple(column for _, column in self.mentions())

    def mentions(self) -> Iterator[tuple[FieldPath, str]]:
        """The columns of `columns`, each with the field that names it: `numeric`, 0, `columns`, 2."""
        kinds: dict[str, tuple[_Group, ...]] = {
            "numeric": self.numeric,
            "categorical": self.categorical,
            "boolean": self.boolean,
            "datetime": self.datetime,
            "lists": self.lists,
            "text": self.text,
        }
        for kind, groups in kinds.items():
            for position, group in enumerate(groups):
                for item, column in enumerate(group.columns):
                    yield (kind, position, "columns", item), column
        for item, column in enumerate(self.preprocessing_columns):
            yield ("preprocessing_columns", item), column

    def list_columns(self) -> tuple[str, ...]:
        """The columns with several values in a row."""
        return tuple(column for group in self.lists for column in group.columns)

    def crossable(self) -> Iterator[str]:
        """The columns that a cross may name."""
        for categorical in self.categorical:
            yield from categorical.columns
        for boolean in self.boolean:
            yield from boolean.columns
        for numeric in self.numeric:
            if numeric.bucketed:
                yield from numeric.columns

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.columns():
            raise broken_rule(
                "declare at least one column under numeric, categorical, boolean, datetime, lists or text"
            )
        if self.preprocessing_columns and self.preprocessing_fn is None:
            message = "they are for preprocessing_fn, which is not given"
            raise broken_rule(message, field=("preprocessing_columns",), hint="give it, or remove them")
        self._check_columns()
        self._check_crosses()
        self._check_ratios()
        return self

    def _check_columns(self) -> None:
        """A column has one use."""
        fields: dict[str, FieldPath] = {}
        for field, column in self.mentions():
            if column in fields:
                message = f"duplicate feature: it is in features.{dotted(fields[column][:-1])} already"
                raise broken_rule(message, field=field, received=column, hint="keep one of the two")
            fields[column] = field
        if self.label.column in fields:
            message, hint = "the label is among the features", "remove it from its group"
            raise broken_rule(message, field=fields[self.label.column], received=self.label.column, hint=hint)
        if self.weight is not None and self.weight in (*fields, self.label.column):
            message, hint = "the weight is also a feature or the label", "remove it there"
            field = fields.get(self.weight, ("label", "column"))
            raise broken_rule(message, field=field, received=self.weight, hint=hint)

    def _check_crosses(self) -> None:
        """A cross is declared once, and of columns that are categories."""
        allowed = tuple(sorted(set(self.crossable())))
        seen = set[tuple[str, ...]]()
        for position, cross in enumerate(self.crosses):
            if cross.columns in seen:
                received = list(cross.columns)
                raise broken_rule("is declared more than once", field=("crosses", position), received=received)
            seen.add(cross.columns)
            for item, column in enumerate(cross.columns):
                if column not in allowed:
                    raise broken_rule(
                        "is not a categorical, boolean or bucketed column",
                        field=("crosses", position, "columns", item),
                        received=column,
                        allowed=allowed,
                    )

    def _check_ratios(self) -> None:
        """A ratio has a name of its own, and is made of columns that are numbers anyway, so that serving has them."""
        numbers = tuple(column for group in self.numeric for column in group.columns)
        taken = {*self.columns(), self.label.column, self.weight}
        for position, ratio in enumerate(self.ratios):
            if ratio.name in taken:
                message, hint = "a column or another ratio has this name", "choose another name"
                raise broken_rule(message, field=("ratios", position, "name"), received=ratio.name, hint=hint)
            taken.add(ratio.name)
            for part in ("of", "by"):
                for item, column in enumerate(getattr(ratio, part)):
                    if column not in numbers:
                        raise broken_rule(
                            "is not a column of features.numeric",
                            field=("ratios", position, part, item),
                            received=column,
                            allowed=numbers,
                        )
