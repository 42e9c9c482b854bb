"""The `data.split:` section: how rows are divided into train, eval and test."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from components.artifacts.splits import SPLITS
from components.example_gen.times import parse_time
from preprocessing.rules import broken_rule, check_named_once
from preprocessing.settings import ColumnName, Settings

Text = Annotated[str, Field(min_length=1)]


class HashSplit(Settings):
    """Rows go to a split by a hash of their content, in these proportions (6:2:2 is 60 %, 20 %, 20 %)."""

    by: Literal["hash"] = "hash"
    train: Annotated[int, Field(ge=1)] = 6
    eval: Annotated[int, Field(ge=1)] = 2
    test: Annotated[int, Field(ge=1)] = 2
    keys: tuple[ColumnName, ...] = ()
    """Rows with the same values here stay in the same split (a customer, a document); none of them missing.
    Without keys, equal rows stay together."""
    stratify: bool = False
    """Divides the rows of each class of the label in these proportions, not only all rows together."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.stratify and self.keys:
            message = "rows can't be divided by class and stay together by keys"
            raise broken_rule(message, field=("stratify",), hint="give one of them")
        check_named_once(self.keys, ("keys",))
        return self


class TimeSplit(Settings):
    """The oldest rows train, later ones are for `eval`, the newest for `test`."""

    by: Literal["time"]
    column: ColumnName
    """Dates or times, none missing. Integers are seconds since 1970-01-01 UTC, or digits in `format`."""
    format: str | None = None
    """The format of text, also of the cut-offs: `%Y %m %d %H %M %S` and literal characters. None is ISO
    (`2013-10-01`, `2013-10-01 12:00:00`, with a zone or in UTC)."""
    eval_from: Text | None = None
    """The first time of `eval`: every earlier row is for `train`."""
    test_from: Text | None = None
    """The first time of `test`."""
    train: Annotated[float, Field(gt=0)] | None = None
    """Without cut-offs: the share of the oldest rows. Shares are proportions, as 8:1:1."""
    eval: Annotated[float, Field(gt=0)] | None = None
    test: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.format is not None and re.search(r"%(?![YmdHMS])", self.format):
            message = "only %Y %m %d %H %M %S have a meaning"
            raise broken_rule(message, field=("format",), received=self.format)
        if self.format is not None and "%Y" not in self.format:
            raise broken_rule(field=("format",), expected="at least %Y", received=self.format)
        fractions = [name for name in SPLITS if getattr(self, name) is not None]
        cut_offs = [name for name in ("eval_from", "test_from") if getattr(self, name) is not None]
        if fractions and cut_offs:
            message = "give eval_from and test_from, or train, eval and test, not some of both"
            raise broken_rule(message, received=[*cut_offs, *fractions])
        if fractions and len(fractions) < len(SPLITS):
            raise broken_rule("shares in time order: give all of train, eval and test", received=fractions)
        if not fractions:
            if len(cut_offs) < 2:
                message = "give both eval_from and test_from (cut-offs), or train, eval and test (shares)"
                raise broken_rule(message, received=cut_offs)
            self.cut_offs()
        return self

    def cut_offs(self) -> tuple[int, int] | None:
        """`eval_from` and `test_from` in seconds since 1970-01-01 UTC; None where shares are given.

        Raises:
          ValueError: a broken rule: one of them is not a time in the format, or they are out of order.
        """
        if self.eval_from is None or self.test_from is None:
            return None
        times = {"eval_from": self.eval_from, "test_from": self.test_from}
        seconds = []
        for field, text in times.items():
            try:
                seconds.append(parse_time(text, self.format))
            except ValueError:
                expected = "an ISO date or time" if self.format is None else f"a time as {self.format}"
                raise broken_rule(field=(field,), expected=expected, received=text) from None
        if seconds[0] >= seconds[1]:
            raise broken_rule(
                "overlapping time ranges",
                field=("test_from",),
                expected=f"a time later than eval_from ({self.eval_from})",
                received=self.test_from,
            )
        return seconds[0], seconds[1]


class ColumnSplit(Settings):
    """A column says which split each row belongs to."""

    by: Literal["column"]
    column: ColumnName
    """None of its values missing."""
    train: Annotated[tuple[str | int, ...], Field(min_length=1)] = ("train",)
    """The values of the column that mean this split. A row with a value that no split lists is a bad row."""
    eval: Annotated[tuple[str | int, ...], Field(min_length=1)] = ("eval",)
    test: Annotated[tuple[str | int, ...], Field(min_length=1)] = ("test",)

    @model_validator(mode="after")
    def _check(self) -> Self:
        owner: dict[str, str] = {}
        for split in SPLITS:
            for value in map(str, getattr(self, split)):
                if not value:
                    message, hint = "an empty value means missing", "remove it: a row without a value has no split"
                    raise broken_rule(message, field=(split,), received=value, hint=hint)
                if value in owner:
                    message, hint = f"a value is listed for {owner[value]} already", "list it once: a row has one split"
                    raise broken_rule(message, field=(split,), received=value, hint=hint)
                owner[value] = split
        return self


def _by(value: Any) -> str | None:
    by = value.get("by", "hash") if isinstance(value, dict) else getattr(value, "by", None)
    return by if isinstance(by, str) else None


Split = Annotated[
    Annotated[HashSplit, Tag("hash")] | Annotated[TimeSplit, Tag("time")] | Annotated[ColumnSplit, Tag("column")],
    Discriminator(_by),
]
"""The `split:` section; `by` decides which options it has."""

SPLIT_KINDS = ("hash", "time", "column")
