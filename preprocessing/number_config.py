"""The groups of `features:` that are numbers: columns of them, and what is made of several."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from preprocessing.bag_config import Columns
from preprocessing.rules import broken_rule
from preprocessing.settings import ColumnName, Settings

FREQUENCY_DEVIATION = 0.1
"""Frequencies low enough that neighbours begin as neighbours."""


class NumericMissing(Settings):
    """What a missing number (absent, null, NaN or infinite) becomes."""

    fill: Literal["mean", "median", "constant"] = "mean"
    """`mean` and `median` are those of the training split; `constant` is `value`. A bucketed column
    ignores this: its missing numbers get a bucket of their own."""
    value: float = 0.0
    """The number that `fill: constant` uses, in the column's own units."""
    indicator: bool = False
    """Adds a 0/1 input that says that the number was missing."""


class NumberEmbedding(Settings):
    """How a number becomes several before a model's first layer; for continuous columns (arXiv:2203.05556).

    Of a column with few different values, buckets or categories say as much. The method is of Gorishniy et al. 2022.
    """

    piecewise: Annotated[int, Field(ge=2, le=1000)] | None = None
    """Piecewise linear: the training split's quantiles divide the line into this many bins, and the slope of what is
    learned may change at each border."""
    periodic: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Periodic: sine and cosine of the scaled number at this many frequencies, which are learned."""
    deviation: Annotated[float, Field(gt=0)] = FREQUENCY_DEVIATION
    """Periodic: the standard deviation of the frequencies at the beginning, in periods per unit of the scaled
    number."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.piecewise is None) == (self.periodic is None):
            raise broken_rule("give either piecewise or periodic", hint="embed: {piecewise: 48} suits most columns")
        if self.periodic is None and self.deviation != FREQUENCY_DEVIATION:
            raise broken_rule("is for periodic", field=("deviation",), received=self.deviation, hint="remove it")
        return self


class NumericColumns(Settings):
    """The columns of a group of numbers."""

    columns: Columns


class Quotient(Settings):
    """A number that is made of the columns of a row."""

    name: ColumnName
    """What it is called among the model's inputs; no column may have the name."""
    of: Columns
    """Columns of `numeric`, multiplied with each other."""
    by: tuple[ColumnName, ...] = ()
    """Columns of `numeric`; their product divides. None leaves the product of `of`."""

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if len(self.of) + len(self.by) < 2:
            message = "is the column itself"
            raise broken_rule(
                message, field=("of",), received=list(self.of), hint="name a second column, here or in by"
            )
        return self


class NumberTreatment(Settings):
    """What becomes of a number. In order: fill, clip, log1p, then scale or buckets."""

    missing: NumericMissing = NumericMissing()
    clip: tuple[float, float] | None = None
    """[lowest, highest]; numbers outside become the bound."""
    log1p: bool = False
    """sign(x) * log(1 + |x|), defined for negative numbers too."""
    scale: Literal["z_score", "min_max", "robust_smooth", "none"] = "z_score"
    """`robust_smooth` is z = (x - median) / interquartile range (half the range where that is 0), then
    z / sqrt(1 + (z / 3)^2): however far a number lies, it becomes one between -3 and 3 (Holzmüller et al. 2024,
    arXiv:2407.04491)."""
    embed: NumberEmbedding | None = None
    """Spreads each number over `model.params.number_width` learned ones. `gbt` sees the plain number all the same."""
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
            message = "the lowest must be below the highest"
            raise broken_rule(message, field=("clip",), received=list(self.clip), hint="give [lowest, highest]")
        if self.quantile_buckets is not None and self.bucket_boundaries is not None:
            raise broken_rule("give quantile_buckets or bucket_boundaries, not both")
        if self.bucketed and self.embed is not None:
            raise broken_rule(
                "a bucket is a category, not a continuous number",
                field=("embed",),
                received=self.embed.model_dump(mode="json", exclude_defaults=True),
                hint="remove embed, or the buckets",
            )
        if self.bucketed and self.log1p:
            raise broken_rule("log1p moves no number into another bucket", hint="remove log1p, or the buckets")
        if self.bucket_boundaries is not None and any(
            low >= high for low, high in zip(self.bucket_boundaries, self.bucket_boundaries[1:], strict=False)
        ):
            received = list(self.bucket_boundaries)
            raise broken_rule("must ascend", field=("bucket_boundaries",), received=received, hint="sort them")
        return self


class NumericFeature(NumberTreatment, NumericColumns):
    """Columns of numbers. In order: fill, clip, log1p, then scale or buckets."""


class Ratio(NumberTreatment, Quotient):
    """A number more for the model, made of several: a rate, a share, a density, an area. Treated as `numeric` is.

    It is missing where one of them is, and where the divisor is 0.
    """
