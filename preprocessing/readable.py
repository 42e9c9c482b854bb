"""Which texts preprocessing reads as a date or a boolean: the rule of its graph, for whoever looks at a table.

Without TensorFlow: `preprocessing.dates` and `preprocessing.transform` do the same in the graph, and a test compares
the two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from preprocessing.config import BooleanFeature, DatetimeFeature, FeaturesConfig

if TYPE_CHECKING:
    import pyarrow as pa

_DIRECTIVE = re.compile("%([YmdHMS])")
_COUNT = r"\A-?\d{1,19}\z"
_PER_DAY = {
    "s": 86_400,
    "ms": 86_400_000,
    "us": 86_400_000_000,
    "ns": 86_400_000_000_000,
    "days": 1,
}
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, in days since 1970-01-01. Dates outside (a sentinel, as a rule) count as missing."""


class Dates(BaseModel):
    """How the dates of a column are written; see `DatetimeFeature`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    unit: str

    def readable(self, texts: pa.StringArray) -> pa.BooleanArray:
        """Which of some texts, none of them null, are dates; integers count what `unit` says since 1970.

        A column of text whose format is not all digits has no such integers, see `texts_only`.
        """
        import pyarrow.compute as pc

        dates = self.texts_only(texts)
        if digits_only(self.format):
            return dates
        counts = pc.match_substring_regex(texts, _COUNT)
        if not pc.any(counts).as_py():
            return dates
        days = pc.floor(pc.divide(pc.if_else(counts, texts, "0").cast("float64"), float(_PER_DAY[self.unit])))
        known = pc.and_(pc.greater_equal(days, FIRST_DAY), pc.less_equal(days, LAST_DAY))
        return pc.if_else(counts, known, dates)

    def texts_only(self, texts: pa.StringArray) -> pa.BooleanArray:
        """Which of some texts are dates in the format: of a day that there is, whatever follows but a digit."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        pieces = _DIRECTIVE.split(self.format)
        body = "".join(_group(piece) if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))
        # After a number of one or two digits the tail must not begin with a digit.
        found = pc.extract_regex(texts, rf"\A(?s:\s*{body}(?:\D.*)?)\z")
        there = found.is_valid()
        part = {"Y": 1970, "m": 1, "d": 1, "H": 0, "M": 0, "S": 0}
        number = {
            name: pc.if_else(there, found.field(name), str(default)).cast(pa.int64()).to_numpy()
            if name in pieces[1::2]
            else np.full(len(texts), default)
            for name, default in part.items()
        }
        year, month, day = number["Y"], number["m"], number["d"]
        leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
        days = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
        in_year = (month >= 1) & (month <= 12)
        last = days[np.where(in_year, month, 0)] + (leap & (month == 2))
        exists = in_year & (year >= 1) & (day >= 1) & (day <= last)
        matches = there.to_numpy(zero_copy_only=False)
        return pa.array(matches & exists & (number["H"] < 24) & (number["M"] < 60) & (number["S"] <= 60))


class Words(BaseModel):
    """The words of a boolean column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: tuple[str, ...]

    def readable(self, texts: pa.StringArray) -> pa.BooleanArray:
        """Which of some texts are among the words, upper and lower case being the same."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.is_in(pc.utf8_lower(texts), value_set=pa.array([word.lower() for word in self.words], pa.string()))

    def texts_only(self, texts: pa.StringArray) -> pa.BooleanArray:
        """The same: a boolean's integers are words too."""
        return self.readable(texts)


Reading = Dates | Words


def digits_only(date_format: str) -> bool:
    """Whether a date in this format looks like an integer, as 20240131 in `%Y%m%d`."""
    return re.fullmatch(r"(?:%[YmdHMS]|\d)+", date_format) is not None


def readings(features: FeaturesConfig) -> dict[str, Reading]:
    """How the columns of a `features:` section are read whose texts may be unreadable: dates and booleans."""
    found: dict[str, Reading] = {}
    groups: tuple[DatetimeFeature | BooleanFeature, ...] = (*features.datetime, *features.boolean)
    for group in groups:
        reading: Reading = (
            Dates(format=group.format, unit=group.unit)
            if isinstance(group, DatetimeFeature)
            else Words(words=(*group.true_values, *group.false_values))
        )
        found |= dict.fromkeys(group.columns, reading)
    return found


def _group(directive: str) -> str:
    return rf"(?P<{directive}>\d{{4}})" if directive == "Y" else rf"(?P<{directive}>\d{{1,2}})"
