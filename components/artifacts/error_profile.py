"""`error_profile.json` in the ModelEvaluation artifact: where a regression's errors lie, by the raw columns."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

FILE = "error_profile.json"
"""Not there for a classification, or where an older Evaluator did not look."""

Share = Annotated[FiniteFloat, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ErrorGroup(_Part):
    """Rows whose values of a column are alike."""

    label: str
    """The range, the value, `other values` or `missing`."""
    rows: Annotated[int, Field(ge=1)]
    share: Share
    """The share of all rows, by weight."""
    bias: FiniteFloat
    """The mean of prediction minus label, by weight, in the label's own units."""
    deviation: Annotated[FiniteFloat, Field(ge=0)] | None
    """The standard error of that mean; None of a single row, which says nothing of it."""


class ColumnErrors(_Part):
    """The errors by one column."""

    column: str
    explained: Share
    """The share of the errors' variance that is between the groups, adjusted for their number: 0 for a column that the
    errors do not depend on."""
    groups: tuple[ErrorGroup, ...]


class TailColumn(_Part):
    """One column among the rows with the largest errors and among the rest."""

    column: str
    kind: Literal["median", "share"]
    """What the three numbers are: the median of the column, or how often it has `value`."""
    value: str = ""
    low: FiniteFloat
    """Among the largest under-estimates."""
    rest: FiniteFloat
    """Among the rows between."""
    high: FiniteFloat
    """Among the largest over-estimates."""
    distance: Annotated[FiniteFloat, Field(ge=0)]
    """How far low or high is from the rest: in widths of the middle half of the rest, or as a difference of shares."""


class ErrorProfile(_Part):
    """Where the errors of the test rows lie."""

    rows: Annotated[int, Field(ge=1)]
    """The rows that this is made of: all, or a sample."""
    tail: Share
    """The share of the rows, by number, that each kind of largest errors takes."""
    columns: tuple[ColumnErrors, ...]
    """Those that explain most first."""
    tails: tuple[TailColumn, ...]
    """Those with the largest distance first."""
