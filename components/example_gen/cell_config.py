"""How the cells of a table are read: the sections `data.csv` and `data.columns`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from preprocessing.missing import USUAL_WORDS
from preprocessing.rules import broken_rule, matching
from preprocessing.settings import Settings

BLANKS = "blanks"
"""The delimiter that is any number of blanks and tabs."""


class CsvOptions(Settings):
    """How CSV text is read."""

    delimiter: Annotated[
        str, matching(r"^(?:[\t !-~]|blanks)$", "one character (a tab, printable ASCII), or blanks")
    ] = ","
    """One character: a tab, or printable ASCII other than the quote. Or `blanks`: any number of blanks and tabs."""
    quote: Annotated[str, matching(r"^[!-~]$", "one character of printable ASCII")] = '"'
    """The character around cells that hold a delimiter, a line break or (then doubled) itself."""
    encoding: str = "utf-8"
    """The encoding as Python names it: utf-8, latin-1, cp1252, utf-16, ..."""
    null_values: tuple[str, ...] = ("", *USUAL_WORDS)
    """Cells that mean missing, with blanks around them or not; empty cells and cells of blanks always do. `columns` has
    other words for single columns."""
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = 0
    """Lines of each file before its header that are passed over: a title, comments, `sep=;`."""
    header: bool = True
    """Whether the first line holds the columns' names; if not, they are column_1, column_2 and so on."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.delimiter == self.quote:
            raise broken_rule("must not be the quote", field=("delimiter",), received=self.delimiter)
        return self

    @property
    def separator(self) -> str:
        """The character between two cells, once runs of blanks are single ones."""
        return " " if self.delimiter == BLANKS else self.delimiter


class ColumnOptions(Settings):
    """How the texts of one column are read, in every format."""

    null_values: tuple[str, ...] | None = None
    """The texts of this column that mean missing, instead of `csv.null_values`: `[""]` makes `NA` a value. None takes
    `csv.null_values`, and in formats that have a null of their own the empty text alone."""
    replace: dict[str, str] = Field(default_factory=dict)
    """Texts that stand for others: `{"yes ": "yes", "Yes": "yes"}`. For the label, for numbers and for
    columns that are not inputs: a request sends other inputs as they stand in the table."""
    decimal: Literal[".", ","] | None = None
    """The decimal mark of numbers written as text; none is `.`. This field or one of the next three makes the column's
    texts numbers: `1.234,50 €` becomes 1234.5. What is not written so is a bad row."""
    thousands: Literal["", ",", ".", " ", "'"] = ""
    """What stands between groups of three digits; a blank stands for the no-break ones too."""
    units: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Texts before or after the number that are taken away: `$`, `EUR`, `kg`, `%` (17% becomes 17)."""
    multipliers: dict[Annotated[str, Field(min_length=1)], Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    """Texts after the number that multiply it: `{K: 1000, M: 1000000}`, or units in one of them,
    `{kg: 1, lb: 0.4536}`."""
    separator: (
        Annotated[str, matching(r"^[\t -/:-@\[\]^_`{|}~]$", "one blank, tab or punctuation mark, not a backslash")]
        | None
    ) = None
    """What stands between the values of a list in one cell: with `|` the cell `a|b|c` is a list of three. For columns
    of `features.lists`. Blanks around a value don't count, values that are empty or mean missing are left out."""

    @property
    def are_numbers(self) -> bool:
        """Whether the column's texts are numbers in words."""
        return bool(self.decimal or self.thousands or self.units or self.multipliers)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.separator and self.are_numbers:
            message, hint = "lists have texts, not numbers in words", "remove it, or the fields of numbers"
            raise broken_rule(message, field=("separator",), received=self.separator, hint=hint)
        if self.thousands and self.thousands == (self.decimal or "."):
            other = "," if self.thousands == "." else "."
            hint = f"set decimal to {other!r}, or leave thousands out"
            raise broken_rule("is the decimal mark too", field=("thousands",), received=self.thousands, hint=hint)
        return self
