"""The `features:` section: what each column is and how it becomes a model input."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from preprocessing.settings import ColumnName, DottedPath, Settings

Task = Literal["binary", "multiclass", "regression"]
DatePart = Literal["year", "month", "day", "day_of_week", "day_of_year", "hour", "minute", "elapsed"]
Parameter = bool | int | float | str
Columns = Annotated[tuple[ColumnName, ...], Field(min_length=1)]


class NumericMissing(Settings):
    """What a missing number (absent, null, NaN or infinite) becomes."""

    fill: Literal["mean", "median", "constant"] = "mean"
    """`mean` and `median` are those of the training split; `constant` is `value`. A bucketed column
    ignores this: its missing numbers get a bucket of their own."""
    value: float = 0.0
    """The number that `fill: constant` uses, in the column's own units."""
    indicator: bool = False
    """Adds a 0/1 input that says that the number was missing."""


class NumericFeature(Settings):
    """Columns of numbers. In order: fill, clip, log1p, then scale or buckets."""

    columns: Columns
    missing: NumericMissing = NumericMissing()
    clip: tuple[float, float] | None = None
    """[lowest, highest]; numbers outside become the bound."""
    log1p: bool = False
    """sign(x) * log(1 + |x|), defined for negative numbers too."""
    scale: Literal["z_score", "min_max", "none"] = "z_score"
    quantile_buckets: Annotated[int, Field(ge=2, le=1000)] | None = None
    """Replaces the number by which of this many equally filled buckets it falls into."""
    bucket_boundaries: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    """Replaces the number by which of the given intervals it falls into."""

    @property
    def bucketed(self) -> bool:
        """Whether the columns become bucket ids instead of numbers."""
        return self.quantile_buckets is not None or self.bucket_boundaries is not None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ValueError(f"clip: the lowest must be below the highest, received {list(self.clip)}")
        if self.quantile_buckets is not None and self.bucket_boundaries is not None:
            raise ValueError("give quantile_buckets or bucket_boundaries, not both")
        if self.bucketed and self.log1p:
            raise ValueError("log1p moves no number into another bucket: remove log1p, or the buckets")
        if self.bucket_boundaries is not None and any(
            low >= high for low, high in zip(self.bucket_boundaries, self.bucket_boundaries[1:], strict=False)
        ):
            raise ValueError(f"bucket_boundaries must ascend, received {list(self.bucket_boundaries)}")
        return self


class CategoricalFeature(Settings):
    """Columns of strings or integers that name categories: by vocabulary, or hashed."""

    columns: Columns
    top_k: Annotated[int, Field(ge=1)] | None = None
    """Keeps the most frequent values of the training split only; none keeps all."""
    min_frequency: Annotated[int, Field(ge=1)] | None = None
    """Keeps values seen at least this often in the training split."""
    oov_buckets: Annotated[int, Field(ge=1)] = 1
    """Ids for values outside the vocabulary, chosen by hash."""
    hash_buckets: Annotated[int, Field(ge=2)] | None = None
    """Hashes every value into this many ids instead of keeping a vocabulary."""
    fill: str | None = None
    """The value that stands in for a missing one; none makes missing a category of its own."""
    indicator: bool = False
    """Adds a 0/1 input that says that the value was missing."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.hash_buckets is not None and (self.top_k is not None or self.min_frequency is not None):
            raise ValueError("hash_buckets keeps no vocabulary: remove top_k and min_frequency, or hash_buckets")
        return self


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
        both = {value.lower() for value in self.true_values} & {value.lower() for value in self.false_values}
        if both:
            raise ValueError(f"{min(both)!r} is in true_values and in false_values (upper or lower case are the same)")
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
            raise ValueError(
                f"format: expected some of %Y %m %d %H %M %S, each once, and literal characters; "
                f"received {self.format!r}"
            )
        if len(set(self.parts)) < len(self.parts):
            raise ValueError(f"parts: each must be named once, received {list(self.parts)}")
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

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.classes is not None:
            if self.task == "regression":
                raise ValueError("classes: a regression label has none")
            if len(set(self.classes)) < len(self.classes):
                raise ValueError(f"classes: each must be named once, received {list(self.classes)}")
            if self.task == "binary" and len(self.classes) != 2:
                raise ValueError(f"classes: a binary label has two, received {list(self.classes)}")
        if self.transform != "none" and self.task != "regression":
            raise ValueError(f"transform: {self.transform} is for regression, this label is {self.task}")
        return self


class FeaturesConfig(Settings):
    """Which columns the model sees, by kind. A column stands in one group; the rest are ignored."""

    label: Label
    numeric: tuple[NumericFeature, ...] = ()
    categorical: tuple[CategoricalFeature, ...] = ()
    boolean: tuple[BooleanFeature, ...] = ()
    datetime: tuple[DatetimeFeature, ...] = ()
    crosses: tuple[Cross, ...] = ()
    weight: ColumnName | None = None
    """A column of example weights (0 or more), used in training and evaluation."""
    preprocessing_fn: DottedPath | None = None
    """Your own tf.Transform function, `f(inputs, custom_config) -> dict`: what it returns is added to
    the declared model inputs (see docs/preprocessing.md)."""
    preprocessing_params: dict[str, Parameter | tuple[Parameter, ...]] = Field(default_factory=dict)
    """Handed to `preprocessing_fn` as `custom_config`."""
    preprocessing_columns: tuple[ColumnName, ...] = ()
    """Columns that only `preprocessing_fn` reads. They become serving inputs too."""

    def columns(self) -> tuple[str, ...]:
        """The feature columns, in declaration order, without label and weight: the serving inputs."""
        return (
            *(column for numeric in self.numeric for column in numeric.columns),
            *(column for categorical in self.categorical for column in categorical.columns),
            *(column for boolean in self.boolean for column in boolean.columns),
            *(column for datetime in self.datetime for column in datetime.columns),
            *self.preprocessing_columns,
        )

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
        columns = self.columns()
        if not columns:
            raise ValueError("declare at least one column under numeric, categorical, boolean or datetime")
        if self.preprocessing_columns and self.preprocessing_fn is None:
            raise ValueError("preprocessing_columns: they are for preprocessing_fn, which is not given")
        duplicates = sorted({column for column in columns if columns.count(column) > 1})
        if duplicates:
            raise ValueError(f"duplicate feature {duplicates[0]!r}: a column stands in one group only")
        if self.label.column in columns:
            raise ValueError(f"the label {self.label.column!r} is among the features: remove it from its group")
        if self.weight is not None and self.weight in (*columns, self.label.column):
            raise ValueError(f"the weight {self.weight!r} is also a feature or the label: remove it there")
        allowed = set(self.crossable())
        crosses = [cross.columns for cross in self.crosses]
        for cross in self.crosses:
            if crosses.count(cross.columns) > 1:
                raise ValueError(f"crosses: {list(cross.columns)} is declared more than once")
            for column in cross.columns:
                if column not in allowed:
                    raise ValueError(
                        f"crosses: {column!r} is not a categorical, boolean or bucketed column; allowed: "
                        f"{sorted(allowed)}"
                    )
        return self
